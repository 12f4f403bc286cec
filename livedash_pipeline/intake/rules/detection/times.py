"""Which forms of times read a column, and whether day or month comes first."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from livedash_pipeline.intake.rules.detection.written_times import forms_of_cell
from livedash_pipeline.intake.rules.profiles.time_forms import TimeForm, time_form

DateOrder = Literal["day", "month", "year"]
_MOST_FORMS = 4
_TELLING = 10
SEED_FORMS = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M")


@dataclass(frozen=True, slots=True)
class FoundForms:
    """Forms of a column's times.

    Attributes:
        names: In the order in which they are tried; none where no form reads most of the values.
        read: How many values one of them reads.
        reason: Why, where day and month could be exchanged.
        is_unclear: Day and month could be exchanged, and nothing decides it.
    """

    names: tuple[str, ...]
    read: int
    reason: str = ""
    is_unclear: bool = False


def find_forms(texts: Sequence[str], zone: ZoneInfo, *, now: datetime, order: DateOrder | None = None) -> FoundForms:
    """The forms that read a column of times.

    Args:
        texts: Its trimmed cells that hold something, in the order of the file.
        zone: Of times that do not say theirs.
        now: No session begins later.
        order: What a person says comes first.
    """
    left, names = list(texts), list[str]()
    found: list[FoundForms] = []
    while left and len(names) < _MOST_FORMS:
        best, ties = _best_form(left, zone, order)
        if best is None:
            break
        chosen = _decide(best, ties, left, zone, now)
        found.append(chosen)
        names.append(chosen.names[0])
        # One column has one order: what its surest times show holds for the others.
        order = order or (None if chosen.is_unclear else order_of(chosen.names[0]))
        form = time_form(chosen.names[0])
        left = [text for text in left if form.read(text, zone) is None]
    if not found:
        return FoundForms((), 0)
    orders = {order_of(name) for name in names} - {None}
    reason = next((each.reason for each in found if each.reason), "")
    is_unclear = len(orders) > 1 or any(each.is_unclear for each in found)
    return FoundForms(tuple(names), len(texts) - len(left), reason, is_unclear)


def _best_form(texts: Sequence[str], zone: ZoneInfo, order: DateOrder | None) -> tuple[TimeForm | None, list[TimeForm]]:
    """The form that reads most of some texts, and the others that read as many."""
    tried = list(dict.fromkeys(texts))
    fitting = _forms_of(tried[0], order)
    if not fitting:
        fitting = next(filter(None, (_forms_of(text, order) for text in tried[:20])), [])
    counted = [(sum(form.read(text, zone) is not None for text in tried), form) for form in fitting]
    most = max((count for count, _ in counted), default=0)
    if not most:
        return None, []
    best = [form for count, form in counted if count == most]
    return best[0], best


def _decide(
    best: TimeForm, ties: Sequence[TimeForm], texts: Sequence[str], zone: ZoneInfo, now: datetime
) -> FoundForms:
    first = order_of(best.name)
    rivals = {order_of(form.name): form for form in reversed(ties) if order_of(form.name) is not None}
    if first is None or len(rivals) < 2:
        return FoundForms((best.name,), len(texts), _why_sure(first))
    moments = {order: [form.read(text, zone) for text in texts] for order, form in rivals.items()}
    for judge, reason in _JUDGES:
        good = [order for order, found in moments.items() if judge([each for each in found if each is not None], now)]
        if len(good) == 1:
            return FoundForms((rivals[good[0]].name,), len(texts), f"{good[0]} first, since {reason}")
    if all(found == moments[first] for found in moments.values()):
        return FoundForms((best.name,), len(texts))
    # Hours to twelve are written where the month comes first, and elsewhere too.
    likely = rivals.get("month" if "%p" in best.name else "day", best)
    return FoundForms((likely.name,), len(texts), is_unclear=True)


def _why_sure(first: DateOrder | None) -> str:
    return "" if first is None else f"{first} first, since some dates are none in another order"


def _is_past(moments: Sequence[datetime], now: datetime) -> bool:
    return all(each <= now for each in moments)


def _is_ordered(moments: Sequence[datetime], _now: datetime) -> bool:
    # Three records in disorder look ordered one time in three.
    if len(set(moments)) < _TELLING:
        return False
    return all(a <= b for a, b in pairwise(moments)) or all(a >= b for a, b in pairwise(moments))


_JUDGES: tuple[tuple[Callable[[Sequence[datetime], datetime], bool], str], ...] = (
    (_is_past, "otherwise sessions would begin in the future"),
    (_is_ordered, "the records are then in order of time"),
)


def order_of(name: str) -> DateOrder | None:
    """What comes first in a form whose day and month, or year, could be exchanged; None for other forms."""
    match = re.search(r"%([dmy])([/-])%[dm]\2%[dmyY]|%([dy])\.%m\.%[dy]", name)
    if match is None:
        return None
    first = match[1] or match[3]
    return {"d": "day", "m": "month", "y": "year"}[first]  # type: ignore[return-value]


def _forms_of(text: str, order: DateOrder | None) -> list[TimeForm]:
    """All forms that a text may have, save those with day and month in another order than a person says."""
    names = (name for name in forms_of_cell(text) if order is None or order_of(name) in {None, order})
    return [form for form in map(time_form, names) if form.matches(text)]
