"""The charts of results, and the addresses of the sessions behind each number.

Charts that Dagster shows as well are made in `overview.rules.result_charts`; how all are drawn is decided by
`overview.rules.charts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.overview.rules.charts import COUNT, Chart, Kind, Series, Table, svg, table
from livedash_pipeline.overview.rules.result_charts import (
    categories_chart,
    duration_chart,
    rates_chart,
    sentiment_chart,
    sessions_chart,
)
from livedash_pipeline.web.links import address

MOST_LANGUAGES = 10
_OWN_TABLES = frozenset({"categories", "languages"})


@dataclass(frozen=True)
class Links:
    """Addresses of sessions.

    Attributes:
        company: The company that they are of; None for all, and for readers who see one alone.
        may_look: Whether the reader may see sessions.
    """

    company: str | None
    may_look: bool

    def sessions(self, period: Document, **filters: str) -> str | None:
        """The sessions that began in a period or a step of it; None for readers who may not see them."""
        if not self.may_look:
            return None
        first, last = period["from"], period["to"]
        days = {"on": first} if first == last else {"from_": first, "to": last}
        return address("/sessions", company=self.company, **days, **filters)

    def near(self, period: Document, **filters: str) -> str | None:
        """The same, as seen from the page of results: a page of a month has hundreds of these."""
        whole = self.sessions(period, **filters)
        return None if whole is None else whole.removeprefix(address("/"))


@dataclass(frozen=True)
class Picture:
    """A chart of a page.

    Attributes:
        name: The beginning of ids.
        title: What it shows.
        picture: SVG; empty where there is nothing to draw.
        table: Its values; None for those over time, which share one table.
    """

    name: str
    title: str
    picture: Markup
    table: Table | None


def pictures_of(document: Document, links: Links) -> list[Picture]:
    """Draws the charts of a summary."""
    period, step = document["period"], document["by"].capitalize()
    drawn = {
        "sessions": sessions_chart(period, step),
        "sentiment": sentiment_chart(period, step),
        "rates": rates_chart(period, step),
        "durations": duration_chart(period, step),
        "categories": categories_chart(period, lambda category: links.sessions(period, category=category)),
        "languages": _languages(period, links),
    }
    return [
        Picture(name, chart.title, Markup(svg(chart, name)), table(chart) if name in _OWN_TABLES else None)  # noqa: S704
        for name, chart in drawn.items()
    ]


def _languages(period: Document, links: Links) -> Chart:
    found: Sequence[Document] = period["languages"]
    shown, others = found[:MOST_LANGUAGES], sum(each["sessions"] for each in found[MOST_LANGUAGES:])
    counts = [each["sessions"] for each in shown]
    return Chart(
        Kind.BARS,
        "Languages",
        "Analysed sessions by language, those of most sessions first.",
        [each["language"] for each in shown] + (["others"] if others else []),
        (Series("Sessions", counts + ([others] if others else [])),),
        COUNT,
        links=[links.sessions(period, language=each["language"]) for each in shown],
        label_name="Language",
    )
