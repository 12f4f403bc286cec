"""The records of an XLSX file: the first worksheet, its cells as text the way a person sees them.

Whole numbers have no `.0`, other numbers at most 15 digits; dates and times are ISO 8601, durations are hours, minutes and
seconds, and booleans are `true` and `false`. The result of a formula counts, and an error of one is empty. Empty columns
before the first one with a cell are left out. Add the form of a type to `cell_text`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from io import BytesIO
from typing import TypeVar

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum

from livedash_pipeline.chats.rules.intake.findings import Findings
from livedash_pipeline.chats.rules.intake.rows import IntakeLimits
from livedash_pipeline.chats.rules.intake.sheet_safety import workbook_error

Parsed = TypeVar("Parsed")
Cell = int | float | str | bool | date | datetime | time | timedelta
# Beyond it a float, which is all that a sheet has, does not hold every whole number, and people see an exponent.
_MOST_DIGITS = 15


def sheet_records(content: bytes, limits: IntakeLimits, findings: Findings) -> Iterator[tuple[int, list[str]]]:
    """The rows of the first worksheet, each with its number; none, and an error, where it cannot be read."""
    error = workbook_error(content, limits)
    if error is not None:
        findings.error(error.line, error.code, error.message)
        return
    sheet = _first_sheet(content, findings)
    if sheet is not None:
        for number, row in enumerate(sheet.iter_rows(), 1):
            yield number, [cell_text(cell) for cell in row]


def _first_sheet(content: bytes, findings: Findings) -> CalamineSheet | None:
    opened = unless_damaged(lambda: _open(content))
    if opened is None:
        findings.error(None, "not_an_xlsx", "The workbook is damaged.")
        return None
    sheets, first = opened
    if first is None:
        findings.error(None, "empty_file", "The workbook has no worksheet.")
    findings.note("other_sheets_ignored", max(0, sheets - 1))
    return first


def _open(content: bytes) -> tuple[int, CalamineSheet | None]:
    """The number of worksheets, and the first of them."""
    workbook = CalamineWorkbook.from_filelike(BytesIO(content))
    names = [sheet.name for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    return len(names), workbook.get_sheet_by_name(names[0]) if names else None


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
    if abs(value) < 10**_MOST_DIGITS and value == int(value):
        return str(int(value))
    return f"{value:.{_MOST_DIGITS}g}"


def _duration(value: timedelta) -> str:
    seconds = round(abs(value.total_seconds()))
    sign = "-" if value < timedelta(0) else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
