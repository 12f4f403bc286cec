"""The records of an XLSX file: the first worksheet, its cells as text (`base.rules.workbooks.cells`).

The result of a formula counts, and an error of one is empty. Empty columns before the first one with a cell are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from python_calamine import CalamineSheet, CalamineWorkbook, SheetTypeEnum

from livedash_pipeline.base.rules.workbooks.cells import cell_text, unless_damaged
from livedash_pipeline.base.rules.workbooks.safety import workbook_fault
from livedash_pipeline.chats.rules.intake.findings import Findings
from livedash_pipeline.chats.rules.intake.rows import IntakeLimits


def sheet_records(content: bytes, limits: IntakeLimits, findings: Findings) -> Iterator[tuple[int, list[str]]]:
    """The rows of the first worksheet, each with its number; none, and an error, where it cannot be read."""
    fault = workbook_fault(content, limits)
    if fault is not None:
        findings.error(None, fault.code, fault.message)
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
