"""Results as one JSON document, written while the rows are read.

Add what holds for JSON alone. What a row's object holds is decided in `chats.rules.results.documents`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from livedash_pipeline.chats.rules.results.documents import row_document
from livedash_pipeline.chats.rules.results.rows import Originals, ResultRow, distinct_names
from livedash_pipeline.chats.steps.results_file.written import WrittenResults


def write_json(
    rows: Iterable[ResultRow],
    columns: Sequence[str],
    output: BinaryIO,
    *,
    batch_id: str,
    originals: Originals = "first",
) -> WrittenResults:
    """Writes `{"ok": true, "batchId": …, "columns": […], "rows": […]}` in UTF-8, one row a line.

    `columns` names the keys of each row's `original` in the order of the uploaded file. Texts are exactly what was uploaded and
    answered, with no guard against spreadsheets. A document that an error ends early is no JSON, so nobody takes it for whole.

    Args:
        rows: The rows, in the order of the file; read once and not kept.
        columns: The names of the uploaded file's columns.
        output: Where to; left open.
        batch_id: The batch whose rows they are.
        originals: Whether `original` is the first or the last key of a row.

    Raises:
        ValueError: A row has text beyond the last column.
    """
    names = distinct_names(columns)
    output.write(b'{"ok": true, "batchId": %b, "columns": %b, "rows": [' % (_json(batch_id), _json(names)))
    count = 0
    for row in rows:
        output.write((b",\n" if count else b"\n") + _json(row_document(row, names, originals=originals)))
        count += 1
    output.write(b"\n]}\n")
    return WrittenResults(rows=count)


def _json(value: object) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        # Half of a surrogate pair has no UTF-8 form; an escape says exactly which half it was.
        return json.dumps(value).encode("ascii")
