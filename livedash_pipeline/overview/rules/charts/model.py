"""What a chart is: its kind, words, values and links.

Add a property of charts here. How it looks is decided in `marks.py` and `drawing.py`, its numbers' form in `units.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from livedash_pipeline.overview.rules.charts.units import COUNT, Number, Unit, finite

COLOURS = 6
"""Series that readers can tell apart by colour."""


class Kind(StrEnum):
    """How values are drawn.

    Bars of several series stand side by side; stacked ones upon each other, negative ones below zero. Progress is one
    lying bar of the first value of each series.
    """

    BARS = "bars"
    STACKED = "stacked"
    LINES = "lines"
    PROGRESS = "progress"


@dataclass(frozen=True, slots=True)
class Series:
    """Named values, one per label of the chart; None is a gap, and so is a value that is left out.

    Attributes:
        links: Addresses of the rows behind each value, used in the table; without them those of the chart.
    """

    name: str
    values: Sequence[Number | None]
    links: Sequence[str | None] = ()

    def value(self, index: int) -> Number | None:
        """The value at a label; None where there is none that can be drawn."""
        value = self.values[index] if index < len(self.values) else None
        return None if finite(value) is None else value


@dataclass(frozen=True, slots=True)
class Marker:
    """A named line across the chart, such as a cap."""

    name: str
    value: Number


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, whole.

    Attributes:
        title: What is shown, in a few words.
        description: A sentence for people who hear it instead.
        labels: Days or words along the lower edge; a chart of progress needs none.
        series: At most six can be told apart; `fold` makes them fewer.
        links: Addresses per label, within the same site: `/…` or `?…`; others are left out.
        label_name: The heading of the labels in the table.
    """

    kind: Kind
    title: str
    description: str
    labels: Sequence[str | date]
    series: Sequence[Series]
    unit: Unit = COUNT
    links: Sequence[str | None] = ()
    marker: Marker | None = None
    label_name: str = "Day"

    @property
    def positions(self) -> range:
        """Indexes of the labels; of progress the one bar."""
        return range(1) if self.kind is Kind.PROGRESS else range(len(self.labels))

    @property
    def is_empty(self) -> bool:
        """Whether there is no value to draw."""
        return all(series.value(index) is None for series in self.series for index in self.positions)


def fold(series: Sequence[Series], most: int = COLOURS, others: str = "Others") -> tuple[Series, ...]:
    """Keeps the series of the largest sums, in their order, and adds the rest up to one more; no more than `most` in all."""
    if len(series) <= most:
        return tuple(series)
    by_size = sorted(range(len(series)), key=lambda index: -_size(series[index]))
    kept = set(by_size[: most - 1])
    rest = [each for index, each in enumerate(series) if index not in kept]
    summed = tuple(_sum(rest, index) for index in range(max(len(each.values) for each in rest)))
    return (*(each for index, each in enumerate(series) if index in kept), Series(others, summed))


def _size(series: Series) -> float:
    return sum(abs(finite(value) or 0.0) for value in series.values)


def _sum(series: Sequence[Series], index: int) -> Number | None:
    values = [value for value in (each.value(index) for each in series) if value is not None]
    if not values:
        return None
    if any(isinstance(value, float) for value in values):
        return sum(float(value) for value in values)
    return sum(values, Decimal(0)) if any(isinstance(value, Decimal) for value in values) else sum(map(int, values))
