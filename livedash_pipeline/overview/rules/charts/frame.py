"""The room of a chart: where its plot lies, and where values and labels lie in it.

Add a measure here. Sizes are those of the picture, which pages scale to their width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from livedash_pipeline.overview.rules.charts.markup import clean
from livedash_pipeline.overview.rules.charts.model import Chart, Kind
from livedash_pipeline.overview.rules.charts.scales import Scale, scale_of
from livedash_pipeline.overview.rules.charts.units import finite, tick_text, value_text

WIDTH = 520.0
LINE = 16.0
"""Height of a line of text."""
LONGEST_NAME = 28
_PLOT_HEIGHT = 160.0
_BAR_HEIGHT = 22.0
_EDGE = 8.0
_SWATCH = 16.0
_NARROW, _WIDE = 6.3, 11.5
_WIDE_FROM = "\u2e80"


@dataclass(frozen=True, slots=True)
class Entry:
    """A name of the legend with its class, and its place."""

    name: str
    style: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Frame:
    """The plot of a chart: its four edges, its numbers, its legend and the whole height."""

    left: float
    right: float
    top: float
    bottom: float
    scale: Scale
    count: int
    legend: tuple[Entry, ...]

    @property
    def height(self) -> float:
        """Of the whole picture, with the labels below the plot."""
        return self.bottom + LINE + 4

    @property
    def slot(self) -> float:
        """The width that each label has."""
        return (self.right - self.left) / max(self.count, 1)

    def x(self, index: int) -> float:
        """The middle of a label's room."""
        return self.left + self.slot * (index + 0.5)

    def y(self, value: float) -> float:
        """The height of a value in a plot whose values stand upright."""
        return self.bottom - self.scale.share(value) * (self.bottom - self.top)

    def along(self, value: float) -> float:
        """The place of a value in a plot whose values lie."""
        return self.left + self.scale.share(value) * (self.right - self.left)


def text_width(text: str) -> float:
    """Estimates the width of text; letters of Eastern Asia are wide."""
    return sum(_WIDE if letter >= _WIDE_FROM else _NARROW for letter in text)


def frame_of(chart: Chart) -> Frame:
    """Returns the frame of a chart that has something to draw."""
    scale = scale_of(_reach(chart), whole=chart.unit.whole)
    widest = max(text_width(tick_text(tick, scale.step, chart.unit)) for tick in scale.ticks)
    legend, top = _legend(chart)
    is_lying = chart.kind is Kind.PROGRESS
    left = _EDGE * 2 if is_lying else _EDGE + widest + 4
    right = WIDTH - (_EDGE * 2 if is_lying else _EDGE)
    height = _BAR_HEIGHT if is_lying else _PLOT_HEIGHT
    return Frame(left, right, top, top + height, scale, len(chart.positions), legend)


def _reach(chart: Chart) -> list[float]:
    """The values that the axis must hold; of stacks their ends."""
    rows = [_numbers(chart, index) for index in chart.positions]
    if chart.kind in {Kind.STACKED, Kind.PROGRESS}:
        ends = [(sum(each for each in row if each > 0), sum(each for each in row if each < 0)) for row in rows]
    else:
        ends = [(max(row, default=0.0), min(row, default=0.0)) for row in rows]
    marked = None if chart.marker is None else finite(chart.marker.value)
    return [each for pair in ends for each in pair] + ([] if marked is None else [marked])


def _numbers(chart: Chart, index: int) -> list[float]:
    values = (finite(series.value(index)) for series in chart.series)
    return [value for value in values if value is not None]


def _legend(chart: Chart) -> tuple[tuple[Entry, ...], float]:
    """Places the names of series, where there are several, and of the marker; returns where the plot begins, too."""
    named = legend_names(chart)
    entries: list[Entry] = []
    x, y = _EDGE, LINE
    for name, style in named:
        width = _SWATCH + text_width(name) + 12
        if entries and x + width > WIDTH:
            x, y = _EDGE, y + LINE
        entries.append(Entry(name, style, x, y))
        x += width
    return tuple(entries), (y + 10 if entries else 10.0)


def legend_names(chart: Chart) -> Sequence[tuple[str, str]]:
    """Names of the legend and their classes."""
    names = [
        (clean(series.name, LONGEST_NAME), f"c{index % 6}")
        for index, series in enumerate(chart.series)
        if len(chart.series) > 1 or chart.kind is Kind.PROGRESS
    ]
    marker = chart.marker
    if marker is not None and finite(marker.value) is not None:
        names.append((f"{clean(marker.name, LONGEST_NAME)} {value_text(marker.value, chart.unit)}", "mark"))
    return names
