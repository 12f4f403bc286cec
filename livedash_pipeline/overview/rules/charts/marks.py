"""Marks of values: bars, stacks, lines and the parts of one lying bar.

Each function returns one `path` per series, so that a month of five series stays small: a bar is a thick stroke. Add the marks of
a new kind here. Axes, words and links are drawn in `drawing.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from livedash_pipeline.overview.rules.charts.frame import Frame
from livedash_pipeline.overview.rules.charts.markup import short
from livedash_pipeline.overview.rules.charts.model import COLOURS, Chart, Kind, Series
from livedash_pipeline.overview.rules.charts.style import DASHES, dashed, painted
from livedash_pipeline.overview.rules.charts.units import finite

_FILLED = 0.7
_LEAST = 1.0
"""Height of a bar whose value is small but not nothing."""
_SEAM = 1.0


def marks(chart: Chart, frame: Frame) -> str:
    """Draws all values of a chart."""
    if chart.kind is Kind.LINES:
        return "".join(_line(series, position, frame) for position, series in enumerate(chart.series))
    if chart.kind is Kind.BARS:
        return _bars(chart, frame)
    return _stacks(chart, frame)


def _bars(chart: Chart, frame: Frame) -> str:
    width = frame.slot * _FILLED / len(chart.series)
    drawn = []
    for position, series in enumerate(chart.series):
        shift = (position - (len(chart.series) - 1) / 2) * width
        path = "".join(
            f"M{short(frame.x(index) + shift)} {short(frame.y(0))}v{short(_at_least(frame.y(value) - frame.y(0), value))}"
            for index, value in _values(series, chart)
            if value
        )
        drawn.append(_strokes(position, width, path))
    return "".join(drawn)


def _stacks(chart: Chart, frame: Frame) -> str:
    """Draws series upon each other; what is negative goes the other way from zero."""
    is_lying = chart.kind is Kind.PROGRESS
    width = frame.bottom - frame.top if is_lying else frame.slot * _FILLED
    ends = {(index, is_negative): 0.0 for index in chart.positions for is_negative in (False, True)}
    drawn = []
    for position, series in enumerate(chart.series):
        path = []
        for index, value in _values(series, chart):
            start = ends[index, value < 0]
            ends[index, value < 0] = start + value
            if value:
                path.append(_part(frame, index, start, value, is_lying=is_lying))
        drawn.append(_strokes(position, width, "".join(path)))
    return "".join(drawn)


def _part(frame: Frame, index: int, start: float, value: float, *, is_lying: bool) -> str:
    """One value of a stack, with a seam to the next."""
    place = frame.along if is_lying else frame.y
    length = place(start + value) - place(start)
    seam = _SEAM if length > 0 else -_SEAM
    length = _at_least(length - seam if abs(length) > 3 * _SEAM else length, value if is_lying else -value)
    if is_lying:
        return f"M{short(place(start))} {short((frame.top + frame.bottom) / 2)}h{short(length)}"
    return f"M{short(frame.x(index))} {short(place(start))}v{short(length)}"


def _line(series: Series, position: int, frame: Frame) -> str:
    """Draws a line that a missing value interrupts, and a dot for each value that stands alone."""
    line, dots = [], []
    for run in _runs(series, frame.count):
        points = [f"{short(frame.x(index))} {short(frame.y(value))}" for index, value in run]
        if len(points) == 1:
            dots.append(f"M{points[0]}h0")
        else:
            line.append(f"M{'L'.join(points)}")
    paint = f'<path {painted(_colour(position))} fill="none" stroke="currentColor" stroke-linejoin="round"'
    dashes = dashed(DASHES[position % COLOURS])
    drawn = f'{paint} stroke-width="2"{dashes} d="{"".join(line)}"/>' if line else ""
    return drawn + (f'{paint} stroke-width="6" stroke-linecap="round" d="{"".join(dots)}"/>' if dots else "")


def _runs(series: Series, count: int) -> list[list[tuple[int, float]]]:
    """Returns neighbouring values together."""
    runs: list[list[tuple[int, float]]] = []
    before = -2
    for index in range(count):
        value = finite(series.value(index))
        if value is None:
            continue
        if index != before + 1:
            runs.append([])
        runs[-1].append((index, value))
        before = index
    return runs


def _values(series: Series, chart: Chart) -> Iterable[tuple[int, float]]:
    found = ((index, finite(series.value(index))) for index in chart.positions)
    return ((index, value) for index, value in found if value is not None)


def _strokes(position: int, width: float, path: str) -> str:
    if not path:
        return ""
    return f'<path {painted(_colour(position))} stroke="currentColor" stroke-width="{short(width)}" d="{path}"/>'


def _colour(position: int) -> str:
    return f"c{position % COLOURS}"


def _at_least(length: float, value: float) -> float:
    """Returns a length that can be seen; heights grow downwards."""
    if abs(length) >= _LEAST:
        return length
    return -_LEAST if value > 0 else _LEAST
