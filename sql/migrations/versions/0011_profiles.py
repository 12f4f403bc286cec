"""How a company's CSV and transcripts are written, and the columns of a CSV that mean nothing to us, kept with each row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011_profiles"
down_revision = "0010_unread_values"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("companies", sa.Column("csv_profile", JSONB))
    op.add_column("companies", sa.Column("transcript_profile", JSONB))
    # Only id and start have to be there: an end that is missing is the start, which messages widen.
    op.alter_column("session_imports", "end_time_raw", nullable=True)
    op.add_column("session_imports", sa.Column("extra", JSONB))


def downgrade() -> None:
    op.execute("UPDATE session_imports SET end_time_raw = start_time_raw WHERE end_time_raw IS NULL")
    op.alter_column("session_imports", "end_time_raw", nullable=False)
    op.drop_column("session_imports", "extra")
    op.drop_column("companies", "transcript_profile")
    op.drop_column("companies", "csv_profile")
