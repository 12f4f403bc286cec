"""Turns records into rows: the rules that hold for every format.

A record without any text is ignored, a short one is padded, and a long one is an error unless its extra cells are empty.
Everything wrong is collected, so one run names all lines. Add a rule about a row to `_check_row`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.chats.rules.intake.columns import Columns, read_header
from livedash_pipeline.chats.rules.intake.findings import Findings
from livedash_pipeline.chats.rules.intake.rows import IntakeLimits, IntakeRow

Record = tuple[int, list[str]]
_NO_CHARACTER = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Table:
    """The columns and rows of a file; of use only if the findings hold no error."""

    columns: Columns
    rows: tuple[IntakeRow, ...]


def read_table(records: Iterable[Record], limits: IntakeLimits, findings: Findings) -> Table:
    """The table whose header is the first record that holds any text."""
    remaining = iter(records)
    for line, header in remaining:
        if any(map(str.strip, header)):
            return read_rows(line, header, remaining, limits, findings)
    if not findings.total:
        findings.error(None, "empty_file", "The file holds no text.")
    return read_rows(None, [], (), limits, findings)


def read_rows(
    line: int | None, header: list[str], records: Iterable[Record], limits: IntakeLimits, findings: Findings
) -> Table:
    """The table with a header that is known; `line` is where it stands."""
    if not header or not _fits(line, header, limits, findings):
        return Table(Columns((), None, None, None, None, None), ())
    columns = read_header(line, header, findings)
    _check_cells(line, header, limits, findings)
    rows = tuple(_rows(records, columns, limits, findings))
    if not rows and not findings.total:
        findings.error(None, "no_rows", "The file has a header but no row with a question.")
    return Table(columns, rows)


def _fits(line: int | None, header: list[str], limits: IntakeLimits, findings: Findings) -> bool:
    if len(header) <= limits.max_columns:
        return True
    message = f"The header has {plural(len(header), 'column')}; at most {limits.max_columns:,} are allowed."
    findings.error(line, "too_many_columns", message)
    return False


def _rows(records: Iterable[Record], columns: Columns, limits: IntakeLimits, findings: Findings) -> Iterator[IntakeRow]:
    width, count, empty = len(columns.names), 0, 0
    most = min(limits.max_rows, limits.max_cells // width)
    for line, cells in records:
        if not any(map(str.strip, cells)):
            empty += 1
            if empty > limits.max_empty_rows:
                message = f"The file has more than {limits.max_empty_rows:,} rows without any text."
                findings.error(None, "too_many_rows", message)
                break
            continue
        if count == most:
            _name_rows(most, width, limits, findings)
            break
        _shape(line, cells, width, findings)
        _check_row(line, cells, columns, limits, findings)
        yield _row(count, line, cells, columns)
        count += 1
    findings.note("empty_rows_ignored", empty)


def _name_rows(most: int, width: int, limits: IntakeLimits, findings: Findings) -> None:
    if most == limits.max_rows:
        findings.error(None, "too_many_rows", f"The file has more than {most:,} rows with text.")
        return
    message = (
        f"The file has more than {most:,} rows of {plural(width, 'cell')}, which is over {limits.max_cells:,} cells."
    )
    findings.error(None, "too_many_cells", message)


def _shape(line: int, cells: list[str], width: int, findings: Findings) -> None:
    """Gives the record the width of the header."""
    if len(cells) < width:
        findings.note("short_rows_padded")
        cells.extend([""] * (width - len(cells)))
    elif len(cells) > width:
        if any(map(str.strip, cells[width:])):
            message = f"The row has {plural(len(cells), 'cell')}, and the header only {width:,}."
            findings.error(line, "too_many_columns", message)
        else:
            findings.note("empty_extra_cells_dropped")
        del cells[width:]


def _check_row(line: int, cells: list[str], columns: Columns, limits: IntakeLimits, findings: Findings) -> None:
    _check_cells(line, cells, limits, findings)
    if columns.question is None:
        return
    question = cells[columns.question]
    if not question.strip():
        findings.error(
            line, "empty_question", f'The row has text, but no question in "{columns.names[columns.question]}".'
        )
    elif len(question) > limits.max_question:
        message = f"The question has {len(question):,} characters; at most {limits.max_question:,} are allowed."
        findings.error(line, "question_too_long", message)


def _check_cells(line: int | None, cells: list[str], limits: IntakeLimits, findings: Findings) -> None:
    """Sizes and characters; NUL and halves of characters can be neither stored nor sent."""
    longest = max(map(len, cells))
    if longest > limits.max_cell:
        message = f"A cell has {longest:,} characters; at most {limits.max_cell:,} are allowed."
        findings.error(line, "cell_too_large", message)
    text = "".join(cells)
    if "\0" in text:
        findings.error(line, "nul_character", f"The row has {plural(text.count(chr(0)), 'NUL character')}.")
    # In text that was decoded with errors, halves stand for bytes that are named already.
    if not text.isascii() and _NO_CHARACTER.search(text) and not findings.undecodable:
        findings.error(line, "bad_encoding", "The row has half of a surrogate pair, which is no character.")


def _row(index: int, line: int, cells: list[str], columns: Columns) -> IntakeRow:
    def stripped(place: int | None) -> str | None:
        return None if place is None else cells[place].strip() or None

    def whole(place: int | None) -> str | None:
        return None if place is None or not cells[place].strip() else cells[place]

    return IntakeRow(
        index,
        line,
        question="" if columns.question is None else cells[columns.question],
        chat_id=stripped(columns.chat_id),
        url=stripped(columns.url),
        reference=whole(columns.reference),
        context=whole(columns.context),
        cells=tuple(cells),
    )
