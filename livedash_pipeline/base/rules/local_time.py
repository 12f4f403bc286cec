"""Local times of a company's CSV and what moment they mean.

A time without a zone is read in the company's IANA zone, with the offset that held **before** a change of the clocks
wherever two readings are possible. So a time that a change to summer time skips (02:30 on the last Sunday of March in
Amsterdam) is shifted forward by the gap (03:30 summer time), and one that occurs twice (02:30 on the last Sunday of October)
is its first occurrence, in summer time. Other notations of time belong to other modules.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_TIME = re.compile(r"(\d{2}):(\d{2})(?::(\d{2}))?", re.ASCII)


def parse_local_date(text: str) -> date | None:
    """A day of the calendar written `D(D).M(M).YYYY`."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    day, month, year = map(int, match.groups())
    try:
        return date(year, month, day)
    except ValueError:
        return None


def parse_time_of_day(text: str) -> time | None:
    """A time written `HH:MM[:SS]`."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return time(hour, minute, second)
    except ValueError:
        return None


def parse_local_time(text: str, zone: ZoneInfo, *, second_showing: bool = False) -> datetime | None:
    """The moment in UTC that `D(D).M(M).YYYY HH:MM[:SS]` means in a zone; None if it is written otherwise or no real time.

    Args:
        text: The local time.
        zone: Where it is local.
        second_showing: Of an hour that the clock shows twice, take the second.
    """
    day_text, _, time_text = text.partition(" ")
    day, time_of_day = parse_local_date(day_text), parse_time_of_day(time_text)
    if day is None or time_of_day is None:
        return None
    return local_moment(day, time_of_day, zone, second_showing=second_showing)


def local_moment(day: date, time_of_day: time, zone: ZoneInfo, *, second_showing: bool = False) -> datetime | None:
    """The moment in UTC of a local day and time, by the rule above; None outside of the calendar."""
    try:
        # `fold=0` is the rule above: zoneinfo then takes the offset before the change, in a gap as in a repeated hour.
        moment = datetime.combine(day, time_of_day, tzinfo=zone)
        return (_second_showing(moment) if second_showing else moment).astimezone(UTC)
    except OverflowError:  # The first or last hours of the calendar.
        return None


def _second_showing(moment: datetime) -> datetime:
    again = moment.replace(fold=1)
    # In an hour that is skipped the offset after the change is the larger one, and the moment would be an earlier one.
    return again if again.utcoffset() < moment.utcoffset() else moment  # type: ignore[operator]
