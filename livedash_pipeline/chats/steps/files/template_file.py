"""A file to begin with: the columns that an upload may have and two rows, as CSV, XLSX or JSON.

What it holds is `chats.rules.intake.example`. Add a format that uploads may have.
"""

from __future__ import annotations

import csv
import io
import json

from livedash_pipeline.chats.rules.intake.example import EXAMPLE_COLUMNS, EXAMPLE_ROWS
from livedash_pipeline.chats.steps.results import Format


def template_file(file_format: Format) -> bytes:
    """The bytes of a file that can be uploaded as it is."""
    match file_format:
        case "csv":
            return _csv()
        case "json":
            rows = [
                {name: cell for name, cell in zip(EXAMPLE_COLUMNS, row, strict=True) if cell} for row in EXAMPLE_ROWS
            ]
            return json.dumps(rows, ensure_ascii=False, indent=2).encode() + b"\n"
        case "xlsx":
            return _xlsx()


def _csv() -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([EXAMPLE_COLUMNS, *EXAMPLE_ROWS])
    return text.getvalue().encode()


def _xlsx() -> bytes:
    # Only who asks for a workbook waits for its writer to be loaded.
    from xlsxwriter.workbook import Workbook

    content = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(content, options) as workbook:
        sheet = workbook.add_worksheet("Questions")
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(EXAMPLE_COLUMNS) - 1, 40)
        bold = workbook.add_format({"bold": True})
        for column, name in enumerate(EXAMPLE_COLUMNS):
            sheet.write_string(0, column, name, bold)
        for number, row in enumerate(EXAMPLE_ROWS, 1):
            for column, cell in enumerate(row):
                sheet.write_string(number, column, cell)
    return content.getvalue()
