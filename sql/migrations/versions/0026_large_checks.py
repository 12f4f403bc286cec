"""Indexes for health checks that read every try: those that stand in neither result file, and those of chats."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026_large_checks"
down_revision = "0025_spend_sums"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_ai_request_attempts_missing", "ai_request_attempts", "request_id", "outcome = 'missing'"),
    (
        "ix_ai_processing_requests_chat_interaction_id",
        "ai_processing_requests",
        "chat_interaction_id",
        "chat_interaction_id IS NOT NULL",
    ),
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, table, column, where in INDEXES:
            # A build that was interrupted leaves an invalid index behind; it is dropped before it is built again.
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
            op.create_index(name, table, [column], postgresql_where=sa.text(where), postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name, table, _, _ in INDEXES:
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
