"""The charts of a company's newest days, for a materialization that says what a run has added to them.

A run must not take noticeably longer for its pictures: they cover few days, which an index finds, and are left out where even
these take too long. Nobody's words are among them. Add a chart in `overview.rules.result_charts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

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
from livedash_pipeline.overview.steps.results import summarise_results
from livedash_pipeline.overview.store.results import newest_day

DAYS = 14
CHART_SECONDS = 3.0
"""The most that the statements of the charts take; a company of 100,000 sessions in these days needs a second."""
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
            last = newest_day(connection, company.id)
        if last is None:
            return None
        first = last - timedelta(days=DAYS - 1)
        found = summarise_results(engine, company=slug, start=first.isoformat(), end=last.isoformat(), by="day")
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == _QUERY_CANCELED:
            return None
        raise
    period = found["period"]
    drawn = (sessions_chart, sentiment_chart, rates_chart)
    return CompanyCharts(
        period["from"],
        period["to"],
        tuple(draw(period, "Day") for draw in drawn),
        (categories_chart(period, lambda _: None),),
    )
