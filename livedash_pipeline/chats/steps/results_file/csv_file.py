"""Results as CSV (RFC 4180, UTF-8), written while the rows are read.

Add what holds for CSV alone. Columns and cells are rules of `chats.rules.results`.
"""

from __future__ import annotations

import csv
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import BinaryIO, TextIO

from livedash_pipeline.base.rules.escaping.spreadsheet import safe_text
from livedash_pipeline.base.rules.text import storable_text
from livedash_pipeline.chats.rules.results.cells import text_cell
from livedash_pipeline.chats.rules.results.rows import Originals, ResultRow, header, row_values
from livedash_pipeline.chats.steps.results_file.written import WrittenResults


def write_csv(
    rows: Iterable[ResultRow],
    columns: Sequence[str],
    output: BinaryIO,
    *,
    originals: Originals = "first",
    byte_order_mark: bool = False,
) -> WrittenResults:
    """Writes a header and one line a row, safe to open in a spreadsheet.

    Args:
        rows: The rows, in the order of the file; read once and not kept.
        columns: The names of the uploaded file's columns.
        output: Where to; left open.
        originals: Where the uploaded file's columns stand.
        byte_order_mark: Whether the file begins with one. Excel needs it to read letters beyond ASCII, some programs take it
            for part of the first name.

    Raises:
        ValueError: A row has text beyond the last column.
    """
    if byte_order_mark:
        output.write(BOM_UTF8)
    count = 0
    with utf8_text(output) as text:
        writer = csv.writer(text)
        writer.writerow([safe_text(storable_text(name)[0]) for name in header(columns, originals=originals)])
        for row in rows:
            values = row_values(row, width=len(columns), originals=originals)
            writer.writerow([text_cell(value) for value in values])
            count += 1
    return WrittenResults(rows=count)


@contextmanager
def utf8_text(output: BinaryIO) -> Iterator[TextIO]:
    """A text stream over `output` without translation of line ends; flushed at the end, and `output` stays open."""
    text = TextIOWrapper(output, encoding="utf-8", newline="")
    try:
        yield text
        text.flush()
    finally:
        with suppress(OSError):  # A stream that is detached is flushed once more.
            text.detach()
