"""The values of a chart as a table: what its picture shows, for readers, for copying, and for people who do not see it.

Add a column here. How numbers are written is decided in `units.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from livedash_pipeline.overview.rules.charts.markup import address
from livedash_pipeline.overview.rules.charts.model import Chart, Kind, Series
from livedash_pipeline.overview.rules.charts.units import value_text


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as text, "" where it is missing, and the address of its rows."""

    text: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A label and its values, one per series."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and rows; texts are unescaped."""

    headers: tuple[str, ...]
    rows: tuple[Row, ...]


def table(chart: Chart) -> Table:
    """Returns the table of a chart; of progress one row per series, and one for the marker."""
    if chart.kind is Kind.PROGRESS:
        rows = [Row(series.name, (_cell(chart, series, 0),)) for series in chart.series]
        if chart.marker is not None:
            rows.append(Row(chart.marker.name, (Cell(value_text(chart.marker.value, chart.unit)),)))
        return Table((chart.label_name, "Value"), tuple(rows))
    headers = (chart.label_name, *(series.name for series in chart.series))
    return Table(
        headers,
        tuple(
            Row(label_text(chart.labels[index]), tuple(_cell(chart, series, index) for series in chart.series))
            for index in chart.positions
        ),
    )


def label_text(label: str | date) -> str:
    """Writes a label whole: a day as in 2025-05-01."""
    return label if isinstance(label, str) else label.isoformat()


def _cell(chart: Chart, series: Series, index: int) -> Cell:
    link = _at(series.links, index) if series.links else _at(chart.links, index)
    return Cell(value_text(series.value(index), chart.unit), address(link))


def _at(links: Sequence[str | None], index: int) -> str | None:
    return links[index] if index < len(links) else None
