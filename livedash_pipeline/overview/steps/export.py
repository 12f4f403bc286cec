"""Exports analyses as CSV for a spreadsheet or as one JSON document, writing while it reads.

Add a format as a function that writes rows to a text stream. Memory stays flat however many sessions there are.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TextIO

from sqlalchemy import Engine

from livedash_pipeline.base.rules.escaping.spreadsheet import cell
from livedash_pipeline.base.rules.values import Document, moment, money
from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.overview.store.export import stream_analyses

# Columns whose values are words of an enum: lower-case in JSON, as everywhere.
_ENUMS = frozenset({"sentiment", "category", "analysis_status"})


def export_analyses(engine: Engine, output: TextIO, *, file_format: str, company: str | None = None) -> int:
    """Writes all sessions with their analyses, in the order of their ids, and returns how many.

    Args:
        engine: Our database.
        output: The stream to write to; for a CSV it must not translate line ends.
        file_format: `csv` or `json`.
        company: Only this company's.

    Raises:
        UsageError: There is no such company; nothing has been written then.
    """
    write: Callable[[Engine, TextIO, str | None], int] = _write_csv if file_format == "csv" else _write_json
    if company is not None:
        with engine.connect() as connection:
            get_company(connection, company)
    return write(engine, output, company)


def _write_csv(engine: Engine, output: TextIO, company: str | None) -> int:
    writer = csv.writer(output)
    count = 0
    with engine.connect() as connection, closing(stream_analyses(connection, company)) as chunks:
        for names, rows in chunks:
            if not rows:
                writer.writerow(names)
            writer.writerows([[cell(_cell(value)) for value in row] for row in rows])
            count += len(rows)
    return count


def _write_json(engine: Engine, output: TextIO, company: str | None) -> int:
    output.write('{"ok": true, "sessions": [')
    count = 0
    with engine.connect() as connection, closing(stream_analyses(connection, company)) as chunks:
        for names, rows in chunks:
            for row in rows:
                output.write(("," if count else "") + "\n" + json.dumps(_document(names, row)))
                count += 1
    output.write("\n]}\n")
    return count


def _document(names: Sequence[str], row: Sequence[Any]) -> Document:
    return {_camel(name): _value(name, value) for name, value in zip(names, row, strict=True)}


def _value(name: str, value: Any) -> object:
    plain = _plain(value)
    if isinstance(plain, datetime):
        return moment(plain)
    if isinstance(plain, str) and name in _ENUMS:
        return plain.lower()
    return plain if plain is None or isinstance(plain, bool | int | list | dict) else str(plain)


def _plain(value: Any) -> Any:
    """Times in UTC, decimals without an exponent; everything else as it is."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return money(value) if isinstance(value, Decimal) else value


def _cell(value: Any) -> Any:
    """A value as a CSV holds it: objects as JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else _plain(value)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
