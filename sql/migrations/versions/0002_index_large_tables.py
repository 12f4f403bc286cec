"""Indexes on the tables that grow largest, built without blocking writers."""

from __future__ import annotations

from alembic import op

revision = "0002_index_large_tables"
down_revision = "0001_tables"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_sessions_company_id_start_time", "sessions", ["company_id", "start_time"]),
    (
        "ix_ai_processing_requests_company_status_id",
        "ai_processing_requests",
        ["company_id", "processing_status", "id"],
    ),
    ("ix_ai_processing_requests_status_id", "ai_processing_requests", ["processing_status", "id"]),
    ("ix_ai_request_attempts_settled_at", "ai_request_attempts", ["settled_at"]),
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, table, columns in INDEXES:
            # A build that was interrupted leaves an invalid index behind; it is dropped before it is built again.
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
            op.create_index(name, table, columns, postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name, table, _ in INDEXES:
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
