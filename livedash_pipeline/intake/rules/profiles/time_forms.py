"""Times as other tools write them: a form is a pattern of `strptime`, or one of three words.

    %d/%m/%Y %H:%M      day, month and year; `%y` is a year of two digits, `%b` and `%B` are names of months in many languages
    %m/%d/%Y %I:%M %p   twelve hours, with AM or PM
    %Y-%m-%d %H:%M:%S%z with the zone, as an offset, `Z`, `UTC` or `GMT`
    iso8601             2025-05-01, 2025-05-01 12:00, 2025-05-01T12:00:00.123Z and the like
    unix, unix_ms       seconds and milliseconds since 1970

Days, months and hours may have one digit, minutes and seconds have two; parts of a second are read and left out. A time without
a zone is local to the company (`base.rules.local_time`). Forms are tried in the order in which a profile lists them. Add
a directive or a word here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

from livedash_pipeline.base.rules.local_time import local_moment

ISO = "iso8601"
UNIX = "unix"
UNIX_MS = "unix_ms"
_WORDS = {
    ISO: r"(?P<Y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})"
    r"(?:(?:T|[ \u00a0]+)(?P<H>\d{2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,]\d{1,9})?)?"
    r"[ ]?(?P<z>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?)?",
    UNIX: r"(?P<unix>\d{9,11})(?:\.\d{1,9})?",
    UNIX_MS: r"(?P<unix_ms>\d{12,14})(?:\.\d{1,9})?",
}
_DIRECTIVES = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "m": r"(?P<m>\d{1,2})",
    "b": r"(?P<b>[^\W\d_]{2,20}\.?)",
    "B": r"(?P<b>[^\W\d_]{2,20}\.?)",
    "d": r"(?P<d>\d{1,2})",
    "H": r"(?P<H>\d{1,2})",
    "I": r"(?P<I>\d{1,2})",
    "M": r"(?P<M>\d{2})",
    "S": r"(?P<S>\d{2})",
    "f": r"(?P<f>\d{1,9})",
    "p": r"(?P<p>[AaPp]\.?[ ]?[Mm]\.?)",
    "z": r"(?P<z>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)",
    "a": r"[^\W\d_]{2,20}\.?",
    "A": r"[^\W\d_]{2,20}\.?",
    "%": "%",
}
_BLANK = "[ \t\u00a0\u202f]+"
_LONGEST = 100
# `strptime` reads years of two digits so, after POSIX.
_CENTURY_TURNS = 69
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Languages in which tools write names of months.
_NAMING = ("en", "nl", "de", "fr", "es", "it", "pt", "pl", "da", "sv", "nb", "fi", "cs", "tr")


class BadTimeFormError(ValueError):
    """A form that cannot be; its text is the end of a sentence."""


@dataclass(frozen=True, slots=True)
class TimeForm:
    """One form: what it is called, and the expression of its texts."""

    name: str
    expression: str
    matches: Callable[[str], re.Match[str] | None]

    def read(self, text: str, zone: ZoneInfo, *, second_showing: bool = False) -> datetime | None:
        """The moment in UTC that a text means; None where it has another form or is no real time."""
        match = self.matches(text)
        return None if match is None else _moment(match.groupdict(), zone, second_showing)


@dataclass(frozen=True, slots=True)
class TimeForms:
    """Forms in the order in which they are tried."""

    forms: tuple[TimeForm, ...]

    @classmethod
    def of(cls, names: Sequence[str]) -> TimeForms:
        """The forms of these names.

        Raises:
            BadTimeFormError: A name is none.
        """
        return cls(tuple(map(time_form, names)))

    def read(self, text: str, zone: ZoneInfo, *, second_showing: bool = False) -> datetime | None:
        """The moment in UTC that a text means by the first form that reads it; None by none."""
        readings = (form.read(text, zone, second_showing=second_showing) for form in self.forms)
        return next((moment for moment in readings if moment is not None), None)

    @property
    def expression(self) -> str:
        """An expression of all texts that have one of the forms, without names of groups."""
        return "(?:" + "|".join(re.sub(r"\(\?P<\w+>", "(?:", form.expression) for form in self.forms) + ")"


@cache
def time_form(name: str) -> TimeForm:
    """The form of a name.

    Raises:
        BadTimeFormError: It is neither a word nor a pattern with a day, a month and a year.
    """
    expression = _WORDS.get(name) or _expression(name)
    return TimeForm(name, expression, re.compile(expression, re.ASCII if name in _WORDS else re.NOFLAG).fullmatch)


def _expression(name: str) -> str:
    if len(name) > _LONGEST:
        raise BadTimeFormError(f"has {len(name)} characters, and a form of times has {_LONGEST} at most")
    parts = re.split(r"(%.?|\s+)", name.strip())
    directives = [part[1:] for part in parts if part.startswith("%")]
    unknown = next((each for each in directives if each not in _DIRECTIVES), None)
    if unknown is not None:
        raise BadTimeFormError(
            f"has the directive %{unknown}, and known are {', '.join(f'%{key}' for key in _DIRECTIVES)}"
        )
    meant = [{"b": "m", "B": "m", "y": "Y", "I": "H", "A": "a"}.get(each, each) for each in directives if each != "%"]
    twice = next((each for each in meant if meant.count(each) > 1), None)
    if twice is not None:
        raise BadTimeFormError(f"says %{twice} or what it stands for twice")
    if not {"Y", "m", "d"} <= set(meant):
        raise BadTimeFormError(f"has no day, month and year, and is none of {', '.join(_WORDS)}")
    if ("I" in directives) != ("p" in directives):
        raise BadTimeFormError("has %I without %p, or %p without %I")
    return "".join(map(_part, parts))


def _part(part: str) -> str:
    if part.startswith("%"):
        return _DIRECTIVES[part[1:]]
    return _BLANK if part.isspace() else re.escape(part)


def _moment(parts: Mapping[str, str | None], zone: ZoneInfo, second_showing: bool) -> datetime | None:
    since = _since_1970(parts)
    if since is not None:
        return _EPOCH + since
    try:
        day = date(_year(parts), _month(parts), int(parts["d"] or 0))
        time_of_day = time(_hour(parts), int(parts.get("M") or 0), int(parts.get("S") or 0))
    except ValueError:
        return None
    written = parts.get("z")
    if not written:
        return local_moment(day, time_of_day, zone, second_showing=second_showing)
    offset = _offset(written)
    try:
        return None if offset is None else datetime.combine(day, time_of_day, tzinfo=offset).astimezone(UTC)
    except OverflowError:  # The first or last hours of the calendar.
        return None


def _since_1970(parts: Mapping[str, str | None]) -> timedelta | None:
    if seconds := parts.get("unix"):
        return timedelta(seconds=int(seconds))
    if milliseconds := parts.get("unix_ms"):
        return timedelta(seconds=int(milliseconds) // 1000)
    return None


def _year(parts: Mapping[str, str | None]) -> int:
    short = parts.get("y")
    if short is None:
        return int(parts["Y"] or 0)
    return int(short) + (1900 if int(short) >= _CENTURY_TURNS else 2000)


def _month(parts: Mapping[str, str | None]) -> int:
    named = parts.get("b")
    return int(parts["m"] or 0) if named is None else month_names().get(named.rstrip(".").casefold(), 0)


def _hour(parts: Mapping[str, str | None]) -> int:
    half = parts.get("p")
    if half is None:
        return int(parts.get("H") or 0)
    hour = int(parts["I"] or 0)
    # 13 PM is no time; neither is 0 AM, but some tools write it for midnight.
    return hour % 12 + (12 if half[0] in "pP" else 0) if hour <= 12 else 24


def _offset(written: str) -> timezone | None:
    if written in {"Z", "UTC", "GMT"}:
        return UTC
    digits = written[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        return None
    size = timedelta(hours=hours, minutes=minutes)
    return timezone(-size if written[0] == "-" else size)


@cache
def month_names() -> Mapping[str, int]:
    """Numbers of months by their names and abbreviations, in lower case and without a point, in the languages of tools."""
    # Its tables take a while to load, and most forms have numbers.
    from babel import Locale

    known: dict[str, int] = {"sept": 9}
    for language in reversed(_NAMING):
        months = Locale.parse(language).months
        for context in ("format", "stand-alone"):
            for width in ("abbreviated", "wide"):
                known |= {name.rstrip(".").casefold(): number for number, name in months[context][width].items()}
    return known
