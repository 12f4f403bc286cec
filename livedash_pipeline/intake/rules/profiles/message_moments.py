"""Times of the messages of one transcript, in the forms of a profile: full times, and times of day alone.

The laws are those of the grammar's `MessageTimes`. A time of day falls on the day that brings it nearest to the message before,
or to the begin of the session for the first one, so that a chat may pass midnight; without either it means no moment.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from livedash_pipeline.base.rules.local_time import local_moment
from livedash_pipeline.intake.rules.messages import PLAUSIBLE_YEARS
from livedash_pipeline.intake.rules.profiles.time_forms import TimeForms

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?[ \u00a0\u202f]?(?:([AaPp])\.?[Mm]\.?)?")
_DAYS = (timedelta(0), timedelta(days=-1), timedelta(days=1))


class MessageMoments:
    """Turns times, in the order of a transcript's lines, into moments in UTC.

    Args:
        forms: How full times are written.
        zone: Where times without a zone are local.
        starts_at: When the session began, for times of day.
    """

    def __init__(self, forms: TimeForms, zone: ZoneInfo, starts_at: datetime | None) -> None:
        self._forms = forms
        self._zone = zone
        self._previous: datetime | None = None
        self._starts_at = starts_at

    def full(self, text: str) -> datetime | None:
        """The moment that a full time means; None where there is no such date or time."""
        return self._settle(lambda second_showing: self._forms.read(text, self._zone, second_showing=second_showing))

    def of_day(self, text: str) -> datetime | None:
        """The moment that a time of day means; None where there is none, or no day to find it on."""
        near = self._previous or self._starts_at
        clock = read_clock(text)
        if clock is None or near is None or near.year not in PLAUSIBLE_YEARS:
            return None
        return self._settle(lambda second_showing: self._nearest(clock, near, second_showing))

    @property
    def has_day(self) -> bool:
        """Whether there is a day to find a time of day on."""
        return (self._previous or self._starts_at) is not None

    def _nearest(self, clock: time, near: datetime, second_showing: bool) -> datetime | None:
        day = near.astimezone(self._zone).date()
        found = [local_moment(day + shift, clock, self._zone, second_showing=second_showing) for shift in _DAYS]
        return min((moment for moment in found if moment is not None), key=lambda moment: abs(moment - near))

    def _settle(self, read: Callable[[bool], datetime | None]) -> datetime | None:
        found = read(False)
        if found is None or found.year not in PLAUSIBLE_YEARS:
            return None
        if self._previous is not None and found < self._previous:
            again = read(True)
            found = again if again is not None and again >= self._previous else found
        self._previous = found
        return found


def read_clock(text: str) -> time | None:
    """A time of day, `H:MM[:SS]` with or without AM or PM; None where there is no such time."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hour, minute, second, half = int(match[1]), int(match[2]), int(match[3] or 0), match[4]
    if half is not None:
        # 13 PM is no time; neither is 0 AM, but some tools write it for midnight.
        hour = hour % 12 + (12 if half in "pP" else 0) if hour <= 12 else 24
    try:
        return time(hour, minute, second)
    except ValueError:
        return None
