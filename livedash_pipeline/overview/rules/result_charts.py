"""Charts of results over time and by category, for pages and for materializations in Dagster.

Add a chart as a function of a summary's period, as `overview.steps.results` makes it. Nothing here holds anybody's words: counts,
shares, days and the names of categories.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.overview.rules.charts import COUNT, PERCENT, Chart, Kind, Series, Unit

_SECONDS = Unit(suffix=" s", places=1)


def sessions_chart(period: Document, step: str) -> Chart:
    """Draws the sessions that began in each step."""
    counts = [part["sessions"] for part in period["series"]]
    return Chart(
        Kind.BARS,
        f"Sessions by {step.lower()}",
        f"Sessions that began, {period['from']} to {period['to']}: {sum(counts):,} in all.",
        _labels(period),
        (Series("Sessions", counts),),
        COUNT,
        label_name=step,
    )


def sentiment_chart(period: Document, step: str) -> Chart:
    """Draws analysed sessions by the tone of their user."""
    return Chart(
        Kind.STACKED,
        "Sentiment",
        "Analysed sessions by the tone of their user.",
        _labels(period),
        tuple(
            Series(name.capitalize(), [part[name] for part in period["series"]])
            for name in ("positive", "neutral", "negative")
        ),
        COUNT,
        label_name=step,
    )


def rates_chart(period: Document, step: str) -> Chart:
    """Draws shares of escalated and forwarded sessions."""
    named = {"Escalated": "escalationRate", "Forwarded to HR": "forwardingRate"}
    return Chart(
        Kind.LINES,
        "Escalated and forwarded to HR",
        "Shares of the sessions of which it is known, in per cent.",
        _labels(period),
        tuple(Series(name, [_per_cent(part[key]) for part in period["series"]]) for name, key in named.items()),
        PERCENT,
        label_name=step,
    )


def duration_chart(period: Document, step: str) -> Chart:
    """Draws how long sessions take on average."""
    values = [part["averageDurationSeconds"] for part in period["series"]]
    return Chart(
        Kind.LINES,
        "Duration of a session",
        "Average seconds from the beginning of a session to its end; where no session began there is none.",
        _labels(period),
        (Series("Average", values),),
        _SECONDS,
        label_name=step,
    )


def categories_chart(period: Document, link_of: Callable[[str], str | None]) -> Chart:
    """Draws analysed sessions by category; `link_of` gives the address of a category's sessions."""
    found = period["categories"]
    return Chart(
        Kind.BARS,
        "Categories",
        "Analysed sessions by what they are about, those of most sessions first.",
        [each["category"].replace("_", " ").lower() for each in found],
        (Series("Sessions", [each["sessions"] for each in found]),),
        COUNT,
        links=[link_of(each["category"]) for each in found],
        label_name="Category",
    )


def _labels(period: Document) -> list[str | date]:
    return [date.fromisoformat(step["from"]) for step in period["series"]]


def _per_cent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)
