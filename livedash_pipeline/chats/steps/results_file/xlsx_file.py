"""Results as XLSX: one sheet with a bold, frozen header that filters, written row by row in constant memory.

Add what holds for XLSX alone. Columns and cells are rules of `chats.rules.results`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from livedash_pipeline.chats.rules.results.cells import sheet_cell
from livedash_pipeline.chats.rules.results.rows import Originals, ResultRow, Value, header, row_values
from livedash_pipeline.chats.steps.results_file.written import WrittenResults
from livedash_pipeline.errors import UsageError
from livedash_pipeline.scratch import scratch_directory

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

MOST_ROWS = 1_048_576
"""Rows of a sheet, the header among them."""
MOST_COLUMNS = 16_384
_NARROWEST, _WIDEST = 10, 60
# Columns whose texts are much longer than their names.
_LONG_TEXTS = frozenset({"question", "answer", "citations", "error"})
_REMEDY = "Take the results as CSV or JSON."


def write_xlsx(
    rows: Iterable[ResultRow],
    columns: Sequence[str],
    output: BinaryIO,
    *,
    created_at: datetime,
    originals: Originals = "first",
    count: int | None = None,
    scratch: Path | None = None,
) -> WrittenResults:
    """Writes a workbook, safe to open, whose numbers are numbers and whose other cells are text.

    The workbook is made in a scratch directory and copied to `output` when all rows are in it: after an error `output` has none
    of it. A text longer than a cell can hold is cut with a mark that says so, and counted.

    Args:
        rows: The rows, in the order of the file; read once and not kept.
        columns: The names of the uploaded file's columns.
        output: Where to; left open.
        created_at: When the file is made, for its properties.
        originals: Where the uploaded file's columns stand.
        count: How many rows there will be, where that is known; too many are then refused before any is read.
        scratch: Where the scratch directory is made; None: the system's directory for temporary files.

    Raises:
        UsageError: A sheet cannot hold so many rows or columns.
        ValueError: A row has text beyond the last column.
        StorageError: The scratch directory cannot be made.
        OSError: The workbook cannot be written.
    """
    names = header(columns, originals=originals)
    if len(names) > MOST_COLUMNS:
        raise UsageError(f"An XLSX sheet holds {MOST_COLUMNS} columns; the results have {len(names)}.", remedy=_REMEDY)
    if count is not None and count >= MOST_ROWS:
        raise _too_many_rows(f"the results have {count}")
    values = (row_values(row, width=len(columns), originals=originals) for row in rows)
    with scratch_directory("results", scratch) as directory:
        made = directory / "results.xlsx"
        written = _make_workbook(made, names, values, created_at)
        with made.open("rb") as source:
            shutil.copyfileobj(source, output)
    return written


def _make_workbook(made: Path, names: list[str], rows: Iterable[list[Value]], created_at: datetime) -> WrittenResults:
    # Only who writes XLSX waits for it to be loaded.
    from xlsxwriter.exceptions import FileCreateError
    from xlsxwriter.workbook import Workbook

    options = {
        "constant_memory": True,
        "tmpdir": str(made.parent),
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    try:
        with Workbook(str(made), options) as workbook:
            workbook.set_properties({"created": created_at})
            # A workbook of more than 4 GB; smaller ones are the same with it.
            workbook.use_zip64()
            return _write_sheet(workbook, names, rows)
    except FileCreateError as error:
        # The client's own error hides which refusal of the operating system it was.
        raise OSError(*error.args[0].args) from error


def _write_sheet(workbook: Workbook, names: list[str], rows: Iterable[list[Value]]) -> WrittenResults:
    sheet = workbook.add_worksheet("Results")
    bold, money = workbook.add_format({"bold": True}), workbook.add_format({"num_format": "0.00######"})
    sheet.freeze_panes(1, 0)
    for column, name in enumerate(names):
        sheet.set_column(column, column, _column_width(name))
    cut = sum(_write_text(sheet, 0, column, name, bold) for column, name in enumerate(names))
    last = 0
    for last, values in enumerate(rows, start=1):
        if last == MOST_ROWS:
            raise _too_many_rows("the results have more")
        for column, value in enumerate(values):
            cut += _write_cell(sheet, last, column, value, money)
    sheet.autofilter(0, 0, last, len(names) - 1)
    return WrittenResults(rows=last, cut_cells=cut)


def _write_cell(sheet: Worksheet, row: int, column: int, value: Value, money: Format) -> bool:
    """Writes a value, and returns whether it was cut; an empty cell is not written at all."""
    if value is None or value == "":
        return False
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int):
        sheet.write_number(row, column, value)
    elif isinstance(value, Decimal):
        sheet.write_number(row, column, float(value), money)
    else:
        return _write_text(sheet, row, column, value)
    return False


def _write_text(sheet: Worksheet, row: int, column: int, value: Value, style: Format | None = None) -> bool:
    text, cut = sheet_cell(value)
    sheet.write_string(row, column, text, style)
    return cut


def _column_width(name: str) -> int:
    return _WIDEST if name in _LONG_TEXTS else min(max(len(name) + 2, _NARROWEST), _WIDEST)


def _too_many_rows(found: str) -> UsageError:
    return UsageError(f"An XLSX sheet holds {MOST_ROWS - 1} rows below its header; {found}.", remedy=_REMEDY)
