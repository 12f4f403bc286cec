"""What the planner knows of tables that have just grown.

Autovacuum looks once a minute, and a first import of 100,000 sessions is written and read again within one. Without figures the
planner takes every condition on a status for a rare one and nests its loops. Each step that reads what another one has just
written calls `refresh_statistics` first. Add nothing else here; how a statement keeps its plan whatever is known is said in the
statement.
"""

from __future__ import annotations

from sqlalchemy import Engine, Table
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import ExecutableDDLElement
from sqlalchemy.sql.compiler import DDLCompiler

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import (
    ai_processing_requests,
    ai_request_attempts,
    messages,
    questions,
    session_imports,
    session_processing_status,
    session_questions,
    sessions,
    transcripts,
)

_BULK = {
    table.name: table
    for table in (
        ai_processing_requests,
        ai_request_attempts,
        messages,
        questions,
        session_imports,
        session_processing_status,
        session_questions,
        sessions,
        transcripts,
    )
}
# Below this many changed rows every plan is quick.
_LEAST_CHANGED = 5_000


class _Analyze(ExecutableDDLElement):
    """`ANALYZE` of one table, which leaves out a table that somebody else looks at."""

    def __init__(self, table: Table) -> None:
        self.table = table


@compiles(_Analyze)
def _analyze(element: _Analyze, compiler: DDLCompiler, **_: object) -> str:
    return f"ANALYZE (SKIP_LOCKED) {compiler.preparer.format_table(element.table)}"


def refresh_statistics(engine: Engine) -> list[str]:
    """Has Postgres look at tables with rows of sessions of which most is new to it; returns their names.

    A look takes a sample, some tenths of a second however large a table is. A table that somebody else looks at is left to them,
    and so is one that belongs to another role.
    """
    with engine.connect() as connection:
        values = {"names": list(_BULK), "least_changed": _LEAST_CHANGED}
        outdated = list(connection.execute(statement("base/find_outdated_statistics"), values).scalars())
    for name in outdated:
        # A transaction each, so that none keeps autovacuum from a table while it looks at others.
        with engine.begin() as connection:
            connection.execute(_Analyze(_BULK[name]))
    return outdated
