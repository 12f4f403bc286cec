"""Which caps bind, over which time, and what they leave; months and days are those of UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.money.rules.caps import (
    Cap,
    CapSettings,
    CompanyCaps,
    Period,
    Room,
    Scope,
    caps_of,
    largest_purchase,
    lowest,
    tightest,
)

D = Decimal
AUCKLAND, HONOLULU = timezone(timedelta(hours=13)), timezone(timedelta(hours=-10))


@pytest.mark.parametrize("zone", [UTC, AUCKLAND, HONOLULU])
def test_months_and_days_begin_in_utc_wherever_the_server_is(zone: timezone) -> None:
    last = datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC).astimezone(zone)
    first = datetime(2026, 11, 1, tzinfo=UTC).astimezone(zone)
    assert Period.MONTH.start(last) == datetime(2026, 10, 1, tzinfo=UTC)
    assert (
        Period.MONTH.start(first)
        == Period.DAY.start(first)
        == Period.MONTH.end(last)
        == datetime(2026, 11, 1, tzinfo=UTC)
    )
    assert Period.DAY.start(last) == datetime(2026, 10, 31, tzinfo=UTC)
    assert Period.MONTH.end(datetime(2026, 12, 5, tzinfo=zone)) == datetime(2027, 1, 1, tzinfo=UTC)


@given(st.integers(0, 4 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)), st.sampled_from(Period))
@example(datetime(2025, 5, 31, 23, tzinfo=UTC), Period.DAY)
def test_every_moment_lies_in_its_period_and_the_next_begins_where_it_ends(moment: datetime, period: Period) -> None:
    start, end = period.start(moment), period.end(moment)
    assert start <= moment < end
    assert period.start(end) == end
    assert period.start(end - timedelta(microseconds=1)) == start


def test_a_companys_own_cap_stands_instead_of_that_of_the_settings() -> None:
    settings = CapSettings(monthly=D(10), daily=D(2), total_monthly=D(100), total_daily=None)
    assert caps_of(settings, CompanyCaps(monthly=D(50))) == (
        Cap(Scope.COMPANY, Period.MONTH, D(50), "the company's own monthly cap"),
        Cap(Scope.COMPANY, Period.DAY, D(2), "LIVEDASH_DAILY_CAP_EUR"),
        Cap(Scope.TOTAL, Period.MONTH, D(100), "LIVEDASH_TOTAL_MONTHLY_CAP_EUR"),
    )
    assert caps_of(CapSettings(total_daily=D(1)), CompanyCaps(daily=D(0))) == (
        Cap(Scope.COMPANY, Period.DAY, D(0), "the company's own daily cap"),
        Cap(Scope.TOTAL, Period.DAY, D(1), "LIVEDASH_TOTAL_DAILY_CAP_EUR"),
    )
    assert caps_of(CapSettings(), CompanyCaps()) == ()


def test_the_cap_that_leaves_least_decides() -> None:
    month = Cap(Scope.COMPANY, Period.MONTH, D(10), "month")
    day = Cap(Scope.COMPANY, Period.DAY, D(3), "day")
    assert tightest([Room(month, D(8)), Room(day, D("0.5"))]) == Room(month, D(8))
    assert Room(day, D(4)).left == 0
    assert tightest([]) is None
    assert largest_purchase([month, day]) == 3
    assert lowest([month, day]) == day
    assert largest_purchase([]) is None
    assert (Period.DAY.adjective, Period.MONTH.adjective) == ("daily", "monthly")
