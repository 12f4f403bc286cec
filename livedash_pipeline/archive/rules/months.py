"""Months of the archive: a calendar month in UTC, as in `spend`.

Add a rule about which months may be archived. Which sessions of a month are archived is decided in `archive.rules.settled`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

_FORM = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_LAST_YEAR = 9998


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month in UTC."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"

    @property
    def first_day(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment of the next month."""
        years, months = divmod(self.year * 12 + self.month, 12)
        return datetime(years, months + 1, 1, tzinfo=UTC)

    def is_past(self, now: datetime) -> bool:
        """Whether the whole month is over."""
        return self.end <= now


def read_month(text: str) -> Month | None:
    """Reads a month such as `2026-03`; None for anything else."""
    found = _FORM.fullmatch(text.strip())
    if found is None or not 1 <= int(found[1]) <= _LAST_YEAR:
        return None
    return Month(int(found[1]), int(found[2]))


def month_of(day: date) -> Month:
    """The month that a day lies in."""
    return Month(day.year, day.month)
