"""The charts of results, and the addresses of the sessions behind each number.

Add a chart as a function of a summary's period; how charts are drawn is decided by `overview.rules.charts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.overview.rules.charts import COUNT, PERCENT, Chart, Kind, Series, Table, Unit, svg, table
from livedash_pipeline.web.links import address
from livedash_pipeline.web.words import words

MOST_LANGUAGES = 10
_OWN_TABLES = frozenset({"categories", "languages"})
_SECONDS = Unit(suffix=" s", places=1)


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
        "sessions": _sessions(period, step),
        "sentiment": _sentiment(period, step),
        "rates": _rates(period, step),
        "durations": _durations(period, step),
        "categories": _categories(period, links),
        "languages": _languages(period, links),
    }
    return [
        Picture(name, chart.title, Markup(svg(chart, name)), table(chart) if name in _OWN_TABLES else None)  # noqa: S704
        for name, chart in drawn.items()
    ]


def _labels(period: Document) -> list[str | date]:
    return [date.fromisoformat(step["from"]) for step in period["series"]]


def _sessions(period: Document, step: str) -> Chart:
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


def _sentiment(period: Document, step: str) -> Chart:
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


def _rates(period: Document, step: str) -> Chart:
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


def _per_cent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)


def _durations(period: Document, step: str) -> Chart:
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


def _categories(period: Document, links: Links) -> Chart:
    found = period["categories"]
    return Chart(
        Kind.BARS,
        "Categories",
        "Analysed sessions by what they are about, those of most sessions first.",
        [words(each["category"]) for each in found],
        (Series("Sessions", [each["sessions"] for each in found]),),
        COUNT,
        links=[links.sessions(period, category=each["category"]) for each in found],
        label_name="Category",
    )


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
