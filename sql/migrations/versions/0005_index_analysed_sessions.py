"""An index for the feed of a company's results, built without blocking writers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005_index_analysed_sessions"
down_revision = "0004_http_api"
branch_labels = None
depends_on = None

NAME = "ix_sessions_company_id_analysed_at"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # A build that was interrupted leaves an invalid index behind; it is dropped before it is built again.
        op.drop_index(NAME, "sessions", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            NAME,
            "sessions",
            ["company_id", "analysed_at", "id"],
            postgresql_where=sa.text("analysed_at IS NOT NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(NAME, "sessions", if_exists=True, postgresql_concurrently=True)
