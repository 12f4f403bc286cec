"""Everything of a chart around its values: grid, numbers, labels, legend, marker, tips and links.

Add what stands beside the values here, and the values' own marks in `marks.py`.
"""

from __future__ import annotations

from html import escape

from livedash_pipeline.overview.rules.charts.frame import LINE, LONGEST_NAME, WIDTH, Entry, Frame, text_width
from livedash_pipeline.overview.rules.charts.markup import address, clean, isolated, short, text_of
from livedash_pipeline.overview.rules.charts.model import Chart, Kind
from livedash_pipeline.overview.rules.charts.scales import label_texts, shown_labels
from livedash_pipeline.overview.rules.charts.style import DASHES, MARKER_DASHES, dashed, painted
from livedash_pipeline.overview.rules.charts.tables import label_text
from livedash_pipeline.overview.rules.charts.units import finite, tick_text, value_text

_LONGEST_LABEL = 14
_MOST_TIPS = 100
"""More labels than these get no tips without links: each is a few dozen bytes."""


def numbers(chart: Chart, frame: Frame) -> str:
    """Draws the grid, its numbers, and the line of zero."""
    lines, texts = [], []
    for tick in frame.scale.ticks:
        text = text_of(tick_text(tick, frame.scale.step, chart.unit))
        if chart.kind is Kind.PROGRESS:
            x = short(frame.along(tick))
            lines.append(f"M{x} {short(frame.top)}V{short(frame.bottom + 3)}")
            texts.append(f'<text x="{_within(frame.along(tick), text)}" y="{short(frame.bottom + LINE)}">{text}</text>')
        else:
            y = frame.y(tick)
            lines.append(f"M{short(frame.left)} {short(y)}H{short(frame.right)}")
            texts.append(f'<text x="{short(frame.left - 4)}" y="{short(y + 4)}">{text}</text>')
    anchor = "middle" if chart.kind is Kind.PROGRESS else "end"
    return (
        f'<path {painted("grid")} stroke="currentColor" d="{"".join(lines)}"/>'
        f'<g {painted("label")} fill="currentColor" text-anchor="{anchor}">{"".join(texts)}</g>'
    )


def axis(chart: Chart, frame: Frame) -> str:
    """Draws the line of zero over the values."""
    if chart.kind is Kind.PROGRESS:
        return ""
    zero = f"M{short(frame.left)} {short(frame.y(0))}H{short(frame.right)}"
    return f'<path {painted("axis")} stroke="currentColor" d="{zero}"/>'


def labels(chart: Chart, frame: Frame) -> str:
    """Writes as many labels below the plot as there is room for."""
    if chart.kind is Kind.PROGRESS:
        return ""
    every = [clean(text, _LONGEST_LABEL) for text in label_texts(chart.labels, chart.positions)]
    widest = max(map(text_width, every)) + 8
    shown = shown_labels(frame.count, int((frame.right - frame.left) / widest))
    texts = (clean(text, _LONGEST_LABEL) for text in label_texts(chart.labels, shown))
    y = short(frame.bottom + LINE)
    written = "".join(
        f'<text x="{_within(frame.x(index), text)}" y="{y}">{isolated(text)}</text>'
        for index, text in zip(shown, texts, strict=True)
    )
    return f'<g {painted("label")} fill="currentColor" text-anchor="middle">{written}</g>'


def legend(chart: Chart, frame: Frame) -> str:
    """Writes the names of series and marker with their colours."""
    if not frame.legend:
        return ""
    swatches = "".join(_swatch(chart, entry) for entry in frame.legend)
    names = "".join(
        f'<text x="{short(entry.x + 16)}" y="{short(entry.y)}">{isolated(entry.name)}</text>' for entry in frame.legend
    )
    return f'{swatches}<g {painted("label")} fill="currentColor">{names}</g>'


def _swatch(chart: Chart, entry: Entry) -> str:
    dashes = MARKER_DASHES if entry.style == "mark" else DASHES[int(entry.style[1:])]
    is_line = entry.style == "mark" or chart.kind is Kind.LINES
    width = f'"2"{dashed(dashes)}' if is_line else '"10"'
    line = f"M{short(entry.x)} {short(entry.y - 4)}h13"
    return f'<path {painted(entry.style)} stroke="currentColor" stroke-width={width} d="{line}"/>'


def _within(middle: float, text: str) -> str:
    """Returns the middle of a text, moved so that neither end leaves the picture."""
    half = text_width(text) / 2
    return short(min(max(middle, half), WIDTH - half))


def marker(chart: Chart, frame: Frame) -> str:
    """Draws the chart's one marked value, as a line across all of them."""
    value = None if chart.marker is None else finite(chart.marker.value)
    if value is None:
        return ""
    if chart.kind is Kind.PROGRESS:
        line = f"M{short(frame.along(value))} {short(frame.top - 4)}V{short(frame.bottom + 4)}"
    else:
        line = f"M{short(frame.left)} {short(frame.y(value))}H{short(frame.right)}"
    return f'<path {painted("mark")} stroke="currentColor" stroke-width="2"{dashed(MARKER_DASHES)} d="{line}"/>'


def spots(chart: Chart, frame: Frame) -> str:
    """Lays an unseen column over each label: it tells its value and leads to its rows."""
    middle = short((frame.top + frame.bottom) / 2)
    drawn = []
    for index in chart.positions:
        if chart.kind is Kind.PROGRESS:
            place = f"M{short(frame.left)} {middle}H{short(frame.right)}"
        else:
            place = f"M{short(frame.x(index))} {short(frame.top)}V{short(frame.bottom)}"
        link = address(chart.links[index]) if index < len(chart.links) else None
        if link is None and frame.count > _MOST_TIPS:
            continue
        spot, tip = f'<path class="spot" d="{place}"', f"<title>{_tip(chart, index)}</title>"
        drawn.append(f"{spot}>{tip}</path>" if link is None else f'<a href="{escape(link)}">{tip}{spot}/></a>')
    width = frame.bottom - frame.top if chart.kind is Kind.PROGRESS else frame.slot
    return f'<g stroke="#888" stroke-width="{short(width)}" stroke-opacity="0">{"".join(drawn)}</g>' if drawn else ""


def _tip(chart: Chart, index: int) -> str:
    """A label and its values; of several series their names, too."""
    named = len(chart.series) > 1
    parts = []
    for series in chart.series:
        value = value_text(series.value(index), chart.unit)
        if value:
            parts.append(f"{isolated(series.name, LONGEST_NAME)} {text_of(value)}" if named else text_of(value))
    label = chart.title if chart.kind is Kind.PROGRESS else label_text(chart.labels[index])
    return f"{isolated(label, LONGEST_NAME)}: {', '.join(parts) or 'no value'}"
