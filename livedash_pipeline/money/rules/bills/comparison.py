"""Compares a bill with our ledger: by day and model, by model, and as a whole, with a word for why figures differ.

Add a reason to `Why` when one can be told from the figures alone. The two sides count days differently: a request is on the
bill on the day on which it ran, and in our ledger on the day on which its result was taken in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from livedash_pipeline.money.rules.bills.billed_days import BilledDay, add_usd, sum_days

WITHIN_USD: Final = Decimal("0.000001")
"""Amounts that differ by less are equal: some exports carry the error of binary fractions."""

# A batch may take a day, and its results may wait another one.
_NEIGHBOURS = timedelta(days=2)

_TOKENS = ("input_tokens", "cached_tokens", "output_tokens")
_COMPARED = ("usd", *_TOKENS)
_FIGURES = (*_COMPARED, "requests")

_Key = tuple[date, str | None]


class Scope(StrEnum):
    """The rows that a difference is about."""

    DAY = "day"
    MODEL = "model"
    RANGE = "range"


class Why(StrEnum):
    """The reason of a difference, as far as the figures show it."""

    ONLY_OURS = "only_ours"
    ONLY_THEIRS = "only_theirs"
    TOKENS_DIFFER = "tokens_differ"
    AMOUNTS_DIFFER = "amounts_differ"
    NOT_STATED = "not_stated"
    DAY_EDGE = "day_edge"


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where bill and ledger differ.

    Attributes:
        scope: `day`: one day and model. `model`: a model over all days. `range`: everything.
        day: The day; None over all days.
        model: The model, None where the figures are not split by model or are those of everything.
        ours: Our figures; None where we have no row.
        theirs: The bill's figures; None where it has no row.
        usd: Theirs less ours; None where only one side can state it. A side without a row counts as 0.
        tokens: Theirs less ours of input and output tokens together; likewise.
        why: `only_ours`, `only_theirs`: the other side has no such row. `tokens_differ`: and then amounts may as well.
            `amounts_differ`: while tokens agree, or are not compared. `not_stated`: a side lacks the figure, such as a price.
            `day_edge`: the days after or before it make up for it, so that a request only counts on another day.
    """

    scope: Scope
    day: date | None
    model: str | None
    ours: BilledDay | None
    theirs: BilledDay | None
    usd: Decimal | None
    tokens: int | None
    why: Why


@dataclass(frozen=True, slots=True)
class _Pair:
    """The rows of both sides for one key, and the figures that both sides state somewhere."""

    ours: BilledDay | None
    theirs: BilledDay | None
    shared: tuple[str, ...]

    def less(self, figure: str) -> Decimal | None:
        """Theirs less ours of one figure; None where no side states it, or one that has a row does not."""
        if self.lacks(figure) or self._stated(figure) == [None, None]:
            return None
        theirs, ours = (Decimal(value or 0) for value in self._stated(figure))
        return add_usd(theirs, ours.copy_negate())

    def lacks(self, figure: str) -> bool:
        """Whether one side states a figure and the other one, which has a row, does not."""
        stated = self._stated(figure)
        return self.ours is not None and self.theirs is not None and stated.count(None) == 1

    def _stated(self, figure: str) -> list[Decimal | int | None]:
        return [None if row is None else getattr(row, figure) for row in (self.theirs, self.ours)]

    def why(self, within: Decimal) -> Why | None:
        """The reason of a difference; None where there is none."""
        tokens = any(self.less(figure) for figure in self.shared if figure in _TOKENS)
        amounts = "usd" in self.shared and abs(self.less("usd") or Decimal(0)) > within
        if not tokens and not amounts:
            return Why.NOT_STATED if any(map(self.lacks, self.shared)) else None
        if self.ours is None or self.theirs is None:
            return Why.ONLY_THEIRS if self.ours is None else Why.ONLY_OURS
        return Why.TOKENS_DIFFER if tokens else Why.AMOUNTS_DIFFER


def compare_bill(
    ours: Iterable[BilledDay],
    theirs: Iterable[BilledDay],
    *,
    names: Callable[[str], str] = str,
    within: Decimal = WITHIN_USD,
) -> list[Difference]:
    """Compares our figures with those of a bill.

    Figures that one side nowhere states are not compared; amounts and tokens that one side does not split by model are compared
    by day alone. Requests are shown and not compared: a bill counts failed ones, too.

    Args:
        ours: Our ledger's rows.
        theirs: The bill's rows, of the same days.
        names: Returns the name under which a model is compared, so that a dated snapshot meets its family.
        within: Amounts may differ by so many dollars.

    Returns:
        The differences: of days by model and day, then of models over all days, then of everything.
    """
    mine, billed = ([_renamed(row, names) for row in side] for side in (ours, theirs))
    shared = _shared(mine, billed)
    whole = _not_split(mine, billed, shared)
    mine, billed = (_merged(side, whole) for side in (mine, billed))
    days = _pairs(mine, billed, shared)
    found = [_difference(Scope.DAY, key, pair, why) for key, pair, why in _day_differences(days, within)]
    for scope in (Scope.MODEL, Scope.RANGE):
        sums = _pairs(_over_all_days(mine, scope), _over_all_days(billed, scope), shared)
        for key, pair in sums.items():
            why = pair.why(within)
            if why is not None:
                found.append(_difference(scope, key, pair, why))
    return found


