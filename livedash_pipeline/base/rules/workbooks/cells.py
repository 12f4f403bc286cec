"""Cells of a spreadsheet as text the way a person sees them, and a parser that may fail on what it is given.

Whole numbers have no `.0` and all their digits up to 2**53, others at most 15 digits; dates and times are ISO 8601, durations are
hours, minutes and seconds, and booleans are `true` and `false`. Add the form of a type to `cell_text`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from python_calamine import CalamineError

Parsed = TypeVar("Parsed")
Cell = int | float | str | bool | date | datetime | time | timedelta
# People see as many digits of a number with decimals.
_MOST_DIGITS = 15
# Beyond it a float, which is all that a sheet has, does not hold every whole number.
_WHOLE = 2**53


def unless_damaged(parse: Callable[[], Parsed]) -> Parsed | None:
    """What a parser of workbooks gives; None if it fails on the workbook."""
    try:
        return parse()
    except (CalamineError, ValueError, OSError):
        return None
    except BaseException as error:
        # The parser is written in Rust, and a panic of it is no Exception.
        if type(error).__name__ == "PanicException":
            return None
        raise


def cell_text(cell: Cell) -> str:
    """A cell as a person sees it."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return _number(cell)
    return _duration(cell) if isinstance(cell, timedelta) else cell.isoformat()


def _number(value: float) -> str:
    if abs(value) < _WHOLE and value == int(value):
        return str(int(value))
    return f"{value:.{_MOST_DIGITS}g}"


def _duration(value: timedelta) -> str:
    seconds = round(abs(value.total_seconds()))
    sign = "-" if value < timedelta(0) else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
