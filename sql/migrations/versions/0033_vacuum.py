"""Has autovacuum look sooner at the tables whose rows change with every request.

Postgres waits until a fifth of a table is dead: two million rows of ten million requests. Counts of what waits then read 27 times as many
pages as afterwards (docs/operations.md, "Postgres for bulk work").
"""

from __future__ import annotations

from alembic import op

revision = "0033_vacuum"
down_revision = "0032_batch_references"
branch_labels = None
depends_on = None

# A request, its try, its session and two of its stages change twice or more each.
TABLES = ("ai_processing_requests", "ai_request_attempts", "session_processing_status", "sessions")
SETTINGS = {"autovacuum_vacuum_scale_factor": "0.02", "autovacuum_vacuum_threshold": "50000"}


def upgrade() -> None:
    settings = ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} SET ({settings})")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} RESET ({', '.join(SETTINGS)})")
