"""Charts as SVG, made without a library: bars, stacked bars, lines and one bar of progress, each with its table.

    chart = Chart(Kind.STACKED, "Sessions a day", "Imported sessions by outcome, UTC days.", days, (done, failed), COUNT)
    svg(chart, "sessions")      # for a page: colours by classes, see `style.py`
    table(chart)                # the same values as headers and rows, for <details>
    stand_alone(chart)          # a file of its own, light and dark
    as_markdown_image(chart)    # for metadata of Dagster

`chart.is_empty` says that there is nothing to draw; `svg` is "" then, and the page says what to do next. Add a kind in
`model.py`, its marks in `marks.py`. What a chart shows is decided by its caller: no query and no business word stands here.
"""

from __future__ import annotations

from livedash_pipeline.overview.rules.charts.model import Chart, Kind, Marker, Series, fold
from livedash_pipeline.overview.rules.charts.pictures import as_markdown_image, stand_alone, svg
from livedash_pipeline.overview.rules.charts.tables import Cell, Row, Table, table
from livedash_pipeline.overview.rules.charts.units import COUNT, EUR, NUMBER, PERCENT, USD, Unit

__all__ = [
    "COUNT",
    "EUR",
    "NUMBER",
    "PERCENT",
    "USD",
    "Cell",
    "Chart",
    "Kind",
    "Marker",
    "Row",
    "Series",
    "Table",
    "Unit",
    "as_markdown_image",
    "fold",
    "stand_alone",
    "svg",
    "table",
]
