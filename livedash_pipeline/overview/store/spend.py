"""Sums what was spent, out of kept sums and the view `cost_entries`, which lists all that costs money.

Add a sum that people or checks ask for as a statement over `sql/statements/ledger/find_spend_sums.sql`, so that all of them
tell the same amounts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, RowMapping

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.overview.rules.spend import (
    COLUMNS,
    LAST_DAY,
    SPEND_FIELDS,
    Days,
    Dimension,
    Spend,
    SpendRow,
    sum_of,
)

_COUNTS = frozenset(each.name for each in fields(Spend) if isinstance(each.default, int))
_COLUMN_NAMES = {"day": "spend_day", "month": "spend_month"}
# As often as the health checks run.
_TURN_SECONDS = 1_800
_COMPARED_ENTRIES = 100_000
_COMPARED_HOURS = 48
_ALWAYS = Days(date.min, LAST_DAY)


@dataclass(frozen=True, slots=True)
class OurDay:
    """What the ledger says was charged in a UTC day for a model, surplus and what no line states included.

    Attributes:
        day: The day on which results were ingested, or calls answered.
        model: As the requests named it.
        usd: US dollars, as far as they are known.
        input_tokens: Cached ones included.
        cached_tokens: Read from the cache.
        output_tokens: Reasoning included.
        requests: Answers that were charged.
        open_entries: Entries whose cost is unknown; their dollars are missing.
    """

    day: date
    model: str
    usd: Decimal
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    requests: int
    open_entries: int = 0


def read_spend(
    connection: Connection,
    days: Days,
    by: Collection[Dimension],
    *,
    now: datetime,
    company_id: UUID | None = None,
    currency: str = "",
    most: int | None = None,
) -> list[SpendRow]:
    """Returns what was spent in some days, of one company or of all, by group; what is in flight is of the day of `now`.

    Of more groups than `most` only the first ones are returned: whoever gives it asks for one more than it has a use for.
    """
    rows = _sum(connection, days, by, now=now, company_id=company_id, currency=currency, most=most)
    columns = [column for dimension in Dimension if dimension in by for column in COLUMNS.get(dimension, (dimension,))]
    return [SpendRow({column: _group(row, column) for column in columns}, _spend(row)) for row in rows]


def read_batch_spend(connection: Connection, batch_ids: Collection[UUID], *, now: datetime) -> Spend:
    """Returns what some batches cost, with what no line states and surplus beside them."""
    return sum_of(_spend(row) for row in _sum(connection, _ALWAYS, (), now=now, batch_ids=list(batch_ids)))


def billed_days(connection: Connection, first: date, last: date) -> list[OurDay]:
    """Returns what was charged in each UTC day for each model, from the first day to the last one, both included."""
    days = Days(first, last)
    values = {"since": days.since, "until": days.until}
    rows = connection.execute(statement("overview/sum_billed_days"), values).mappings()
    counts = ("input_tokens", "cached_tokens", "output_tokens", "requests", "open_entries")
    return [OurDay(row["billed_day"], row["model"], row["usd"], *(int(row[name]) for name in counts)) for row in rows]


def differing_sums(connection: Connection, *, now: datetime) -> Sequence[RowMapping]:
    """Returns the sums of the report and of the tables of the ledger, where they differ, of some batches and hours.

    From half hour to half hour others come in turn, so that a look costs the same however large the ledger is; a small one is
    looked through whole.
    """
    turn = int(now.timestamp() // _TURN_SECONDS)
    compared = {"turn": turn, "most": _COMPARED_ENTRIES}
    batch_ids = list(connection.execute(statement("overview/find_batches_to_compare"), compared).scalars())
    compared = {"turn": turn, "most": _COMPARED_HOURS}
    hours = list(connection.execute(statement("overview/find_hours_to_compare"), compared).scalars())
    values = {"batch_ids": batch_ids, "hours": hours}
    return connection.execute(statement("overview/check_spend_sums"), values).mappings().all()


def _sum(
    connection: Connection,
    days: Days,
    by: Collection[Dimension],
    *,
    now: datetime,
    company_id: UUID | None = None,
    currency: str = "",
    batch_ids: list[UUID] | None = None,
    most: int | None = None,
) -> Sequence[Row[Any]]:
    values: dict[str, object] = {f"by_{dimension}": dimension in by for dimension in Dimension}
    values |= {"company_id": company_id, "currency": currency, "batch_ids": batch_ids, "most": most}
    values |= {"since": days.since, "until": days.until, "now": now}
    return connection.execute(statement("overview/sum_spend"), values).all()


def _group(row: Row[Any], column: str) -> str:
    value = row._mapping[_COLUMN_NAMES.get(column, column)]
    return value.isoformat() if isinstance(value, date) else str(value)


def _spend(row: Row[Any]) -> Spend:
    found = row._mapping
    figures: dict[str, Any] = {name: int(found[name]) if name in _COUNTS else found[name] for name in SPEND_FIELDS}
    return Spend(**figures)
