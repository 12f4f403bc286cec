"""Moments as RFC 3339 writes them: a date, a time and a zone.

Add a notation that whole APIs use; local times of a company's CSV are `base.rules.local_time`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

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
