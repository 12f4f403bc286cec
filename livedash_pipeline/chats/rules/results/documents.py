"""A row of results as a JSON object: every text exactly, money as decimal text, times in UTC.

Add a rule about how a kind of value stands in JSON. The document around the rows is written by `chats.steps.results_file`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from livedash_pipeline.base.rules.values import Document, moment, money
from livedash_pipeline.chats.rules.results.rows import (
    RESULT_COLUMNS,
    Originals,
    ResultRow,
    Value,
    original_cells,
    result_values,
)


def row_document(row: ResultRow, names: Sequence[str], *, originals: Originals) -> Document:
    """The row under the names of the result columns, with its own cells under `original`.

    Args:
        row: The row.
        names: The keys of `original`, one a column of the uploaded file and each only once (`distinct_names`).
        originals: Whether `original` comes first or last.

    Raises:
        ValueError: The row has text beyond the last column.
    """
    original = {"original": dict(zip(names, original_cells(row.cells, len(names)), strict=True))}
    results = dict(zip(RESULT_COLUMNS, map(_value, result_values(row)), strict=True))
    return {**original, **results} if originals == "first" else {**results, **original}


def _value(value: Value) -> str | int | list[str] | None:
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Decimal):
        return money(value)
    if isinstance(value, datetime):
        return moment(value.astimezone(UTC))
    return list(value)
