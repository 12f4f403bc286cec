"""Finds the sessions of a company in the order of their ids, a chunk at a time.

Without it each chunk of requests sorted all sessions of the company that were left.
"""

from __future__ import annotations

from alembic import op

revision = "0022_sessions_by_id"
down_revision = "0021_comments"
branch_labels = None
depends_on = None

INDEX = "ix_sessions_company_id_id"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # A build that was interrupted leaves an invalid index behind.
        _drop()
        op.create_index(INDEX, "sessions", ["company_id", "id"], postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _drop()


def _drop() -> None:
    op.drop_index(INDEX, "sessions", if_exists=True, postgresql_concurrently=True)
