"""Indexes ids of the old system in the large tables only where rows have one: the unique constraints indexed every null."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023_legacy_indexes"
down_revision = "0022_sessions_by_id"
branch_labels = None
depends_on = None

TABLES = ("session_imports", "sessions", "ai_processing_requests", "ai_request_attempts")


def upgrade() -> None:
    # The constraint goes once the index is there; both statements can be run again after an interruption.
    with op.get_context().autocommit_block():
        for table in TABLES:
            _build(f"ix_{table}_legacy_id", table, "legacy_id IS NOT NULL")
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS uq_{table}_legacy_id")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for table in TABLES:
            name = f"uq_{table}_legacy_id"
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
            _build(name, table, None)
            op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}")
            op.drop_index(f"ix_{table}_legacy_id", table, if_exists=True, postgresql_concurrently=True)


def _build(name: str, table: str, where: str | None) -> None:
    # A build that was interrupted leaves an invalid index behind; it is dropped before it is built again.
    op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
    limit = None if where is None else sa.text(where)
    op.create_index(name, table, ["legacy_id"], unique=True, postgresql_concurrently=True, postgresql_where=limit)
