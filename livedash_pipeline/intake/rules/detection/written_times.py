"""Which forms of times some texts are written in, and whether day and month can be told apart.

Forms follow from a text itself: its signs, the lengths of its numbers, its words. Add a way of writing times here; what forms
mean is `profiles.time_forms`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from livedash_pipeline.intake.rules.messages import PLAUSIBLE_YEARS
from livedash_pipeline.intake.rules.profiles.time_forms import ISO, UNIX, UNIX_MS, time_form

_B = r"[ \u00a0\u202f]"
_WORD = r"[^\W\d_]{3,12}\.?"
_NUMBERS = r"(?P<a>\d{1,4})(?P<s>[./-])(?P<b>\d{1,2})(?P=s)(?P<c>\d{4}|\d{1,2})"
_DAY_FIRST = rf"(?P<d1>\d{{1,2}}\.?(?: de)?[ -])(?P<m1>{_WORD})(?P<g1>(?: de|,)?[ -])(?P<y1>\d{{4}}|\d{{2}})"
_MONTH_FIRST = rf"(?P<m2>{_WORD}){_B}(?P<d2>\d{{1,2}})(?P<comma>,?){_B}(?P<y2>\d{{4}})"
_DATE = rf"(?:(?P<weekday>[^\W\d_]{{2,12}}\.?)(?P<g3>,?{_B}))?(?:{_NUMBERS}|{_DAY_FIRST}|{_MONTH_FIRST})"
_CLOCK = (
    rf"\d{{1,2}}:\d{{2}}(?P<seconds>:\d{{2}})?(?P<parts>[.,]\d{{1,9}})?(?P<half>{_B}?[AaPp]\.?[Mm]\b\.?)?"
    rf"(?P<zone>{_B}?(?:Z\b|UTC|GMT|[+-]\d{{2}}:?\d{{2}}))?"
)
_GAP = rf"(?:,?{_B}{{1,3}}(?:(?:at|um|om|à|-){_B})?|T)"
_DATE_FIRST = re.compile(rf"{_DATE}(?P<gap>{_GAP}){_CLOCK}")
_CLOCK_FIRST = re.compile(rf"{_CLOCK}(?P<gap>{_GAP}){_DATE}")
_DATE_ALONE = re.compile(_DATE)
_UNIX = r"\d{9,14}(?:\.\d{1,9})?"


def _unnamed(pattern: str) -> str:
    # The sign between numbers is looked at twice, so it is no reference here.
    return re.sub(r"\(\?P<\w+>", "(?:", pattern.replace("(?P=s)", "[./-]"))


STAMP = f"(?:{_unnamed(_DATE_FIRST.pattern)}|{_unnamed(_CLOCK_FIRST.pattern)}|{_UNIX})"
"""An expression of whatever looks like a date with a time, or like seconds since 1970."""

_MOST_FORMS = 5


@dataclass(frozen=True, slots=True)
class ChosenTimes:
    """Forms that read some texts.

    Attributes:
        forms: In the order in which they are to be tried.
        read: How many of the texts they read.
        unclear: A sentence where the samples leave day and month open; else empty.
    """

    forms: tuple[str, ...]
    read: int
    unclear: str = ""


def choose_times(written: Sequence[Sequence[str]], zone: ZoneInfo) -> ChosenTimes:
    """The fewest forms that read most of the times of some transcripts, each in the order of its lines."""
    texts = [text for each in written for text in each]
    readings = {text: _readings(text, zone) for text in set(texts)}
    left, forms, unclear = texts, list[str](), ""
    while left and len(forms) < _MOST_FORMS:
        counts = _counts(left, readings)
        most = max(counts.values(), default=0)
        if not most:
            break
        best = [form for form, count in counts.items() if count == most]
        chosen, is_open = _first_or_likelier(best, written, readings)
        unclear = unclear or (_open_sentence(best, left) if is_open else "")
        forms.append(chosen)
        left = [text for text in left if chosen not in readings[text]]
    return ChosenTimes(tuple(forms), len(texts) - len(left), unclear)


def forms_of(text: str) -> tuple[str, ...]:
    """The forms that a text may be written in, the likeliest first, whether or not it is a real time in them."""
    if re.fullmatch(_UNIX, text, re.ASCII):
        return (UNIX, UNIX_MS)
    if time_form(ISO).matches(text) is not None:
        return (ISO,)
    date_first = _DATE_FIRST.fullmatch(text)
    match = date_first or _CLOCK_FIRST.fullmatch(text)
    if match is None:
        return ()
    parts = match.groupdict()
    clock, gap, dates = _clock_form(parts), _plain(parts["gap"] or ""), _date_forms(parts)
    return tuple(date + gap + clock if date_first else clock + gap + date for date in dates)


def forms_of_cell(text: str) -> tuple[str, ...]:
    """The forms of a text that may also be a date without a time of day."""
    match = None if forms_of(text) else _DATE_ALONE.fullmatch(text)
    return forms_of(text) if match is None else tuple(_date_forms(match.groupdict()))


def _date_forms(parts: Mapping[str, str | None]) -> list[str]:
    weekday = "" if parts["weekday"] is None else f"%a{_plain(parts['g3'] or '')}"
    if parts["m1"] is not None:
        year = "%Y" if len(parts["y1"] or "") == 4 else "%y"
        return [f"{weekday}%d{(parts['d1'] or '').lstrip('0123456789')}%b{parts['g1']}{year}"]
    if parts["m2"] is not None:
        return [f"{weekday}%b %d{parts['comma']} %Y"]
    sign, first, last = parts["s"] or "", parts["a"] or "", parts["c"] or ""
    if len(first) == 4:
        return [f"{weekday}%Y{sign}%m{sign}%d"]
    year = "%Y" if len(last) == 4 else "%y"
    by_year = [] if year == "%Y" else [f"{weekday}%y{sign}%m{sign}%d"]
    # Nobody who writes points puts the month first.
    by_month = [] if sign == "." else [f"{weekday}%m{sign}%d{sign}{year}"]
    return [f"{weekday}%d{sign}%m{sign}{year}", *by_month, *by_year]


def _clock_form(parts: Mapping[str, str | None]) -> str:
    half, zone, fraction = parts["half"], parts["zone"], parts["parts"]
    form = "%I:%M" if half else "%H:%M"
    form += "" if parts["seconds"] is None else ":%S"
    form += "" if fraction is None else f"{fraction[0]}%f"
    form += "" if half is None else f"{' ' if half[0].isspace() else ''}%p"
    return form + ("" if zone is None else f"{' ' if zone[0].isspace() else ''}%z")


def _plain(gap: str) -> str:
    return re.sub(_B + "+", " ", gap)


def _readings(text: str, zone: ZoneInfo) -> dict[str, datetime]:
    found = ((form, _moment(form, text, zone)) for form in forms_of(text))
    return {form: moment for form, moment in found if moment is not None}


def _moment(form: str, text: str, zone: ZoneInfo) -> datetime | None:
    moment = time_form(form).read(text, zone)
    return moment if moment is not None and moment.year in PLAUSIBLE_YEARS else None


def _counts(texts: Iterable[str], readings: Mapping[str, Mapping[str, datetime]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for text in texts:
        for form in readings[text]:
            counts[form] = counts.get(form, 0) + 1
    return counts


def _first_or_likelier(
    best: Sequence[str], written: Sequence[Sequence[str]], readings: Mapping[str, Mapping[str, datetime]]
) -> tuple[str, bool]:
    """Of forms that read as many texts, the one in which chats take less time; and whether that decides nothing."""
    spans = {form: _span(form, written, readings) for form in best}
    least = min(spans.values())
    likely = [form for form in best if spans[form] == least]
    twins = [form for form in likely if _swapped(form) in set(likely) - {form}]
    if not twins:
        return likely[0], False
    american = next((form for form in twins if "%p" in form and form.index("%m") < form.index("%d")), None)
    return american or twins[0], True


def _span(form: str, written: Sequence[Sequence[str]], readings: Mapping[str, Mapping[str, datetime]]) -> timedelta:
    total = timedelta(0)
    for texts in written:
        moments = [readings[text][form] for text in texts if form in readings[text]]
        total += sum((abs(after - before) for before, after in pairwise(moments)), timedelta(0))
    return total


def _swapped(form: str) -> str:
    return form.replace("%d", "%D").replace("%m", "%d").replace("%D", "%m")


def _open_sentence(best: Sequence[str], texts: Sequence[str]) -> str:
    forms = " or ".join(form for form in best if _swapped(form) in set(best) - {form})
    return (
        f"Times such as {texts[0]!r} may have day or month first: no sample has a day beyond 12, so times is {forms}."
    )
