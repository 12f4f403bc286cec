"""Decides which stored prices of the package another reading of it states anew, and when a changed figure begins.

Add a rule about the succession of published prices here; `money.store.seeding` stores what comes of it. A person's prices are
none of its business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import zip_longest

from livedash_pipeline.money.rules.pricing import DatedPrice, Price

_SMALLEST_STEP = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Period:
    """What a stored price says: from a moment on, up to another one or for good."""

    start: datetime
    end: datetime | None
    price: Price
    source: str


def restated(stored: Period, history: Sequence[DatedPrice], source: str) -> tuple[DatedPrice, ...]:
    """Returns what the history of a model (oldest first) states for a stored period; empty where it is the same, or
    another price.

    The same release of the package states the same price, so other figures come of another reading of it. Where another release
    was stored, only a price with the same usual rates is the same one: all else the vendor may have changed since.
    """
    pieces = _within(stored, history)
    if [(piece.effective_from, piece.price) for piece in pieces] == [(stored.start, stored.price)]:
        return ()
    if stored.source != source and any(_usual(piece.price) != _usual(stored.price) for piece in pieces):
        return ()
    return pieces


def _within(stored: Period, history: Sequence[DatedPrice]) -> tuple[DatedPrice, ...]:
    ends = [later.effective_from for later in history[1:]]
    return tuple(
        DatedPrice(dated.model, max(dated.effective_from, stored.start), dated.price, dated.provider)
        for dated, end in zip_longest(history, ends)
        if (end is None or end > stored.start) and (stored.end is None or dated.effective_from < stored.end)
    )


def _usual(price: Price) -> tuple[Decimal | None, ...]:
    return price.standard.input, price.standard.output, price.batch.input, price.batch.output


def still_unknown(
    history: Sequence[DatedPrice], newest: tuple[datetime, Price] | None, now: datetime
) -> Sequence[DatedPrice]:
    """Returns the prices of a model's history to store: all of them at first, later only a change.

    Past costs stay: a corrected figure of the package counts from now on, and always after the row that it replaces.
    """
    if newest is None:
        return history
    newest_from, newest_price = newest
    last = history[-1]
    if last.price == newest_price:
        return ()
    start = max(now, last.effective_from, newest_from + _SMALLEST_STEP)
    return (DatedPrice(last.model, start, last.price, last.provider),)
