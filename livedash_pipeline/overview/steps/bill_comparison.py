"""Compares what the ledger says was charged with a bill of the service, and says where they differ.

The caller reads the bill: from files that somebody exported, or from the service's own report. `money.rules.bills.comparison`
compares.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine

from livedash_pipeline.base.rules.values import Document, money
from livedash_pipeline.errors import UsageError
from livedash_pipeline.money.rules.bills.billed_days import Bill, BilledDay
from livedash_pipeline.money.rules.bills.comparison import Difference, compare_bill
from livedash_pipeline.money.rules.pricing import family_name, known_sum
from livedash_pipeline.money.store.package_prices import canonical_name
from livedash_pipeline.overview.rules.spend import LAST_DAY
from livedash_pipeline.overview.store.spend import OurDay, billed_days


@dataclass(frozen=True, slots=True)
class BillRange:
    """The days that are compared: those asked for, or those that the bill covers."""

    first: date
    last: date


def bill_range(bill: Bill, first: date | None, last: date | None) -> BillRange:
    """Returns the days to compare: what was asked for within what the bill covers.

    Raises:
        UsageError: The bill covers no day, or none of those that were asked for.
    """
    if bill.first is None or bill.last is None:
        raise UsageError("The bill covers no day.", remedy="Export some days of costs or usage, and give that file.")
    days = BillRange(max(bill.first, first or bill.first), min(bill.last, last or bill.last, LAST_DAY))
    if days.first > days.last:
        raise UsageError(
            f"The bill covers {bill.first} to {bill.last}, and none of the days that were asked for.",
            remedy="Give days that it covers, or export others.",
        )
    return days


def compare_with_bill(
    engine: Engine, bill: Bill, *, source: str, first: date | None = None, last: date | None = None
) -> Document:
    """Compares the ledger of all companies with a bill, and returns each difference with a word for why.

    Args:
        engine: Our database.
        bill: What the service says it charged.
        source: Where the bill is from, for the answer.
        first: The first day (UTC); without it that of the bill.
        last: The last day, included; without it that of the bill.

    Raises:
        UsageError: The bill covers no day, or none of those that were asked for.
    """
    days = bill_range(bill, first, last)
    with engine.connect() as connection:
        ours = billed_days(connection, days.first, days.last)
    theirs = [row for row in bill.rows if days.first <= row.day <= days.last]
    differences = compare_bill(map(_as_billed, ours), theirs, names=_comparable_name)
    return {
        "ok": True,
        "source": source,
        "from": days.first.isoformat(),
        "to": days.last.isoformat(),
        "agrees": not differences,
        "oursUsd": money(sum((day.usd for day in ours), Decimal(0))),
        "theirsUsd": money(_stated_sum(theirs)),
        "openEntries": sum(day.open_entries for day in ours),
        "differences": [_difference(each) for each in differences],
    }


def _as_billed(day: OurDay) -> BilledDay:
    return BilledDay(
        day=day.day,
        model=day.model,
        usd=day.usd,
        input_tokens=day.input_tokens,
        cached_tokens=day.cached_tokens,
        output_tokens=day.output_tokens,
        requests=day.requests,
    )


def _comparable_name(model: str) -> str:
    """The name under which a model is compared: a bill names snapshots, and we what a request asked for."""
    return canonical_name(model) or family_name(model)


def _stated_sum(rows: Iterable[BilledDay]) -> Decimal | None:
    """The bill's dollars; None where it states none, as an export of tokens does."""
    stated = [row.usd for row in rows if row.usd is not None]
    return known_sum(stated) if stated else None


def _difference(each: Difference) -> Document:
    return {
        "scope": each.scope.value,
        "day": None if each.day is None else each.day.isoformat(),
        "model": each.model,
        "oursUsd": _usd(each.ours),
        "theirsUsd": _usd(each.theirs),
        "differenceUsd": money(each.usd),
        "differenceTokens": each.tokens,
        "why": each.why.value,
    }


def _usd(row: BilledDay | None) -> str | None:
    return None if row is None else money(row.usd)
