"""The charts of a company's newest days, for a materialization that says what a run has added to them.

A run must not take noticeably longer for its pictures: they cover few days, which an index finds, and are left out where even
these take too long. Nobody's words are among them. Add a chart in `overview.rules.result_charts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.overview.rules.charts import Chart
from livedash_pipeline.overview.rules.result_charts import (
    categories_chart,
    rates_chart,
    sentiment_chart,
    sessions_chart,
)
from livedash_pipeline.overview.rules.results import Period, Step
from livedash_pipeline.overview.steps.results import period_document
from livedash_pipeline.overview.store.results import newest_day, sum_period

DAYS = 14
MOST_SESSIONS = 20_000
"""Of a company with more sessions than these in the days, fewer days are drawn."""
CHART_SECONDS = 3.0
"""The most that a statement of the charts takes."""
_QUERY_CANCELED = "57014"


@dataclass(frozen=True, slots=True)
class CompanyCharts:
    """Charts of some days, the last one that of the company's newest session.

    Attributes:
        first: The first day, as in 2025-05-01.
        last: The last day.
        results: What analyses found, over time.
        questions: What sessions are about.
    """

    first: str
    last: str
    results: tuple[Chart, ...]
    questions: tuple[Chart, ...]


def company_charts(engine: Engine, slug: str) -> CompanyCharts | None:
    """Draws the newest days of a company; None without sessions, and where the engine's time-out ended a statement.

    Args:
        engine: Our database, with a time-out for statements.
        slug: The company.

    Raises:
        UsageError: There is no such company.
    """
    try:
        with engine.connect() as connection:
            company = get_company(connection, slug)
            newest = newest_day(connection, company.id)
            if newest is None:
                return None
            days = _days(newest, newest_day(connection, company.id, before=MOST_SESSIONS))
            sums = sum_period(connection, days, company_id=company.id, most_questions=0)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == _QUERY_CANCELED:
            return None
        raise
    period = period_document(sums, days, Step.DAY)
    drawn = (sessions_chart, sentiment_chart, rates_chart)
    return CompanyCharts(
        period["from"],
        period["to"],
        tuple(draw(period, "Day") for draw in drawn),
        (categories_chart(period, lambda _: None),),
    )


def _days(newest: date, too_old: date | None) -> Period:
    """The days that are drawn: whole ones, and that of the company's newest session always."""
    first = newest - timedelta(days=DAYS - 1)
    if too_old is not None:
        first = max(first, min(too_old + timedelta(days=1), newest))
    return Period(first, newest)
