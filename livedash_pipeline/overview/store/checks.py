"""Reads the statements of the health checks (`sql/statements/overview/check_*.sql`).

Nothing is added here for a check: its statement is a file and its entry stands in `overview.steps.checks`. A statement has to
stay quick over a million requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping

from livedash_pipeline.base.store.statements import statement

# So many ids or rows are named; the rest is counted.
SAMPLE = 10


def look_up(connection: Connection, name: str, **values: object) -> Sequence[RowMapping]:
    """Returns the rows of a check's statement."""
    return connection.execute(statement(name), values).mappings().all()


def spending(connection: Connection, *, month_start: datetime) -> Sequence[RowMapping]:
    """Companies with their spent and in-flight money since the beginning of a month, and what one request sets aside."""
    return look_up(connection, "overview/check_spending", month_start=month_start)
