"""The records of an XLSX file: the first worksheet, its cells as text (`base.rules.workbooks.cells`).

The result of a formula counts, and an error of one is empty. Empty columns before the first one with a cell are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from livedash_pipeline.base.rules.workbooks.opened import NumberedRow, SheetLostError, SheetOpener
from livedash_pipeline.base.rules.workbooks.safety import WorkbookFault
from livedash_pipeline.chats.rules.intake.findings import Findings
from livedash_pipeline.chats.rules.intake.rows import IntakeLimits


def sheet_records(
    content: bytes, limits: IntakeLimits, findings: Findings, opener: SheetOpener
) -> Iterator[NumberedRow]:
    """The rows of the first worksheet, each with its number; none, and an error, where it cannot be read."""
    opened = opener([content], limits, None)
    if isinstance(opened, WorkbookFault):
        findings.error(None, opened.code, opened.message)
        return
    if not opened.names:
        findings.error(None, "empty_file", "The workbook has no worksheet.")
        return
    findings.note("other_sheets_ignored", len(opened.names) - 1)
    try:
        yield from opened.rows
    except SheetLostError as lost:
        findings.error(None, lost.fault.code, lost.fault.message)
