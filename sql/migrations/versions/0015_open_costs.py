"""Finds open costs through an index: of tries that may have been charged at a cost that nobody knows, and of unusual tiers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015_open_costs"
down_revision = "0014_money"
branch_labels = None
depends_on = None

TABLE = "ai_request_attempts"
INDEXES = (
    (
        "ix_ai_request_attempts_open_cost",
        "batch_id",
        "total_cost_eur IS NULL AND outcome IN"
        " ('parsed', 'refused', 'truncated', 'invalid_output', 'artifact_unavailable', 'missing')",
    ),
    (
        "ix_ai_request_attempts_other_tier",
        "settled_at",
        "batch_id IS NOT NULL AND lower(btrim(service_tier)) NOT IN ('', 'auto', 'default', 'standard', 'batch')",
    ),
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, column, where in INDEXES:
            # A build that was interrupted leaves an invalid index behind; it is dropped before it is built again.
            op.drop_index(name, TABLE, if_exists=True, postgresql_concurrently=True)
            op.create_index(name, TABLE, [column], postgresql_where=sa.text(where), postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name, _, _ in INDEXES:
            op.drop_index(name, TABLE, if_exists=True, postgresql_concurrently=True)
