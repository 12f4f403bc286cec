"""The values of an intake: its limits, the rows of a usable file, and what is wrong or unclear about one.

Add a field here when the file gets a column with a meaning of its own; which headers mean it is decided in `columns`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """How large a file of questions may be.

    Attributes:
        max_bytes: Of the file as it came.
        max_rows: Rows with a question.
        max_empty_rows: Rows without any text, which are ignored; a spreadsheet may have a million of them.
        max_columns: Cells of the header.
        max_cells: Rows times columns.
        max_cell: Characters of a cell.
        max_question: Characters of a question.
        max_unpacked_bytes: Of everything inside an XLSX file, and of the texts that its cells refer to.
        max_tags: Of one part of an XLSX file: four for a cell, so 2,500,000 cells.
        max_sheet_area: Cells between the first and the last row and column of a sheet, empty ones included.
        max_memory: Bytes of memory of the process that reads an XLSX file.
        max_depth: Nested arrays and objects of a JSON file.
    """

    max_bytes: int = 50_000_000
    max_rows: int = 100_000
    max_empty_rows: int = 2_000_000
    max_columns: int = 500
    max_cells: int = 10_000_000
    max_cell: int = 1_000_000
    max_question: int = 100_000
    max_unpacked_bytes: int = 200_000_000
    max_tags: int = 10_000_000
    max_sheet_area: int = 10_000_000
    max_memory: int = 1_000_000_000
    max_depth: int = 64


DEFAULT_LIMITS = IntakeLimits()


@dataclass(frozen=True, slots=True)
class IntakeRow:
    """One question of the file.

    Attributes:
        index: Place among the data rows, from 0, in the order of the file.
        source_line: Physical line where the row begins (a simple CSV has its header on line 1), row number of a sheet, or
            number of the item in a JSON file, from 1.
        question: As the file has it, white space included; never blank.
        chat_id: The file's own id of the conversation, stripped; None without one.
        url: Page that the question was asked on, stripped; None without one.
        reference: The expected answer; None if it is blank.
        context: Text that goes with the question; None if it is blank.
        cells: All cells as text, one per column, in order, white space included.
    """

    index: int
    source_line: int
    question: str
    chat_id: str | None
    url: str | None
    reference: str | None
    context: str | None
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowError:
    """Something that makes the file unusable.

    Attributes:
        line: Place as in `IntakeRow.source_line`; None for the whole file.
        code: A word in snake_case that programs can rely on.
        message: One sentence for a person, with names and lengths but never the text of a cell.
    """

    line: int | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class IntakeNote:
    """Something that was unclear in a usable file, and how it was read; `count` says how often."""

    code: str
    count: int
    message: str


@dataclass(frozen=True)
class ChatFile:
    """A usable file of questions.

    Attributes:
        columns: Headers as the file has them; a column without one is called `column 3` by its place.
        rows: At least one, in the order of the file.
        notes: What was unclear.
        question_column: Header of the questions; the other four are None where the file has no such column.
        sha256: Of the bytes of the file, in hexadecimal.
        file_format: `csv`, `xlsx` or `json`.
    """

    columns: tuple[str, ...]
    rows: tuple[IntakeRow, ...]
    notes: tuple[IntakeNote, ...]
    question_column: str
    chat_id_column: str | None
    url_column: str | None
    reference_column: str | None
    context_column: str | None
    sha256: str
    file_format: str


class UnusableFile(Exception):  # noqa: N818 - a verdict on the file, not a fault of the program
    """The file cannot be used: nothing of it is taken.

    Attributes:
        errors: The first of them, by line.
        total: How many there are.
    """

    def __init__(self, errors: tuple[RowError, ...], total: int) -> None:
        super().__init__(errors[0].message if total == 1 else f"{total} errors, the first: {errors[0].message}")
        self.errors = errors
        self.total = total
