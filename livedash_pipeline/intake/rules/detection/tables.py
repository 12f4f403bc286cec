"""The first records of a file as a table of texts, however its fields are separated.

Each way to cut the text is tried, and the one whose records have most often the same number of fields, and many of them, is the
file's own. A package that guesses dialects would be asked the same, and its word judged the same way.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from typing import Literal

from livedash_pipeline.base.rules.json_text import JsonFault, read_json
from livedash_pipeline.intake.rules.csv_dialect import dialect
from livedash_pipeline.intake.rules.profiles.json_records import json_cell

_DELIMITERS = (",", ";", "\t", "|")
_MOST_ROWS = 5_000
# Reports have a title and a few lines of parameters above their table.
_MOST_ABOVE = 30
_MOST_PATHS = 500
Quote = Literal['"', "'", ""]


@dataclass(frozen=True, slots=True)
class Table:
    """Records of one width.

    Attributes:
        rows: The records, of `width` texts each; the header is one of them.
        width: Fields of a record.
        skipped: Lines, or rows, before the first of them.
        share: Of all records after these, how many have that width.
        delimiter: Between fields of a CSV.
        quote: Around them.
        escape: Before a quote within quotes, where it is not doubled.
    """

    rows: list[list[str]]
    width: int
    skipped: int
    share: float
    delimiter: str = ","
    quote: Quote = '"'
    escape: Literal["", "\\"] = ""


def cut_tables(text: str) -> list[Table]:
    """The table that each plausible way to cut a text makes of it, the most plausible first."""
    found = []
    for delimiter in _DELIMITERS:
        for quote, escape in _quotes(text, delimiter):
            table = _cut(text, delimiter, quote, escape)
            if table is not None:
                found.append(table)
    return sorted(found, key=lambda table: -(table.share**3) * (table.width - 1) * len(table.rows) ** 0.5)


def table_of(rows: Sequence[list[str]]) -> Table | None:
    """The table within the rows of a worksheet: from the first row that has as many cells as most have."""
    filled = [sum(1 for cell in row if cell.strip()) for row in rows]
    if not rows:
        return None
    usual = Counter(count for count in filled if count > 1).most_common(1)
    if not usual:
        return None
    # Rows of data may lack cells, and a header has them all.
    skipped = next(index for index, count in enumerate(filled) if count >= max(2, usual[0][0] * 0.8))
    return Table([list(row) for row in rows[skipped:] if any(map(str.strip, row))], len(rows[0]), skipped, 1.0)


def json_table(text: str) -> tuple[list[str], list[list[str]]] | None:
    """The dotted paths of values in JSON lines, and a row of values for each line; None where a line is no object."""
    records: list[dict[str, str]] = []
    for line in islice(filter(str.strip, StringIO(text, newline="\n")), _MOST_ROWS):
        found = read_json(line.encode("utf-8", "surrogatepass"))
        if isinstance(found, JsonFault) or not isinstance(found, dict):
            if not records:
                return None
            continue
        records.append(dict(_flat(found, "")))
    met = Counter(path for record in records for path in record)
    # Keys that are data of their own, one for each record, are no columns.
    kept = {path for path, _ in met.most_common(_MOST_PATHS)}
    paths = [path for path in met if path in kept]
    return paths, [[record.get(path, "") for path in paths] for record in records]


def _flat(value: dict[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    for key, each in value.items():
        if isinstance(each, dict):
            yield from _flat(each, f"{prefix}{key}.")
        elif "." not in key:
            yield prefix + key, json_cell(each)


def _quotes(text: str, delimiter: str) -> Iterator[tuple[Quote, Literal["", "\\"]]]:
    """Which quotes to try: those that stand at the border of a field."""
    d = re.escape(delimiter)
    yield '"', ""
    if '\\"' in text:
        yield '"', "\\"
    if re.search(rf"(?:^|{d})'[^'\n]*'(?:{d}|\r?$)", text, re.MULTILINE) and not re.search(
        rf'(?:^|{d})"', text, re.MULTILINE
    ):
        yield "'", ""
    if '"' in text:
        yield "", ""


def _cut(text: str, delimiter: str, quote: Quote, escape: Literal["", "\\"]) -> Table | None:
    rows, ends = _read(text, delimiter, quote, escape)
    widths = Counter(len(row) for row in rows if any(map(str.strip, row)))
    if not widths:
        return None
    width = max(widths, key=lambda width: (widths[width], width))
    if width < 2:
        return None
    first = next(index for index, row in enumerate(rows) if len(row) == width)
    if first > _MOST_ABOVE:
        first = 0
    kept = [row for row in rows[first:] if len(row) == width and any(map(str.strip, row))]
    all_rows = sum(1 for row in rows[first:] if any(map(str.strip, row)))
    skipped = ends[first - 1] if first else 0
    return Table(kept, width, skipped, len(kept) / all_rows, delimiter, quote, escape)


def _read(text: str, delimiter: str, quote: str, escape: str) -> tuple[list[list[str]], list[int]]:
    lines = list(StringIO(text, newline="\n"))
    # Python's reader takes every backslash away, and a profile those before quotes alone.
    written = dialect(delimiter=delimiter, quote=quote, escape=escape) if escape else None
    if quote:
        reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, escapechar=escape or None)
    else:
        reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    rows: list[list[str]] = []
    ends: list[int] = []
    while len(rows) < _MOST_ROWS:
        try:
            row = next(reader)
            if written is not None:
                row = written.fields_of("".join(lines[ends[-1] if ends else 0 : reader.line_num]))
            rows.append(row)
        except StopIteration:
            break
        except csv.Error:
            # A field that is too long, as behind a quote that is never closed.
            rows.append(["", "", ""])
        ends.append(reader.line_num)
    return rows, ends
