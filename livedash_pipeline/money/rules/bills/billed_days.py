"""The figures of a bill by day and model, and the one error of everything that reads a bill.

Add a figure here when an export states one that our ledger knows too. How exports are written stands in `json_bill` and
`csv_bill`; both sides of a comparison (`comparison`) are rows of this kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal, Inexact, localcontext

# A sum of amounts that `numbers.read_amount` accepts fits: 12 digits before the point, 100 behind it, and a carry.
_DIGITS = 130


class UnreadableBillError(ValueError):
    """A file is no export of costs or usage that is known here, or contradicts itself; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class BilledDay:
    """One day in UTC and one model; None is a figure that is not stated, never zero.

    Attributes:
        day: In a bill the day on which the requests ran, in our ledger the day on which their results were taken in.
        model: The model's name as it is written; another line of the bill, such as a tool's, by its own name. None: the figures
            are not split by model.
        usd: The amount in US dollars; negative for a credit.
        input_tokens: Prompt tokens, those from the cache included.
        cached_tokens: Prompt tokens that were read from the cache.
        output_tokens: Completion tokens, reasoning included.
        requests: Requests to the model.
    """

    day: date
    model: str | None
    usd: Decimal | None = None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    requests: int | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """A bill: a row for each day and model, in that order, and the first and the last day that it covers.

    Days without a charge have no row, but are covered. Both days are None for a bill of no days at all.
    """

    rows: tuple[BilledDay, ...] = ()
    first: date | None = None
    last: date | None = None


def sum_days(rows: Iterable[BilledDay]) -> tuple[BilledDay, ...]:
    """Sums rows into one for each day and model. A figure that only some of them state is the sum of those."""
    found: dict[tuple[date, str | None], BilledDay] = {}
    for row in rows:
        known = found.get((row.day, row.model))
        found[row.day, row.model] = row if known is None else _added(known, row)
    return tuple(found[key] for key in sorted(found, key=lambda key: (key[0], key[1] is not None, key[1] or "")))


def _added(one: BilledDay, other: BilledDay) -> BilledDay:
    return BilledDay(
        day=one.day,
        model=one.model,
        usd=add_usd(one.usd, other.usd),
        input_tokens=_add(one.input_tokens, other.input_tokens),
        cached_tokens=_add(one.cached_tokens, other.cached_tokens),
        output_tokens=_add(one.output_tokens, other.output_tokens),
        requests=_add(one.requests, other.requests),
    )


def add_usd(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """Adds amounts exactly; None where neither is stated."""
    if one is None or other is None:
        return other if one is None else one
    with localcontext(Context(prec=_DIGITS, traps=[Inexact])):
        return one + other


def _add(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
