"""Charts of spending, and its report as CSV."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.overview.rules.charts import Kind, Marker, svg, table
from livedash_pipeline.overview.rules.spend import Days
from livedash_pipeline.overview.rules.spend_charts import (
    daily_chart,
    is_of_one_month,
    labels_of,
    limit_chart,
    monthly_limit,
    running_chart,
    step_of,
)
from livedash_pipeline.overview.rules.spend_table import csv_text, group_columns

MAY = Days(date(2025, 5, 1), date(2025, 5, 4))
ROWS = [
    {"day": "2025-05-01", "model": "b", "costEur": "1.5"},
    {"day": "2025-05-03", "model": "a", "costEur": "0.25"},
    {"day": "2025-05-03", "model": "b", "costEur": "2"},
    {"day": "2025-05-03", "model": "b", "costEur": "0.5"},
]
LIMIT: dict[str, Any] = {
    "kind": "cap", "period": "month", "eur": "50", "spentEur": "20", "openAtMostEur": None, "inFlightAtMostEur": "5",
}  # fmt: skip


def link(label: str) -> str:
    return f"/console/spend?from={label}"


def test_a_bar_is_a_day_of_all_models_and_leads_to_it() -> None:
    chart = daily_chart(ROWS, MAY, "day", link)
    assert [(series.name, list(series.values)) for series in chart.series] == [
        ("a", [0, 0, Decimal("0.25"), 0]),
        ("b", [Decimal("1.5"), 0, Decimal("2.5"), 0]),
    ]
    assert list(chart.links) == [link("2025-05-01"), None, link("2025-05-03"), None]
    assert svg(chart, "daily")


def test_a_long_period_is_drawn_by_months() -> None:
    years = Days(date(2024, 11, 9), date(2025, 2, 1))
    assert step_of(years) == "month"
    assert labels_of(years, "month") == ["2024-11", "2024-12", "2025-01", "2025-02"]
    assert step_of(Days(date(2025, 1, 1), date(2025, 3, 3))) == "day"
    rows = [{"month": "2024-12", "model": "a", "costEur": "3"}]
    assert [row.cells[0].text for row in table(daily_chart(rows, years, "month", link)).rows] == [
        "€3.00", "€0.00", "€0.00",
    ]  # fmt: skip
    assert daily_chart([], years, "month", link).is_empty


@given(st.dates(), st.dates())
def test_no_period_has_more_bars_than_can_be_seen(one: date, other: date) -> None:
    days = Days(min(one, other), max(one, other))
    labels = labels_of(days, step_of(days))
    assert 1 <= len(labels) <= 62
    assert labels == sorted(labels)
    assert days.last.isoformat().startswith(labels[-1])


def test_the_sum_of_a_month_ends_today_and_stands_beside_its_cap() -> None:
    chart = running_chart(ROWS, MAY, date(2025, 5, 3), Marker("Monthly cap", 50))
    assert list(chart.series[0].values) == [Decimal("1.5"), Decimal("1.5"), Decimal("4.25"), None]
    assert "beside the cap" in chart.description
    assert running_chart(ROWS, MAY, date(2025, 5, 3), None).marker is None


@pytest.mark.parametrize(
    ("first", "last", "is_one"),
    [
        (date(2025, 5, 1), date(2025, 5, 31), True),
        (date(2025, 5, 2), date(2025, 5, 31), False),
        (date(2025, 5, 1), date(2025, 6, 1), False),
        (date(2024, 5, 1), date(2025, 5, 1), False),
    ],
)
def test_a_cap_of_a_month_is_drawn_over_the_sum_of_a_month(first: date, last: date, is_one: bool) -> None:
    assert is_of_one_month(Days(first, last)) is is_one


def test_a_cap_is_drawn_with_what_counts_against_it() -> None:
    chart = limit_chart(LIMIT)
    assert (chart.kind, chart.title) == (Kind.PROGRESS, "Monthly cap")
    assert [(row.label, row.cells[0].text) for row in table(chart).rows] == [
        *(("Spent", "€20.00"), ("Unknown cost, at most", ""), ("In flight, at most", "€5.00"), ("Cap", "€50.00"))
    ]
    assert limit_chart(LIMIT | {"kind": "budget", "period": "day"}).title == "Daily budget"


def test_the_cap_is_marked_rather_than_the_budget() -> None:
    budget = LIMIT | {"kind": "budget", "eur": "40"}
    assert monthly_limit([budget, LIMIT]) == Marker("Monthly cap", Decimal(50))
    assert monthly_limit([budget, LIMIT | {"period": "day"}]) == Marker("Monthly budget", Decimal(40))
    assert monthly_limit([]) is None


def test_the_csv_has_groups_figures_and_the_currency() -> None:
    report: dict[str, Any] = {
        "by": ["company", "kind"],
        "currency": "EUR",
        "total": {"entries": 1, "costEur": "2.5"},
        "rows": [{"company": "acme", "kind": "=1+1", "purchase": "batch", "entries": 1, "costEur": "2.5"}],
    }
    assert group_columns(report) == ["company", "kind", "purchase"]
    assert csv_text(report) == ("company,kind,purchase,entries,costEur,currency\r\nacme,'=1+1,batch,1,2.5,EUR\r\n")
