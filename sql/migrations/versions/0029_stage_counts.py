"""Keeps counts of the rows of stages: status counted every one of them.

Every step can be made again, so that an upgrade that was interrupted goes on; rows are counted in one snapshot, as in 0026.
"""

from __future__ import annotations

from alembic import op

revision = "0029_stage_counts"
down_revision = "0028_final_usage"
branch_labels = None
depends_on = None

TABLE = "session_processing_status"
# A row names its company by its import, which is there as long as the row is. How many rows there are of `changed` is planned for
# once a session, so each is looked up: read whole for some hundred thousand, `session_imports` would be for a single one as well.
_FUNCTION = """
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    INSERT INTO kept_counts (table_name, company_id, kind, status, found)
    SELECT TG_TABLE_NAME, imports.company_id, moved.stage, moved.status, sum(moved.found)
    FROM ({moved}) AS moved
    JOIN session_imports AS imports ON imports.id = moved.import_id
    GROUP BY imports.company_id, moved.stage, moved.status
    HAVING sum(moved.found) <> 0;
    RETURN NULL;
END
$$
"""
_CAME = "SELECT import_id, stage, status, 1 AS found FROM changed"
_WENT = "SELECT import_id, stage, status, -1 AS found FROM {}"
COUNTS = (
    ("new", "INSERT", "NEW TABLE AS changed", _CAME),
    ("gone", "DELETE", "OLD TABLE AS changed", _WENT.format("changed")),
    ("moves", "UPDATE", "OLD TABLE AS before NEW TABLE AS changed", f"{_CAME} UNION ALL {_WENT.format('before')}"),
)
# As `sql/statements/base/recount_rows.sql` was for this table when this was written.
RECOUNT = """
INSERT INTO kept_counts (table_name, company_id, kind, status, found)
SELECT 'session_processing_status', together.company_id, together.stage, together.status, sum(together.found)
FROM (
    SELECT imports.company_id, stages.stage, stages.status, count(*) AS found
    FROM session_processing_status AS stages
    JOIN session_imports AS imports ON imports.id = stages.import_id
    GROUP BY imports.company_id, stages.stage, stages.status
    UNION ALL
    SELECT company_id, kind, status, -found FROM kept_counts WHERE table_name = 'session_processing_status'
) AS together
GROUP BY 2, 3, 4
HAVING sum(together.found) <> 0
"""
_COMMENTS = {
    "kind": (
        "Kind of the requests, or the stage; null: another table''s rows.",
        "Kind of the requests; null: another table''s rows.",
    ),
    "status": (
        "Status of the requests, or of the stage; null: another table''s rows.",
        "Status of the requests; null: another table''s rows.",
    ),
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, event, rows, moved in COUNTS:
            function = f"livedash_count_stages_{name}"
            op.execute(_FUNCTION.format(name=function, moved=moved))
            op.execute(
                f"CREATE OR REPLACE TRIGGER count_{name} AFTER {event} ON {TABLE} REFERENCING {rows}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
            )
        op.execute(RECOUNT)
        _comment(0)


def downgrade() -> None:
    for name, *_ in COUNTS:
        op.execute(f"DROP TRIGGER count_{name} ON {TABLE}")
        op.execute(f"DROP FUNCTION livedash_count_stages_{name}()")
    op.execute("DELETE FROM kept_counts WHERE table_name = 'session_processing_status'")
    _comment(1)


def _comment(which: int) -> None:
    for column, comments in _COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN kept_counts.{column} IS '{comments[which]}'")
