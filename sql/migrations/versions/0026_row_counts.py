"""Kept counts of large tables, and indexes for health checks that read every try.

Every step can be made again, so that an upgrade that was interrupted goes on. Rows are counted in one snapshot, and what triggers
have counted by then is taken off, so that nobody has to stop writing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026_row_counts"
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
COUNT_ROWS = """
CREATE OR REPLACE FUNCTION livedash_count_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kept_counts (table_name, company_id, found)
    SELECT TG_TABLE_NAME, changed.company_id, CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END
    FROM changed
    GROUP BY changed.company_id;
    RETURN NULL;
END
$$
"""
COUNT_REQUESTS = """
CREATE OR REPLACE FUNCTION livedash_count_requests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kept_counts (table_name, company_id, kind, status, found)
    SELECT
        TG_TABLE_NAME, changed.company_id, changed.processing_type, changed.processing_status,
        CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END
    FROM changed
    GROUP BY changed.company_id, changed.processing_type, changed.processing_status;
    RETURN NULL;
END
$$
"""
COUNT_MOVES = """
CREATE OR REPLACE FUNCTION livedash_count_request_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kept_counts (table_name, company_id, kind, status, found)
    SELECT TG_TABLE_NAME, moved.company_id, moved.processing_type, moved.processing_status, sum(moved.found)
    FROM (
        SELECT company_id, processing_type, processing_status, 1 AS found FROM changed
        UNION ALL
        SELECT company_id, processing_type, processing_status, -1 FROM before
    ) AS moved
    GROUP BY moved.company_id, moved.processing_type, moved.processing_status
    HAVING sum(moved.found) <> 0;
    RETURN NULL;
END
$$
"""
FUNCTIONS = {
    "livedash_count_rows": COUNT_ROWS,
    "livedash_count_requests": COUNT_REQUESTS,
    "livedash_count_request_moves": COUNT_MOVES,
}
REQUESTS = "ai_processing_requests"
TRIGGERS = (
    *(
        (table, f"count_{name}", f"AFTER {event} ON {table} REFERENCING {rows} AS changed", function)
        for table, function in (
            ("session_imports", "livedash_count_rows"),
            ("sessions", "livedash_count_rows"),
            (REQUESTS, "livedash_count_requests"),
        )
        for name, event, rows in (("new", "INSERT", "NEW TABLE"), ("gone", "DELETE", "OLD TABLE"))
    ),
    (
        REQUESTS,
        "count_moves",
        f"AFTER UPDATE ON {REQUESTS} REFERENCING OLD TABLE AS before NEW TABLE AS changed",
        "livedash_count_request_moves",
    ),
)
# As `sql/statements/base/recount_rows.sql` was when this was written.
RECOUNT = """
INSERT INTO kept_counts (table_name, company_id, kind, status, found)
SELECT together.table_name, together.company_id, together.kind, together.status, sum(together.found)
FROM (
    SELECT 'session_imports' AS table_name, company_id, NULL AS kind, NULL AS status, count(*) AS found
    FROM session_imports GROUP BY company_id
    UNION ALL
    SELECT 'sessions', company_id, NULL, NULL, count(*) FROM sessions GROUP BY company_id
    UNION ALL
    SELECT 'ai_processing_requests', company_id, processing_type, processing_status, count(*)
    FROM ai_processing_requests GROUP BY company_id, processing_type, processing_status
    UNION ALL
    SELECT table_name, company_id, kind, status, -found FROM kept_counts
) AS together
GROUP BY 1, 2, 3, 4
HAVING sum(together.found) <> 0
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, table, column, where in INDEXES:
            # A build that was interrupted leaves an invalid index behind; it is dropped before it is built again.
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
            op.create_index(name, table, [column], postgresql_where=sa.text(where), postgresql_concurrently=True)
        _table()
        for function in FUNCTIONS.values():
            op.execute(function)
        for _, name, when, function in TRIGGERS:
            op.execute(f"CREATE OR REPLACE TRIGGER {name} {when} FOR EACH STATEMENT EXECUTE FUNCTION {function}()")
        op.execute(RECOUNT)


def _table() -> None:
    op.create_table(
        "kept_counts",
        sa.Column(
            "id",
            sa.Uuid(),
            server_default=sa.text("livedash_uuid7()"),
            nullable=False,
            comment="Id that grows with time: the order of ids is the order of creation.",
        ),
        sa.Column("table_name", sa.Text(), nullable=False, comment="Table whose rows are counted."),
        sa.Column("company_id", sa.Uuid(), nullable=False, comment="Company whose rows they are."),
        sa.Column("kind", sa.Text(), comment="Kind of the requests; null: another table's rows."),
        sa.Column("status", sa.Text(), comment="Status of the requests; null: another table's rows."),
        sa.Column(
            "found",
            sa.BigInteger(),
            nullable=False,
            comment="Rows that came, less those that went: the sum is how many there are.",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_counts")),
        comment="One row per statement that changed how many rows there are, until such rows are merged.",
        if_not_exists=True,
    )
    op.create_index(
        "ix_kept_counts_table_name_company_id", "kept_counts", ["table_name", "company_id"], if_not_exists=True
    )


def downgrade() -> None:
    for table, name, *_ in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON {table}")
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("kept_counts")
    with op.get_context().autocommit_block():
        for name, table, _, _ in INDEXES:
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
