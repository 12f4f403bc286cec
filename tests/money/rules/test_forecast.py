"""A month's end is foreseen from its pace and from what waits, and the day on which a limit is reached follows from it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.money.rules.budgets import Limit, LimitKind, Spent
from livedash_pipeline.money.rules.caps import Period, Scope
from livedash_pipeline.money.rules.forecast import SHORTEST_RECORD, Course, Forecast, foresee, reached_on

D = Decimal
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
# Ten of June's thirty days are gone.
NOW = datetime(2025, 6, 11, tzinfo=UTC)
EUROS = st.decimals(0, 1000, places=4)


def limit(eur: str | Decimal, period: Period = Period.MONTH) -> Limit:
    return Limit(LimitKind.CAP, Scope.COMPANY, period, D(eur), None)


def course(
    known: str, *, open_: str = "0", in_flight: str = "0", waiting: str | None = "0", usual: str = "1"
) -> Course:
    month = Spent(D(known), D(open_), D(in_flight))
    return Course(NOW, LONG_AGO, month, None if waiting is None else D(waiting), D(usual))


def test_the_rest_of_the_month_goes_on_at_its_pace() -> None:
    assert foresee(course("10")) == Forecast(low=D(10), expected=D(30), high=D(30), daily=D(1))
    assert foresee(course("9", open_="1", in_flight="4", waiting="5")) == Forecast(D(9), D(30), D(39), D(1))
    assert foresee(course("0")) == Forecast(D(0), D(0), D(0), D(0))


def test_more_than_the_pace_that_waits_or_is_in_flight_is_spent_at_its_usual_part() -> None:
    found = foresee(course("10", in_flight="40", waiting="60", usual="0.5"))
    assert found == Forecast(D(10), D(60), D(130), D("1.5"))


def test_what_waits_at_an_unknown_price_has_no_upper_bound() -> None:
    found = foresee(course("10", waiting=None))
    assert found is not None and (found.expected, found.high) == (D(30), None)


def test_nothing_is_said_with_less_than_a_day_to_go_by() -> None:
    start = datetime(2025, 6, 1, tzinfo=UTC)
    almost = start + SHORTEST_RECORD - timedelta(microseconds=1)
    month = Spent(D(10))
    assert foresee(Course(almost, LONG_AGO, month)) is None
    assert foresee(Course(start + SHORTEST_RECORD, LONG_AGO, month)) is not None
    assert foresee(Course(NOW, NOW - timedelta(hours=23), month)) is None, "the company was made yesterday"
    young = foresee(Course(NOW, NOW - timedelta(days=2), month))
    assert young is not None and young.daily == 5, "days before there was a company are no days of its pace"


def test_days_and_months_are_those_of_utc_in_every_zone() -> None:
    auckland = timezone(timedelta(hours=13))
    here = Course(NOW.astimezone(auckland), LONG_AGO, Spent(D(10)))
    assert foresee(here) == foresee(course("10"))
    assert reached_on(limit("12"), D(10), foresee(here), here.now) == date(2025, 6, 13)


@pytest.mark.parametrize(
    ("eur", "committed", "day"),
    [
        ("10", "10", date(2025, 6, 11)),
        ("10", "12", date(2025, 6, 11)),
        ("0", "0", date(2025, 6, 11)),
        ("10.5", "10", date(2025, 6, 11)),
        ("15", "10", date(2025, 6, 16)),
        ("29.99", "10", date(2025, 6, 30)),
        ("30", "10", date(2025, 6, 30)),
        ("30.01", "10", None),
    ],
)
def test_the_day_on_which_a_limit_is_reached(eur: str, committed: str, day: date | None) -> None:
    assert reached_on(limit(eur), D(committed), foresee(course("10")), NOW) == day


def test_no_day_is_said_of_a_days_cap_without_a_forecast_or_where_nothing_is_spent() -> None:
    going = foresee(course("10"))
    assert reached_on(limit("11", Period.DAY), D(10), going, NOW) is None
    assert reached_on(limit("10", Period.DAY), D(10), going, NOW) == date(2025, 6, 11)
    assert reached_on(limit("11"), D(10), None, NOW) is None
    assert reached_on(limit("1"), D(0), foresee(course("0")), NOW) is None


@given(
    st.integers(0, 30 * 86_400 - 1).map(lambda seconds: datetime(2025, 6, 1, tzinfo=UTC) + timedelta(seconds=seconds)),
    st.builds(Spent, EUROS, EUROS, EUROS),
    st.none() | EUROS,
    st.decimals(0, 1, places=3),
    EUROS,
)
@example(NOW, Spent(D(10), D(0), D(5)), D(20), D("0.3"), D(25))
@example(NOW, Spent(), None, D(1), D(25))
def test_bounds_hold_and_a_limit_that_is_foreseen_to_be_passed_has_a_day(
    now: datetime, month: Spent, waiting: Decimal | None, usual: Decimal, eur: Decimal
) -> None:
    found = foresee(Course(now, LONG_AGO, month, waiting, usual))
    day = reached_on(limit(eur), month.committed, found, now)
    assert day is None or now.date() <= day <= date(2025, 6, 30)
    if found is None:
        assert now - datetime(2025, 6, 1, tzinfo=UTC) < SHORTEST_RECORD
        return
    assert 0 <= found.low <= found.expected
    assert found.high is None or found.expected <= found.high + D("1e-15")
    if found.expected >= eur + D("1e-9") or month.committed >= eur:
        assert day is not None
