"""A note on each row of a CSV of what its optional columns held that could not be read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010_unread_values"
down_revision = "0009_chat_batches"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("session_imports", sa.Column("unread", JSONB))


def downgrade() -> None:
    op.drop_column("session_imports", "unread")
