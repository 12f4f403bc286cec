"""Which forms of times read a column, and whether day or month comes first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from livedash_pipeline.intake.rules.detection.written_times import forms_of_cell
from livedash_pipeline.intake.rules.profiles.time_forms import TimeForm, time_form

DateOrder = Literal["day", "month"]
# So many values tell which form a column has; the whole file is read with it afterwards.
_TRIED = 400
_MOST_FORMS = 4
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
    first: FoundForms | None = None
    while left and len(names) < _MOST_FORMS:
        best, ties = _best_form(left, zone, order)
        if best is None:
            break
        chosen = _decide(best, ties, left, zone, now)
        first = first or chosen
        names.append(chosen.names[0])
        form = time_form(chosen.names[0])
        left = [text for text in left if form.read(text, zone) is None]
    if first is None:
        return FoundForms((), 0)
    # Both orders in one column: which of them a date has that could be either, nobody knows.
    is_mixed = any(_exchanged(name) in names and _exchanged(name) != name for name in names)
    return FoundForms(tuple(names), len(texts) - len(left), first.reason, first.is_unclear or is_mixed)


def _best_form(texts: Sequence[str], zone: ZoneInfo, order: DateOrder | None) -> tuple[TimeForm | None, list[TimeForm]]:
    """The form that reads most of some texts, and the others that read as many."""
    tried = list(dict.fromkeys(texts))[:_TRIED]
    sample = tried[0]
    fitting = _forms_of(sample, order)
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
    other = next((form for form in ties if _exchanged(form.name) == best.name), None)
    if other is None:
        return FoundForms((best.name,), len(texts), _why_sure(best.name))
    day, month = (best, other) if _first_of(best.name) == "day" else (other, best)
    moments = {form.name: [form.read(text, zone) for text in texts] for form in (day, month)}
    for judge, reason in _JUDGES:
        said = {name: judge([each for each in found if each is not None], now) for name, found in moments.items()}
        if said[day.name] != said[month.name]:
            chosen = day if said[day.name] else month
            return FoundForms((chosen.name,), len(texts), f"{_first_of(chosen.name)} first, since {reason}")
    if all(a == b for a, b in zip(moments[day.name], moments[month.name], strict=True)):
        return FoundForms((day.name,), len(texts))
    # Hours to twelve are written where the month comes first, and elsewhere too.
    likely = month if "%p" in best.name else day
    return FoundForms((likely.name,), len(texts), is_unclear=True)


def _why_sure(name: str) -> str:
    first = _first_of(name)
    if first is None:
        return ""
    return f"{first} first, since some numbers in that place are no {'month' if first == 'day' else 'day'}"


def _is_past(moments: Sequence[datetime], now: datetime) -> bool:
    return all(each <= now for each in moments)


def _is_ordered(moments: Sequence[datetime], _now: datetime) -> bool:
    if len(moments) < 3:
        return False
    return all(a <= b for a, b in pairwise(moments)) or all(a >= b for a, b in pairwise(moments))


_JUDGES: tuple[tuple[Callable[[Sequence[datetime], datetime], bool], str], ...] = (
    (_is_past, "otherwise sessions would begin in the future"),
    (_is_ordered, "the records are then in order of time"),
)


def _first_of(name: str) -> DateOrder | None:
    if "%m/" not in name and "%m-" not in name:
        return None
    if name.startswith(("%d/%m", "%d-%m")):
        return "day"
    return "month" if name.startswith(("%m/%d", "%m-%d")) else None


def _exchanged(name: str) -> str:
    return name.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m")


def _forms_of(text: str, order: DateOrder | None) -> list[TimeForm]:
    """All forms that a text may have, save those with day and month in another order than a person says."""
    names = (name for name in forms_of_cell(text) if order is None or _first_of(name) in {None, order})
    return [form for form in map(time_form, names) if form.matches(text)]
