"""The days of a trend: which they are, and figures for every one of them.

Add how a series of days is made complete. What a figure is comes from its statement in `sql/statements/overview`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

_Figure = TypeVar("_Figure")


@dataclass(frozen=True, slots=True)
class TrendDays:
    """UTC days in a row, the last one under way.

    Attributes:
        first: The first day.
        count: How many.
    """

    first: date
    count: int

    @classmethod
    def up_to(cls, now: datetime, count: int) -> TrendDays:
        """The day of a moment, and the days before it."""
        return cls(now.astimezone(UTC).date() - timedelta(days=count - 1), count)

    @property
    def days(self) -> list[date]:
        """All of them."""
        return [self.first + timedelta(days=number) for number in range(self.count)]

    @property
    def since(self) -> datetime:
        """Their first moment."""
        return datetime.combine(self.first, time(), UTC)

    @property
    def until(self) -> datetime:
        """The first moment after them."""
        return self.since + timedelta(days=self.count)


def for_every_day(days: Sequence[date], found: Mapping[date, _Figure], nothing: _Figure) -> list[_Figure]:
    """The figure of each day in order; a day without any has nothing, which is a figure as well."""
    return [found.get(day, nothing) for day in days]
