"""Periods, steps, rates and changes of results."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.overview.rules.results import (
    FIRST_DAY,
    LAST_DAY,
    MOST_DAYS,
    Change,
    Compare,
    Fault,
    Figures,
    Period,
    Step,
    change_of_count,
    change_of_rate,
    parts_of,
    quick_periods,
    read_compared,
    read_period,
    read_step,
    readable_step,
    share,
    sum_of,
)
from livedash_pipeline.overview.rules.results_csv import COLUMNS, results_csv

TODAY = date(2025, 5, 1)
MAY = Period(date(2025, 5, 1), date(2025, 5, 31))
DAYS = st.dates(FIRST_DAY, LAST_DAY - timedelta(days=MOST_DAYS))


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (None, None, Period(date(2025, 4, 2), TODAY)),
        ("2025-04-01", None, Period(date(2025, 4, 1), TODAY)),
        ("2025-06-01", None, Period(date(2025, 6, 1), date(2025, 6, 1))),
        (None, "2025-01-31", Period(date(2025, 1, 2), date(2025, 1, 31))),
        ("2025-05-01", "2025-05-31", MAY),
        ("2023-05-01", "2025-04-30", Period(date(2023, 5, 1), date(2025, 4, 30))),
    ],
)
def test_a_period_is_read(first: str | None, last: str | None, found: Period) -> None:
    assert read_period(first, last, today=TODAY) == found


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2025-02-30", None, "from: '2025-02-30' is no day"),
        ("", None, "from: '' is no day"),
        (None, "9999-12-31", "to: '9999-12-31' is no day"),
        ("1899-12-31", None, "from: '1899-12-31' is no day"),
        ("2025-05-02", "2025-05-01", "from: 2025-05-02 is later than 2025-05-01."),
        ("2023-04-30", "2025-05-01", "are 733 days"),
    ],
)
def test_a_wrong_period_is_a_sentence(first: str | None, last: str | None, message: str) -> None:
    found = read_period(first, last, today=TODAY)
    assert isinstance(found, Fault)
    assert message in found.message


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (None, None),
        ("", None),
        ("none", None),
        ("Previous", Period(date(2025, 3, 31), date(2025, 4, 30))),
        ("year", Period(date(2024, 5, 1), date(2024, 5, 31))),
        ("2025-01-01", Period(date(2025, 1, 1), date(2025, 1, 31))),
        ("9998-12-31", Period(LAST_DAY, LAST_DAY)),
    ],
)
def test_a_compared_period_is_read(written: str | None, found: Period | None) -> None:
    assert read_compared(written, MAY) == found


def test_a_leap_day_is_compared_with_the_day_before_march() -> None:
    leap = Period(date(2024, 2, 29), date(2024, 3, 1))
    assert read_compared(Compare.YEAR, leap) == Period(date(2023, 2, 28), date(2023, 3, 1))


def test_a_wrong_comparison_or_step_is_a_sentence() -> None:
    compared, step = read_compared("last week", MAY), read_step("hour", MAY)
    assert isinstance(compared, Fault)
    assert isinstance(step, Fault)
    assert "'last week' is none of none, previous, year" in compared.message
    assert "'hour' is none of day, week, month" in step.message


@pytest.mark.parametrize(
    ("days", "step"),
    [(1, Step.DAY), (31, Step.DAY), (32, Step.WEEK), (182, Step.WEEK), (183, Step.MONTH), (MOST_DAYS, Step.MONTH)],
)
def test_a_long_period_has_coarse_steps(days: int, step: Step) -> None:
    assert read_step(None, Period(TODAY, TODAY + timedelta(days=days - 1))) is step


def test_a_step_is_read_in_either_case() -> None:
    assert read_step(" Week", MAY) is Step.WEEK


def test_a_page_has_no_more_steps_than_people_read() -> None:
    year = Period(date(2025, 1, 1), date(2025, 12, 31))
    assert readable_step("day", MAY) == (Step.DAY, False)
    assert readable_step(None, MAY) == (Step.DAY, False)
    assert readable_step("hour", MAY) == (Step.DAY, False)
    assert readable_step("month", year) == (Step.MONTH, False)
    assert readable_step("week", year) == (Step.MONTH, True)
    assert readable_step("day", year) == (Step.MONTH, True)


@given(DAYS, st.integers(0, MOST_DAYS - 1), st.sampled_from(Step))
def test_parts_cover_a_period_once(first: date, more: int, step: Step) -> None:
    _check_parts(Period(first, first + timedelta(days=more)), step)


@pytest.mark.parametrize("step", Step)
def test_parts_of_a_month_end_with_it(step: Step) -> None:
    _check_parts(Period(date(2024, 1, 31), date(2024, 4, 2)), step)


def _check_parts(period: Period, step: Step) -> None:
    parts = parts_of(period, step)
    assert sum(part.days for part in parts) == period.days
    assert (parts[0].first, parts[-1].last) == (period.first, period.last)
    for before, after in pairwise(parts):
        assert after.first == before.last + timedelta(days=1)
        if step is Step.WEEK:
            assert after.first.weekday() == 0
        if step is Step.MONTH:
            assert after.first.day == 1


def test_rates_are_shares_of_what_is_known() -> None:
    figures = Figures(
        sessions=10, positive=1, neutral=1, negative=1, escalation_known=8, escalated=1, forwarding_known=0,
        messages_known=3, messages=10, duration_seconds=125,
    )  # fmt: skip
    assert figures.sentiment_known == 3
    assert figures.share_of_sentiment(1) == Decimal("0.3333")
    assert figures.escalation_rate == Decimal("0.1250")
    assert figures.forwarding_rate is None
    assert figures.average_messages == Decimal("3.3")
    assert figures.average_duration == Decimal("12.5")
    assert Figures().average_duration is None
    assert share(1, 8000) == Decimal("0.0001"), "half of the last decimal is rounded up: 0.000125"
    assert share(1, 16000) == Decimal("0.0001"), "0.0000625"
    assert share(1, 32000) == Decimal("0.0000")


@given(st.lists(st.integers(0, 1000), max_size=5))
def test_sums_add_every_figure(counts: list[int]) -> None:
    summed = sum_of(Figures(sessions=count, messages=2 * count) for count in counts)
    assert summed == Figures(sessions=sum(counts), messages=2 * sum(counts))


def test_sums_of_two_add_every_figure() -> None:
    assert sum_of([Figures(sessions=1), Figures(sessions=2, escalated=1)]) == Figures(sessions=3, escalated=1)


def test_changes_say_only_what_can_be_said() -> None:
    assert change_of_count(12, 8) == Change(Decimal(4), Decimal("0.5000"))
    assert change_of_count(12, 0) == Change(Decimal(12), None)
    assert change_of_rate(Decimal("0.12"), Decimal("0.10")) == Change(Decimal("0.02"), None)
    assert change_of_rate(None, Decimal("0.10")) == Change(None, None)
    assert change_of_rate(Decimal("0.10"), None) == Change(None, None)


def test_quick_periods_end_today() -> None:
    assert quick_periods(date(2025, 5, 20)) == {
        "7 days": Period(date(2025, 5, 14), date(2025, 5, 20)),
        "30 days": Period(date(2025, 4, 21), date(2025, 5, 20)),
        "90 days": Period(date(2025, 2, 20), date(2025, 5, 20)),
        "this month": Period(date(2025, 5, 1), date(2025, 5, 20)),
    }


def test_a_csv_has_every_part_and_no_formula() -> None:
    period = {
        "from": "2025-05-01",
        "to": "2025-05-02",
        "totals": {"sessions": 3, "medianDurationSeconds": 7.5},
        "series": [{"from": "2025-05-01", "to": "2025-05-01", "sessions": 3}],
        "categories": [{"category": "onboarding", "sessions": 2, "share": 0.6667}],
        "languages": [{"language": "nl", "sessions": 3, "share": 1}],
        "questions": [
            {
                "id": "1",
                "company": "acme",
                "question": "=1+1, or\nnot?",
                "sessions": 2,
                "share": 0.6667,
                "askedFirst": 1,
            }
        ],
    }
    document = {"company": None, "by": "day", "period": period, "compared": period | {"questions": []}}
    rows = list(csv.DictReader(io.StringIO(results_csv(document), newline="")))
    assert tuple(rows[0]) == COLUMNS
    shown = [(row["period"], row["part"], row["name"], row["company"], row["sessions"]) for row in rows]
    assert shown == [
        ("period", "total", "", "", "3"),
        ("period", "day", "", "", "3"),
        ("period", "category", "onboarding", "", "2"),
        ("period", "language", "nl", "", "3"),
        ("period", "question", "'=1+1, or\nnot?", "acme", "2"),
        ("compared", "total", "", "", "3"),
        ("compared", "day", "", "", "3"),
        ("compared", "category", "onboarding", "", "2"),
        ("compared", "language", "nl", "", "3"),
    ]
    assert rows[0]["medianDurationSeconds"] == "7.5"
    assert rows[4]["askedFirst"] == "1"


def test_a_csv_of_one_period_has_no_other() -> None:
    period: dict[str, object] = {"from": "2025-05-01", "to": "2025-05-01", "totals": {}, "series": []}
    period |= {"categories": [], "languages": [], "questions": []}
    document = {"company": "acme", "by": "day", "period": period, "compared": None}
    assert [line.split(",")[0] for line in results_csv(document).splitlines()] == ["period", "period"]
