"""The days of a trend and its charts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.overview.rules.charts import table
from livedash_pipeline.overview.rules.operations.trend import TrendDays, for_every_day
from livedash_pipeline.overview.rules.operations.trend_charts import TrendLinks, trend_charts

LINKS = TrendLinks("/s", "/c", "/f", lambda day: f"/b?{day}", lambda day: f"/e?{day}")


@given(
    st.datetimes(timezones=st.just(timezone(timedelta(hours=9)))).filter(lambda moment: 1900 < moment.year < 9000),
    st.integers(1, 60),
)
def test_days_follow_one_another_up_to_the_present_one(now: datetime, count: int) -> None:
    period = TrendDays.up_to(now, count)
    assert len(period.days) == count
    assert period.days[-1] == now.astimezone(UTC).date()
    assert all(
        later - earlier == timedelta(days=1) for earlier, later in zip(period.days, period.days[1:], strict=False)
    )
    assert period.since <= now < period.until
    assert period.until - period.since == timedelta(days=count)


def test_every_day_has_a_figure() -> None:
    days = [date(2025, 5, 1), date(2025, 5, 2), date(2025, 5, 3)]
    assert for_every_day(days, {date(2025, 5, 2): 7, date(2025, 4, 1): 9}, 0) == [0, 7, 0]


def test_charts_show_every_series_with_links_to_its_rows() -> None:
    document = {
        "days": ["2025-05-01", "2025-05-02"],
        "sessionsImported": [1, 2],
        "requestsCompleted": [3, 4],
        "requestsFailed": [0, 1],
        "batchesSubmitted": [1, 0],
        "costEur": ["0.5", "0"],
        "openEntries": [0, 0],
    }
    sessions, requests, batches, cost = (table(chart) for chart in trend_charts(document, LINKS))
    assert [cell.link for row in sessions.rows for cell in row.cells] == ["/s", "/s"]
    assert [(cell.text, cell.link) for cell in requests.rows[1].cells] == [("4", "/c"), ("1", "/f")]
    assert [row.cells[0].link for row in batches.rows] == ["/b?2025-05-01", "/b?2025-05-02"]
    assert [row.cells[0].link for row in cost.rows] == ["/e?2025-05-01", "/e?2025-05-02"]
    assert cost.rows[0].cells[0].text.startswith("€0.5")


def test_days_are_those_of_utc() -> None:
    period = TrendDays.up_to(datetime(2026, 5, 2, 1, tzinfo=timezone(timedelta(hours=2))), 2)
    assert period.days == [date(2026, 4, 30), date(2026, 5, 1)]
    assert (period.since, period.until) == (datetime(2026, 4, 30, tzinfo=UTC), datetime(2026, 5, 2, tzinfo=UTC))
