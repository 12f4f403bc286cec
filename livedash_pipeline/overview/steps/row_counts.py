"""Says how many rows tables hold, for materializations; a run must not wait long for a number that it only tells.

What is counted, and through which index, stands in `overview.store.row_counts`. Add a count that an asset tells.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from uuid import UUID

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import OperationalError

from livedash_pipeline.overview.store import row_counts

COUNT_SECONDS = 5.0
"""A count that takes longer is left out: an estimate in its place could be taken for the number."""
_QUERY_CANCELED = "57014"


def rows_of_company(
    engine: Engine, tables: Collection[str], company_id: UUID, *, seconds: float = COUNT_SECONDS
) -> dict[str, int]:
    """Returns how many rows of each table are one company's, without those that take longer than `seconds` to count.

    In one transaction, the quickest first: a pass over thousands of companies asks for five tables of each. The first count that
    takes too long ends it.
    """
    found: dict[str, int] = {}
    ordered = [table for table in row_counts.COUNTED if table in tables]

    def count(connection: Connection) -> None:
        for table in ordered:
            found[table] = row_counts.count_company_rows(connection, table, company_id)

    _in_time(engine, seconds, count)
    return found


def batches_of_all(engine: Engine) -> int | None:
    """Returns how many batches there are; None where counting takes too long."""
    found: list[int] = []
    _in_time(engine, COUNT_SECONDS, lambda connection: found.append(row_counts.count_batches(connection)))
    return found[0] if found else None


def _in_time(engine: Engine, seconds: float, work: Callable[[Connection], None]) -> None:
    """Runs `work` until it ends, or until one of its statements has taken too long."""
    try:
        with engine.begin() as connection:
            # For this transaction alone: the connection goes back to its pool, or to a pooler's.
            connection.execute(select(func.set_config("statement_timeout", f"{round(seconds * 1000)}ms", True)))
            work(connection)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _QUERY_CANCELED:
            raise
