"""Charts as whole pictures: within a page, as a file of its own, and as an image in Markdown.

Add another outer form here; what is inside is drawn in `drawing.py` and `marks.py`.
"""

from __future__ import annotations

from base64 import b64encode

from livedash_pipeline.overview.rules.charts import drawing
from livedash_pipeline.overview.rules.charts.frame import WIDTH, Frame, frame_of
from livedash_pipeline.overview.rules.charts.marks import marks
from livedash_pipeline.overview.rules.charts.markup import address, check_prefix, clean, isolated, short
from livedash_pipeline.overview.rules.charts.model import Chart
from livedash_pipeline.overview.rules.charts.style import css, painted

_MARKDOWN_SIGNS = str.maketrans({sign: f"\\{sign}" for sign in r"\`*_{}[]()#+-.!|<>"})


def svg(chart: Chart, prefix: str) -> str:
    """Returns a chart as an element of a page; "" where there is nothing to draw.

    Args:
        chart: What to draw.
        prefix: Of the ids of its title and description, unique in the page.

    Raises:
        ValueError: The prefix has other characters than small letters, digits and hyphens.
    """
    check_prefix(prefix)
    if chart.is_empty:
        return ""
    frame = frame_of(chart)
    return f"<svg {_head(chart, frame, prefix)}>{_content(chart, frame, prefix)}</svg>"


def stand_alone(chart: Chart) -> str:
    """Returns a chart as the text of a file, with its own background and colours for light and dark; "" for nothing to draw."""
    if chart.is_empty:
        return ""
    frame = frame_of(chart)
    ground = f'<path {painted("ground")} fill="currentColor" d="M0 0h{short(WIDTH)}v{short(frame.height)}H0z"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{short(WIDTH)}" height="{short(frame.height)}"'
        f" {_head(chart, frame, 'chart')}><style>{css()}</style>{ground}{_content(chart, frame, 'chart')}</svg>"
    )


def as_markdown_image(chart: Chart) -> str:
    """Returns a chart as an image in Markdown, whole in its address; its title and a word where there is nothing to draw."""
    title = clean(chart.title).translate(_MARKDOWN_SIGNS)
    if chart.is_empty:
        return f"{title}: no values yet."
    packed = b64encode(stand_alone(chart).encode()).decode("ascii")
    return f"![{title}](data:image/svg+xml;base64,{packed})"


def _head(chart: Chart, frame: Frame, prefix: str) -> str:
    """The attributes; a chart with links is a group, since an image has nothing in it that can be focused."""
    role = "group" if any(map(address, chart.links)) else "img"
    return (
        f'class="chart" viewBox="0 0 {short(WIDTH)} {short(frame.height)}" role="{role}"'
        f' aria-labelledby="{prefix}-title" aria-describedby="{prefix}-desc" font-family="system-ui,sans-serif" font-size="11"'
    )


def _content(chart: Chart, frame: Frame, prefix: str) -> str:
    decoration = (
        drawing.legend(chart, frame)
        + drawing.numbers(chart, frame)
        + drawing.labels(chart, frame)
        + marks(chart, frame)
        + drawing.axis(chart, frame)
        + drawing.marker(chart, frame)
    )
    return (
        f'<title id="{prefix}-title">{isolated(chart.title)}</title>'
        f'<desc id="{prefix}-desc">{isolated(chart.description)}</desc>'
        f'<g aria-hidden="true">{decoration}</g>{drawing.spots(chart, frame)}'
    )
