"""The charts of the overview's trend, made of the document of `overview.steps.operations.pulse.report_trend`.

Add a series of the document to a chart, or a chart of its own. How charts look is decided in `overview.rules.charts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from livedash_pipeline.overview.rules.charts import EUR, Chart, Kind, Series


@dataclass(frozen=True)
class TrendLinks:
    """Where the rows behind the figures are.

    Attributes:
        sessions: The list of sessions.
        completed: Requests that have been completed.
        failed: Requests that failed.
        batches: The batches of a day.
        costs: The costs of a day.
    """

    sessions: str
    completed: str
    failed: str
    batches: Callable[[str], str]
    costs: Callable[[str], str]


def trend_charts(trend: Mapping[str, Any], links: TrendLinks) -> list[Chart]:
    """Returns the charts of a trend: sessions, requests, batches, and euro."""
    days = [date.fromisoformat(day) for day in trend["days"]]
    count = len(days)
    batches = [links.batches(day) for day in trend["days"]]
    costs = [links.costs(day) for day in trend["days"]]
    return [
        _bars(
            "Sessions imported",
            "Sessions that came in",
            days,
            Series("Imported", trend["sessionsImported"]),
            [links.sessions] * count,
        ),
        Chart(
            Kind.STACKED,
            "Requests ended",
            "Requests that were completed and that failed on each day (UTC).",
            days,
            (
                Series("Completed", trend["requestsCompleted"], [links.completed] * count),
                Series("Failed", trend["requestsFailed"], [links.failed] * count),
            ),
        ),
        _bars(
            "Batches submitted",
            "Batches that the service took",
            days,
            Series("Batches", trend["batchesSubmitted"]),
            batches,
        ),
        Chart(
            Kind.BARS,
            "Cost",
            "Euro that the ledger knows to have been spent on each day (UTC).",
            days,
            (Series("Known cost", [Decimal(eur) for eur in trend["costEur"]]),),
            EUR,
            costs,
        ),
    ]


def _bars(title: str, what: str, days: list[date], series: Series, links: list[str]) -> Chart:
    return Chart(Kind.BARS, title, f"{what} on each day (UTC).", days, (series,), links=links)
