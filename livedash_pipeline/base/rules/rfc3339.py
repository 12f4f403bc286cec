"""Moments as RFC 3339 writes them: a date, a time and a zone.

Add a notation that whole APIs use; local times of a company's CSV are `base.rules.local_time`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_FORM = re.compile(
    r"(\d{4})(-\d\d-\d\d)[Tt ](\d\d:\d\d:)(\d\d)(?:\.(\d{1,12}))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


def parse_moment(text: str) -> datetime | None:
    """The moment, with the zone that it was written in; None if it is written otherwise, or there is no such time.

    Parts of a second are cut after the sixth digit. Moments at either end of the calendar that UTC cannot express, and
    those of the year 0, are the first and the last that it can.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    year, day, time, second, fraction, zone = match.groups()
    # 60 is a leap second, which Python does not know; the year 4 is one with all days that the year 0 has.
    leap, before_all = second == "60", year == "0000"
    plain = f"{'0004' if before_all else year}{day}T{time}{'59' if leap else second}.{(fraction or '0')[:6]:0<6}"
    try:
        moment = datetime.fromisoformat(plain + zone.upper().replace("Z", "+00:00"))
    except ValueError:
        return None
    try:
        moment += timedelta(seconds=leap)
        moment.astimezone(UTC)
    except OverflowError:
        return _FIRST if moment.year == 1 else _LAST
    return _FIRST if before_all else moment


_WITHIN_HOUR = tuple(f"{minute:02}:{second:02}+00:00" for minute in range(60) for second in range(60))


def utc_text(moment: datetime) -> str:
    """What `isoformat` says of an aware moment in UTC, `2025-05-01T12:00:00+00:00`, in half its time.

    Each message's time is written three times, and most messages of a day's chats share their hour with many others.
    """
    moment = moment.astimezone(UTC)
    if moment.microsecond:
        return moment.isoformat()
    begin = _hour_text(moment.year, moment.month, moment.day, moment.hour)
    return begin + _WITHIN_HOUR[moment.minute * 60 + moment.second]


@lru_cache(maxsize=4096)
def _hour_text(year: int, month: int, day: int, hour: int) -> str:
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:"