def _renamed(row: BilledDay, names: Callable[[str], str]) -> BilledDay:
    return row if row.model is None else replace(row, model=names(row.model))


def _shared(ours: list[BilledDay], theirs: list[BilledDay]) -> tuple[str, ...]:
    """The figures to compare: those that both sides state, or those of the bill, lest a missing price look like agreement."""
    both = tuple(figure for figure in _COMPARED if all(_states(side, figure) for side in (ours, theirs) if side))
    return both or tuple(figure for figure in _COMPARED if _states(theirs, figure))


def _states(rows: Iterable[BilledDay], figure: str) -> bool:
    return any(getattr(row, figure) is not None for row in rows)


def _not_split(ours: list[BilledDay], theirs: list[BilledDay], shared: tuple[str, ...]) -> frozenset[str]:
    """The shared figures that a side states for no model at all."""
    return frozenset(
        figure
        for figure in shared
        for side in (ours, theirs)
        if {row.model for row in side if getattr(row, figure) is not None} == {None}
    )


def _merged(rows: Iterable[BilledDay], whole: frozenset[str]) -> list[BilledDay]:
    """The rows with the figures in `whole` taken from their models and added up by day."""
    nothing = dict.fromkeys(_FIGURES)
    parted: list[BilledDay] = []
    for row in rows:
        summed = {figure: getattr(row, figure) for figure in _FIGURES if figure in whole}
        kept = {figure: getattr(row, figure) for figure in _FIGURES if figure not in whole}
        for model, figures in ((None, summed), (row.model, kept)):
            if any(value is not None for value in figures.values()):
                parted.append(BilledDay(row.day, model, **(nothing | figures)))
    return list(sum_days(parted))


def _pairs(ours: Iterable[BilledDay], theirs: Iterable[BilledDay], shared: tuple[str, ...]) -> dict[_Key, _Pair]:
    """Rows that meet under one day and model, in order of model and day."""
    mine = {(row.day, row.model): row for row in ours}
    billed = {(row.day, row.model): row for row in theirs}
    ordered = sorted(mine.keys() | billed.keys(), key=lambda key: (key[1] is not None, key[1] or "", key[0]))
    return {key: _Pair(mine.get(key), billed.get(key), shared) for key in ordered}


def _over_all_days(rows: Iterable[BilledDay], scope: Scope) -> tuple[BilledDay, ...]:
    """Rows summed over all days, which stand under the first day of the calendar."""
    return sum_days(replace(row, day=date.min, model=row.model if scope is Scope.MODEL else None) for row in rows)


def _day_differences(days: Mapping[_Key, _Pair], within: Decimal) -> Iterator[tuple[_Key, _Pair, Why]]:
    """Days that differ, with their reasons: neighbours whose differences cancel out only count requests on other days."""
    run: list[tuple[_Key, _Pair, Why]] = []
    for key, pair in days.items():
        why = pair.why(within)
        if why is None:
            continue
        if run and not _are_neighbours(run[-1][0], key):
            yield from _with_edges(run, within)
            run = []
        run.append((key, pair, why))
    yield from _with_edges(run, within)


def _are_neighbours(one: _Key, other: _Key) -> bool:
    return one[1] == other[1] and other[0] - one[0] <= _NEIGHBOURS


def _with_edges(run: list[tuple[_Key, _Pair, Why]], within: Decimal) -> list[tuple[_Key, _Pair, Why]]:
    """A run of neighbouring days, in which stretches that add up to nothing in every compared figure have that for a reason."""
    found = list(run)
    sums = [tuple(Decimal(0) for _ in pair.shared) for _, pair, _ in run[:1]]
    begin = 0
    for place, (_, pair, _) in enumerate(run):
        sums.append(
            tuple(total + (pair.less(figure) or 0) for total, figure in zip(sums[-1], pair.shared, strict=True))
        )
        if any(map(pair.lacks, pair.shared)):
            begin = place + 1
            continue
        last = sums[-1]
        even = (
            before for before in range(place - 1, begin - 1, -1) if _are_even(sums[before], last, pair.shared, within)
        )
        first = next(even, None)
        if first is not None:
            found[first : place + 1] = [(key, pair, Why.DAY_EDGE) for key, pair, _ in run[first : place + 1]]
            begin = place + 1
    return found


def _are_even(
    before: tuple[Decimal, ...], after: tuple[Decimal, ...], figures: tuple[str, ...], within: Decimal
) -> bool:
    return all(
        abs(later - earlier) <= (within if figure == "usd" else 0)
        for earlier, later, figure in zip(before, after, figures, strict=True)
    )


def _difference(scope: Scope, key: _Key, pair: _Pair, why: Why) -> Difference:
    parts = [pair.less(figure) for figure in ("input_tokens", "output_tokens") if figure in pair.shared]
    stated = [part for part in parts if part is not None]
    return Difference(
        scope=scope,
        day=key[0] if scope is Scope.DAY else None,
        model=key[1],
        ours=pair.ours,
        theirs=pair.theirs,
        usd=pair.less("usd") if "usd" in pair.shared else None,
        tokens=int(sum(stated, Decimal(0))) if stated and len(stated) == len(parts) else None,
        why=why,
    )
