"""Charts of spending: euro by day and model, their sum beside the month's cap, and what is committed of a cap.

Add a chart of money here. Amounts are those of the report and of the standings, as their documents have them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from livedash_pipeline.overview.rules.charts import EUR, Chart, Kind, Marker, Series, fold
from livedash_pipeline.overview.rules.spend import Days

MOST_DAYS = 62
"""Longer periods are drawn by months."""
MOST_MONTHS = 60

Rows = Iterable[Mapping[str, Any]]
LinkOf = Callable[[str], str | None]
"""The address of the rows of a day or month, such as 2025-05-01 or 2025-05."""


def step_of(days: Days) -> str:
    """Returns what one bar stands for: `day` or `month`."""
    return "day" if (days.last - days.first).days < MOST_DAYS else "month"


def labels_of(days: Days, step: str) -> list[str]:
    """Returns all days or months of a period as the report writes them; of very long periods the last ones."""
    if step == "day":
        return [(days.first + timedelta(count)).isoformat() for count in range((days.last - days.first).days + 1)]
    first, last = (day.year * 12 + day.month - 1 for day in (days.first, days.last))
    return [f"{month // 12:04}-{month % 12 + 1:02}" for month in range(max(first, last - MOST_MONTHS + 1), last + 1)]


def daily_chart(rows: Rows, days: Days, step: str, link_of: LinkOf) -> Chart:
    """Draws known euro per day or month, by model."""
    listed = list(rows)
    labels = labels_of(days, step)
    if step == "month":
        # Months before the first that cost something say nothing.
        labels = [label for label in labels if label >= min((row[step] for row in listed), default="")] or labels
    sums: dict[str, dict[str, Decimal]] = {}
    for row in listed:
        of_model = sums.setdefault(row["model"], {})
        of_model[row[step]] = of_model.get(row[step], Decimal(0)) + Decimal(row["costEur"])
    series = [
        Series(model, [found.get(label, Decimal(0)) for label in labels]) for model, found in sorted(sums.items())
    ]
    return Chart(
        Kind.STACKED,
        f"Cost per {step} by model",
        f"Known costs in euro for each {step} (UTC) from {labels[0]} to {labels[-1]}, stacked by model.",
        _shown(labels, step),
        fold(series, others="other models"),
        EUR,
        links=[link_of(label) if any(found.get(label) for found in sums.values()) else None for label in labels],
        label_name=step.capitalize(),
    )


def running_chart(rows: Rows, days: Days, today: date, marker: Marker | None) -> Chart:
    """Draws the sum of known euro since the first of the month, until today, beside the month's cap or budget."""
    labels = labels_of(days, "day")
    by_day: dict[str, Decimal] = {}
    for row in rows:
        by_day[row["day"]] = by_day.get(row["day"], Decimal(0)) + Decimal(row["costEur"])
    reached, sums = Decimal(0), []
    for label in labels:
        reached += by_day.get(label, Decimal(0))
        sums.append(reached if date.fromisoformat(label) <= today else None)
    return Chart(
        Kind.LINES,
        "Cost since the first of the month",
        f"The sum of known costs in euro from {days.first} to each day (UTC)"
        + (", beside the cap." if marker else "."),
        _shown(labels, "day"),
        (Series("Cost so far", sums),),
        EUR,
        marker=marker,
    )


def is_of_one_month(days: Days) -> bool:
    """Whether a period begins with a month and ends within it, so that the month's cap is one of its sums."""
    return days.first.day == 1 and (days.first.year, days.first.month) == (days.last.year, days.last.month)


def limit_chart(limit: Mapping[str, Any]) -> Chart:
    """Draws what counts against a cap or budget: spent, of unknown cost and in flight at most, with the limit as a mark."""
    amounts = (
        ("Spent", limit["spentEur"]),
        ("Unknown cost, at most", limit["openAtMostEur"]),
        ("In flight, at most", limit["inFlightAtMostEur"]),
    )
    noun = f"{'monthly' if limit['period'] == 'month' else 'daily'} {limit['kind']}"
    return Chart(
        Kind.PROGRESS,
        noun.capitalize(),
        f"What counts against the {noun} of {limit['eur']} euro.",
        (),
        [Series(name, (None if amount is None else Decimal(amount),)) for name, amount in amounts],
        EUR,
        marker=Marker(noun.partition(" ")[2].capitalize(), Decimal(limit["eur"])),
        label_name="Part",
    )


def monthly_limit(limits: Sequence[Mapping[str, Any]]) -> Marker | None:
    """Returns the month's cap as a mark, else its budget; None without either."""
    monthly = {limit["kind"]: limit for limit in limits if limit["period"] == "month"}
    found = monthly.get("cap") or monthly.get("budget")
    return None if found is None else Marker(f"Monthly {found['kind']}", Decimal(found["eur"]))


def _shown(labels: Sequence[str], step: str) -> Sequence[str | date]:
    return [date.fromisoformat(label) for label in labels] if step == "day" else labels
