"""Reads imports and days for the overview: the last import of each company, and what happened on each of some days.

Add a statement to `sql/statements/overview` and its read here. Counts of stages and requests are read by the rooms that own them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.overview.rules.operations.trend import TrendDays


def last_imports(connection: Connection, *, most: int) -> Sequence[Any]:
    """Returns the last imports, the most often failed and then the oldest first; each row also counts all companies."""
    return connection.execute(statement("overview/find_worst_imports"), {"most": most}).all()


def imported_sessions(connection: Connection, days: TrendDays) -> dict[date, int]:
    """Returns how many sessions came in on each day."""
    return {
        row.entry_day: row.sessions for row in connection.execute(statement("overview/count_daily_imports"), _of(days))
    }


def ended_requests(connection: Connection, days: TrendDays) -> dict[date, tuple[int, int]]:
    """Returns how many requests were completed on each day, and how many failed."""
    rows = connection.execute(statement("overview/count_daily_requests"), _of(days))
    return {row.entry_day: (row.completed, row.failed) for row in rows}


def submitted_batches(connection: Connection, days: TrendDays) -> dict[date, int]:
    """Returns how many batches the service took on each day."""
    return {
        row.entry_day: row.batches for row in connection.execute(statement("overview/count_daily_batches"), _of(days))
    }


def daily_costs(connection: Connection, days: TrendDays) -> dict[date, tuple[Decimal, int]]:
    """Returns the known euro of each day, and how many entries have no known cost."""
    rows = connection.execute(statement("overview/sum_daily_costs"), _of(days))
    return {row.entry_day: (row.eur, row.open_entries) for row in rows}


def _of(days: TrendDays) -> dict[str, object]:
    return {"since": days.since, "until": days.until}
