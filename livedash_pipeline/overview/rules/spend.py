"""Spending as people ask about it: which days, grouped by what, and which part of it was worth its money.

Add a dimension or a part here and in `sql/statements/overview/sum_spend.sql` or `find_spend_entries.sql`. What costs money at all
is listed by the view `cost_entries`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import Any

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.wording import plural, verb

# More than any sum of amounts with 21 decimals needs; the default of 28 would round.
_DIGITS = 60
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
EUR, USD = "EUR", "USD"
LAST_DAY = date(9999, 12, 30)
"""The last day that can be asked about: the moment after it is one, too."""


class Dimension(StrEnum):
    """What spending can be grouped by, in the order of its columns."""

    DAY = "day"
    MONTH = "month"
    COMPANY = "company"
    MODEL = "model"
    KIND = "kind"
    OUTCOME = "outcome"


class Part(StrEnum):
    """What money was spent on; every known amount is exactly one of them.

    Useful is the newest paid answer of its request, where it was taken; wasted is a paid answer that was not. Retried is
    whatever was paid for a request that was bought again later. Surplus batches and what no
    line accounts for are parts of their own.
    """

    USEFUL = "useful"
    RETRIED = "retried"
    WASTED = "wasted"
    SURPLUS = "surplus"
    UNATTRIBUTED = "unattributed"


COLUMNS = {Dimension.KIND: ("kind", "purchase")}
"""The columns of dimensions that have other ones than their own name."""


@dataclass(frozen=True, slots=True)
class Days:
    """UTC days, the first and the last one included."""

    first: date
    last: date

    @property
    def since(self) -> datetime:
        """Their first moment."""
        return datetime.combine(self.first, time(), UTC)

    @property
    def until(self) -> datetime:
        """The first moment after them."""
        return datetime.combine(self.last, time(), UTC) + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Spend:
    """A sum of entries of the ledger; None is unknown.

    Attributes:
        entries: Tries of requests, what no line states, and surplus batches.
        requests: Tries that the service ran and charges for; one that was bought twice counts twice.
        input_tokens: Of entries that the service charges for, like the other tokens; cached ones are part of them.
        output_tokens: Reasoning ones are part of them.
        usd: Known costs; estimates are never among them.
        converted: `usd` in the currency of reports; None where a rate is unknown.
        synchronous_usd: What the lines of batches would have cost at the standard tier, as far as that can be said.
        compared_usd: What these lines cost.
        without_synchronous: Paid lines of batches of which it cannot be said.
        open_entries: Entries that were charged, or perhaps charged, at an unknown cost.
        open_eur_at_most: What was set aside for them.
        in_flight_entries: Tries and surplus batches under way.
        in_flight_eur_at_most: What is set aside for them.
        unpriced_entries: Paid answers of the old system, whose cost nobody can tell any more.
    """

    entries: int = 0
    requests: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    usd: Decimal = Decimal(0)
    eur: Decimal = Decimal(0)
    converted: Decimal | None = Decimal(0)
    useful_usd: Decimal = Decimal(0)
    useful_eur: Decimal = Decimal(0)
    retried_usd: Decimal = Decimal(0)
    retried_eur: Decimal = Decimal(0)
    wasted_usd: Decimal = Decimal(0)
    wasted_eur: Decimal = Decimal(0)
    surplus_usd: Decimal = Decimal(0)
    surplus_eur: Decimal = Decimal(0)
    unattributed_usd: Decimal = Decimal(0)
    unattributed_eur: Decimal = Decimal(0)
    synchronous_usd: Decimal = Decimal(0)
    compared_usd: Decimal = Decimal(0)
    without_synchronous: int = 0
    open_entries: int = 0
    open_eur_at_most: Decimal | None = Decimal(0)
    in_flight_entries: int = 0
    in_flight_eur_at_most: Decimal | None = Decimal(0)
    unpriced_entries: int = 0

    @property
    def saved_usd(self) -> Decimal:
        """What batches saved: the synchronous price of lines less what these lines cost."""
        with localcontext(prec=_DIGITS):
            return self.synchronous_usd - self.compared_usd

    @property
    def is_complete(self) -> bool:
        """Whether the cost of everything that was charged is known."""
        return not self.open_entries and not self.unpriced_entries

    def cost_in(self, currency: str) -> Decimal | None:
        """The cost in the currency of reports; dollars and euro stand in the ledger itself."""
        return {EUR: self.eur, USD: self.usd}.get(currency, self.converted)


@dataclass(frozen=True, slots=True)
class SpendRow:
    """One group: its values by column, and its sum."""

    group: dict[str, str] = field(default_factory=dict)
    spend: Spend = Spend()


SPEND_FIELDS = tuple(each.name for each in fields(Spend))


def part_of(
    entry: str, outcome: Outcome | None, *, is_known: bool, bought_again: bool, is_complete: bool
) -> Part | None:
    """Returns the part that an entry's cost belongs to; None where nothing is known to have been spent.

    Specification of `sql/statements/ledger/find_spend_entries.sql`; `tests/overview/store/test_spend.py` compares the two.

    Args:
        entry: The kind of the entry, as in `cost_entries`.
        outcome: How its try ended.
        is_known: Its cost is known, in dollars at least.
        bought_again: A later purchase of the same request was charged.
        is_complete: The request has been answered, be it that a kept answer was judged again.
    """
    if not is_known:
        return None
    if entry in {Part.SURPLUS, Part.UNATTRIBUTED}:
        return Part(entry)
    if bought_again:
        return Part.RETRIED
    return Part.USEFUL if outcome is Outcome.PARSED or is_complete else Part.WASTED


def sum_of(spends: Iterable[Spend]) -> Spend:
    """Adds spending up exactly; unknown where a part is."""
    summed: dict[str, Any] = asdict(Spend())
    with localcontext(prec=_DIGITS):
        for spend in spends:
            for name, known in summed.items():
                more = getattr(spend, name)
                summed[name] = None if known is None or more is None else known + more
    return Spend(**summed)


def read_dimensions(words: Sequence[str]) -> tuple[Dimension, ...] | str:
    """Reads what to group by, each once and in the order of the columns; returns a word that is no dimension instead."""
    known = {dimension.value for dimension in Dimension}
    named = [word.strip().lower() for word in words if word.strip()]
    for word in named:
        if word not in known:
            return word
    return tuple(dimension for dimension in Dimension if dimension in named)


def read_day(text: str) -> date | None:
    """Reads a day such as 2025-05-01; None for anything else."""
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def choose_days(first: date | None, last: date | None, *, today: date) -> Days:
    """Returns the days asked about: by default this month until today; with a last day alone, its month until then."""
    end = last or (today if first is None or first <= today else first)
    return Days(first or end.replace(day=1), end)


def notes_on(spend: Spend, currency: str) -> list[str]:
    """Returns a sentence for each thing that a sum does not include, and why."""
    notes = []
    if spend.open_entries:
        most = _at_most(spend.open_eur_at_most)
        notes.append(
            f"The sum is not complete: of {_entries(spend.open_entries)} the cost is unknown, {most}. "
            "`livedash price backfill` says what is missing."
        )
    if spend.unpriced_entries:
        notes.append(
            f"The sum is not complete: {_entries(spend.unpriced_entries)} taken over from LiveDash "
            f"{verb(spend.unpriced_entries, 'has', 'have')} no cost, and nobody can tell it any more."
        )
    if spend.in_flight_entries:
        notes.append(
            f"Not included: {_entries(spend.in_flight_entries)} in flight, {_at_most(spend.in_flight_eur_at_most)}."
        )
    if spend.without_synchronous:
        lines = plural(spend.without_synchronous, "paid line")
        notes.append(f"Of {lines} no synchronous price can be said, since the price row or the tokens are unknown.")
    if spend.cost_in(currency) is None:
        notes.append(
            f"Of some day there is no rate for {currency}: set one with `livedash rate set --currency {currency}`."
        )
    return notes


def _entries(count: int) -> str:
    return plural(count, "entry", "entries")


def _at_most(eur: Decimal | None) -> str:
    return "without a known limit" if eur is None else f"at most {eur:.4f} EUR"
