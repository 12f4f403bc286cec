"""Charts on pages: the picture of `overview.rules.charts` with its table, for the macro `m.figure`.

Add nothing that draws; what a chart shows is decided by its page.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from livedash_pipeline.overview.rules.charts import Chart, Table, svg, table


@dataclass(frozen=True)
class Figure:
    """A chart for a template."""

    title: str
    svg: Markup
    table: Table


def figure(chart: Chart, prefix: str) -> Figure | None:
    """Returns a chart for a page; None where there is nothing to draw, and the page says so.

    Args:
        chart: What to draw.
        prefix: Of its ids, unique in the page: small letters, digits and hyphens.
    """
    if chart.is_empty:
        return None
    # The rules escape every text and refuse every address that is none of this site.
    return Figure(chart.title, Markup(svg(chart, prefix)), table(chart))  # noqa: S704
