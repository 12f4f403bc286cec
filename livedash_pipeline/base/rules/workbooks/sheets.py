"""Opens one worksheet of a workbook in this process: its cells as text, row by row, after the workbook has been judged safe.

Add what the parser has to be told; what a row means belongs to the room that reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO

from python_calamine import CalamineSheet, CalamineWorkbook, SheetTypeEnum

from livedash_pipeline.base.rules.workbooks.cells import cell_text, unless_damaged
from livedash_pipeline.base.rules.workbooks.opened import NumberedRow, OpenSheet, too_many_bytes
from livedash_pipeline.base.rules.workbooks.safety import WorkbookFault, WorkbookLimits, workbook_fault

DAMAGED = WorkbookFault("not_an_xlsx", "The workbook is damaged; save it again.")


def open_sheet(pieces: Iterable[bytes], limits: WorkbookLimits, wanted: str | None = None) -> OpenSheet | WorkbookFault:
    """A `SheetOpener` that reads in this process."""
    content = b"".join(pieces)
    if len(content) > limits.max_bytes:
        return too_many_bytes(limits)
    fault = workbook_fault(content, limits)
    if fault is not None:
        return fault
    opened = unless_damaged(lambda: _open(content, wanted))
    if opened is None:
        return DAMAGED
    names, sheet = opened
    return OpenSheet(names, iter(()) if sheet is None else _rows(sheet))


def _open(content: bytes, wanted: str | None) -> tuple[tuple[str, ...], CalamineSheet | None]:
    workbook = CalamineWorkbook.from_filelike(BytesIO(content))
    names = tuple(sheet.name for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet)
    chosen = wanted if wanted is not None else next(iter(names), None)
    return names, workbook.get_sheet_by_name(chosen) if chosen in names else None


def _rows(sheet: CalamineSheet) -> Iterator[NumberedRow]:
    for number, row in enumerate(sheet.iter_rows(), 1):
        yield number, [cell_text(cell) for cell in row]
