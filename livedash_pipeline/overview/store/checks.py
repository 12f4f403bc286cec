"""Reads the statements of the health checks (`sql/statements/overview/check_*.sql`).

A new check adds nothing here: its statement is a file, and `overview.steps.checks` has its entry. A statement has to stay quick
over a million requests.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping

from livedash_pipeline.base.store.statements import statement

# At most so many ids or rows are named; the rest is only counted.
SAMPLE = 10


def look_up(connection: Connection, name: str, **values: object) -> Sequence[RowMapping]:
    """Returns the rows of a check's statement."""
    return connection.execute(statement(name), values).mappings().all()
