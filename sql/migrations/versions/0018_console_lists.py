"""Finds what the console's lists and its trend show through indexes: requests, batches, rejected records and imports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018_console_lists"
down_revision = "0017_results"
branch_labels = None
depends_on = None

# Name, table, columns, and what the index is limited to.
INDEXES = (
    (
        "ix_ai_processing_requests_failed_error_code",
        "ai_processing_requests",
        (sa.text("lower(error_code)"), "id"),
        "processing_status = 'PROCESSING_FAILED'",
    ),
    (
        "ix_ai_processing_requests_completed_at",
        "ai_processing_requests",
        ("completed_at", "processing_status"),
        "completed_at IS NOT NULL",
    ),
    ("ix_ai_batch_requests_created_at", "ai_batch_requests", ("created_at", "id"), None),
    ("ix_ai_batch_requests_company_id_created_at", "ai_batch_requests", ("company_id", "created_at", "id"), None),
    ("ix_ai_batch_requests_status_created_at", "ai_batch_requests", ("status", "created_at", "id"), None),
    ("ix_session_imports_created_at", "session_imports", ("created_at",), None),
    ("ix_import_rejects_company_id_id", "import_rejects", ("company_id", "id"), None),
)
# The index of rejected records by company and id answers what this one did.
REPLACED = ("ix_import_rejects_company_id", "import_rejects", ("company_id",), None)

Columns = tuple[str | sa.TextClause, ...]


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, table, columns, where in INDEXES:
            _build(name, table, columns, where)
        _drop(REPLACED[0], REPLACED[1])


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _build(*REPLACED)
        for name, table, _, _ in reversed(INDEXES):
            _drop(name, table)


def _build(name: str, table: str, columns: Columns, where: str | None) -> None:
    # A build that was interrupted leaves an invalid index behind; it is dropped before it is built again.
    _drop(name, table)
    limited = {} if where is None else {"postgresql_where": sa.text(where)}
    op.create_index(name, table, list(columns), postgresql_concurrently=True, **limited)


def _drop(name: str, table: str) -> None:
    op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
