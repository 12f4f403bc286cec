"""Colours of charts, in light and dark, as CSS and as attributes of their own.

Change a colour here: `tests/overview/rules/test_charts_style.py` measures contrast, and how far apart they are for readers who
lack one of the three kinds of cones. The style sheet of pages has the same ones in its variables,
with its own for grid, axes and words.
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "ground": "#ffffff",
    "label": "#333333",
    "axis": "#6b6b6b",
    "grid": "#dddddd",
    "mark": "#333333",
    "c0": "#2266bb",
    "c1": "#b88600",
    "c2": "#bb1155",
    "c3": "#9977ff",
    "c4": "#14145e",
    "c5": "#521c00",
}
DARK: Mapping[str, str] = {
    "ground": "#161a20",
    "label": "#d6d9de",
    "axis": "#8b929c",
    "grid": "#343a44",
    "mark": "#d6d9de",
    "c0": "#6fa8ff",
    "c1": "#ffd23f",
    "c2": "#e8853a",
    "c3": "#b04ae0",
    "c4": "#ffffff",
    "c5": "#0f8a6d",
}
DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2", "12 4")
"""Lines differ by their dashes, too."""
MARKER_DASHES = "5 2"


def css() -> str:
    """Returns the rules of a chart that stands alone: both sets of colours."""
    return f"{_colours(LIGHT)}@media (prefers-color-scheme:dark){{{_colours(DARK)}}}"


def painted(name: str) -> str:
    """Returns the attributes of an element of a class: the class, and its light colour for where no style sheet is."""
    return f'class="{name}" color="{LIGHT[name]}"'


def dashed(dashes: str) -> str:
    """Returns the attribute of a dashed line, nothing for a whole one."""
    return f' stroke-dasharray="{dashes}"' if dashes else ""


def _colours(colours: Mapping[str, str]) -> str:
    return "".join(f".chart .{name}{{color:{colour}}}" for name, colour in colours.items())
