"""Foresees a month's spending from its pace so far and from what waits, and the day on which a limit is reached.

Caps are left out of it: it says what would be spent if none stood in the way. All days are those of UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from livedash_pipeline.money.rules.budgets import Limit, Spent
from livedash_pipeline.money.rules.caps import Period

# A batch may take a day, so that the costs of a month's first hours are those of nobody's pace.
SHORTEST_RECORD = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Course:
    """A month so far, of a company or of all together.

    Attributes:
        now: The present moment.
        since: From when on there was somebody to spend: when the company was made. What lies before the month does not count.
        month: The euro of the month.
        waiting: The most euro that waiting requests cost; None where a price or the rate is unknown.
        usual: The part of what is set aside that was charged in the end, this month so far: from 0 to 1.
    """

    now: datetime
    since: datetime
    month: Spent
    waiting: Decimal | None = Decimal(0)
    usual: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Euro at the month's end.

    Attributes:
        low: What is spent already; nothing takes it back.
        expected: What is spent, and the further of two things: the same pace for the rest of the month, or the usual cost of all
            that is in flight and waits.
        high: What is spent, in flight and waiting at the most, and the same pace on top; None where the price of what waits is
            unknown.
        daily: Euro that the limits fill with a day, from now to the month's end.
    """

    low: Decimal
    expected: Decimal
    high: Decimal | None
    daily: Decimal


def foresee(course: Course) -> Forecast | None:
    """Returns the forecast; None while there is less than a day to go by."""
    gone = course.now - max(course.since, Period.MONTH.start(course.now))
    if gone < SHORTEST_RECORD:
        return None
    month, left = course.month, Period.MONTH.end(course.now) - course.now
    pace = month.spent * _days(left) / _days(gone)
    waiting = course.waiting or Decimal(0)
    return Forecast(
        low=month.known,
        expected=month.spent + max(pace, course.usual * (month.in_flight + waiting)),
        high=None if course.waiting is None else month.committed + waiting + pace,
        daily=max(pace, course.usual * waiting) / _days(left),
    )


def reached_on(limit: Limit, committed: Decimal, forecast: Forecast | None, now: datetime) -> date | None:
    """Returns the day on which what is committed reaches a limit at this pace; today for one that is reached.

    Args:
        limit: A cap or a budget; one of a day is looked at today only.
        committed: Euro that count against it now.
        forecast: That of the month.
        now: The present moment.

    Returns:
        None if it is not reached before the month ends, or where nothing can be said.
    """
    end = Period.MONTH.end(now)
    today = Period.DAY.start(now).date()
    if committed >= limit.eur:
        return today
    if limit.period is Period.DAY or forecast is None or not forecast.daily:
        return None
    days = (limit.eur - committed) / forecast.daily
    if days > _days(end - now):
        return None
    last = (end - timedelta(days=1)).date()
    return min(Period.DAY.start(now + timedelta(days=float(days))).date(), last)


def _days(duration: timedelta) -> Decimal:
    return Decimal(duration // timedelta(microseconds=1)) / 86_400_000_000
