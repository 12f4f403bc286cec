"""The view `session_analysis` as a stream of rows: read by a cursor of the server, never held as a whole.

Add a view that is exported. How its values are written is decided in `overview.steps.export`.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from sqlalchemy import Connection

from livedash_pipeline.base.store.statements import statement

_ROWS_AT_ONCE = 1000


def stream_analyses(
    connection: Connection, company: str | None = None
) -> Generator[tuple[tuple[str, ...], list[tuple[Any, ...]]]]:
    """Names of the columns and some rows at a time, of all companies or of one (by slug); once without rows if there are none."""
    result = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(
        statement("overview/stream_session_analysis"), {"company": company}
    )
    with result:
        names = tuple(result.keys())
        yield names, []
        for rows in result.partitions(_ROWS_AT_ONCE):
            yield names, [tuple(row) for row in rows]
