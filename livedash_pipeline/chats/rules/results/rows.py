"""The columns of a results file, and each row in their order: the file's own cells and what became of the question.

Add a result column to `RESULT_COLUMNS` and, under its name in snake_case and at the same place, to `ResultRow`. How a value is
written is decided in `cells` and `documents`; the files are written by `chats.steps.results_file`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Literal

Originals = Literal["first", "last"]
"""Where the columns of the uploaded file stand: before the result columns, or behind them."""

RESULT_COLUMNS = (
    "chatId",
    "interactionId",
    "status",
    "outcomeCode",
    "error",
    "question",
    "answer",
    "citations",
    "model",
    "searchProvider",
    "appliedOverrides",
    "inputTokens",
    "outputTokens",
    "costUsd",
    "costEur",
    "startedAt",
    "completedAt",
)

Value = str | int | bool | Decimal | datetime | Sequence[str] | None
"""What a row holds in one column, before it is written in any format."""


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One row of the uploaded file with its result.

    Attributes:
        cells: The row's cells as they were uploaded, in the order of the file's columns.
        status: An item's state as the ledger words it, such as `COMPLETED`; files have it in lower case.
        outcome_code: Why the item ended as it did; None while it has not.
        citations: The addresses that the answer names.
        applied_overrides: Whether the batch's overrides took part in the answer.
        cost_usd: None while the price is unknown.
        started_at: When the item was first worked on, with a zone; files have it in UTC.
    """

    cells: Sequence[str]
    chat_id: str | None
    interaction_id: str | None
    status: str
    outcome_code: str | None
    error: str | None
    question: str
    answer: str | None
    citations: Sequence[str]
    model: str | None
    search_provider: str | None
    applied_overrides: bool
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    cost_eur: Decimal | None
    started_at: datetime | None
    completed_at: datetime | None


_BEFORE_STATUS = attrgetter("chat_id", "interaction_id")
_BEHIND_STATUS = attrgetter(
    "outcome_code", "error", "question", "answer", "citations", "model", "search_provider", "applied_overrides",
    "input_tokens", "output_tokens", "cost_usd", "cost_eur", "started_at", "completed_at",
)  # fmt: skip


def deletion_note(*, erased: bool, questions: bool, answers: bool) -> str | None:
    """What a row says of texts that are gone: all of them on request, or questions and answers by age; None for nothing."""
    if erased:
        return "Question and answer were erased on request."
    if questions and answers:
        return "Question and answer were deleted by age."
    if questions:
        return "The question was deleted by age."
    return "The answer was deleted by age." if answers else None


def header(columns: Sequence[str], *, originals: Originals) -> list[str]:
    """The names of all columns of a CSV or XLSX file, in their order.

    The uploaded file's names stay exactly as they are, also those that are empty or there twice. A result column that has the
    name of one of them, compared without case and without white space around it, is called `result` and its name instead:
    `question` becomes `resultQuestion`. Where that is taken too, it becomes `resultQuestion2`, `resultQuestion3` and so on. So
    every result column can be found by a name that no other column has.
    """
    taken = {_compared(name) for name in columns}
    results = [_free_name(name, taken) for name in RESULT_COLUMNS]
    return [*columns, *results] if originals == "first" else [*results, *columns]


def result_values(row: ResultRow) -> list[Value]:
    """What stands in `RESULT_COLUMNS`, in that order."""
    return [*_BEFORE_STATUS(row), row.status.lower(), *_BEHIND_STATUS(row)]


def row_values(row: ResultRow, *, width: int, originals: Originals) -> list[Value]:
    """What stands in a row of a CSV or XLSX file, in the order of `header`.

    Args:
        row: The row.
        width: How many columns the uploaded file has.
        originals: As for `header`.

    Raises:
        ValueError: The row has text beyond the last column.
    """
    cells = original_cells(row.cells, width)
    return [*cells, *result_values(row)] if originals == "first" else [*result_values(row), *cells]


def original_cells(cells: Sequence[str], width: int) -> list[str]:
    """A row's own cells, exactly one a column: a short row is filled with empty cells, empty cells beyond the columns go.

    Raises:
        ValueError: A cell beyond the last column has text, which no column can hold.
    """
    if len(cells) == width:
        return list(cells)
    if any(cells[width:]):
        raise ValueError(f"A row has {len(cells)} cells in a file of {width} columns.")
    return [*cells[:width], *[""] * (width - len(cells))]


def distinct_names(columns: Sequence[str]) -> list[str]:
    """The uploaded file's names as keys of one object, so that no column hides another.

    The first column of a name keeps it; a later one becomes `name (2)`, `name (3)` and so on. A column without a name is called
    `column` and its number, from 1. A name that another column has in the file is never given to a second one.
    """
    named = [name or f"column {number}" for number, name in enumerate(columns, start=1)]
    taken, numbers = set(named), dict[str, int]()
    return [_distinct(name, taken, numbers) for name in named]


def _distinct(name: str, taken: set[str], numbers: dict[str, int]) -> str:
    """The name, or the name with the next number that is free; `numbers` holds the last one of each name."""
    number, candidate = numbers.get(name, 0) + 1, name
    if number > 1:
        while (candidate := f"{name} ({number})") in taken:
            number += 1
        taken.add(candidate)
    numbers[name] = number
    return candidate


def _free_name(name: str, taken: set[str]) -> str:
    if _compared(name) not in taken:
        return name
    other = f"result{name[0].upper()}{name[1:]}"
    number, candidate = 1, other
    while _compared(candidate) in taken:
        number += 1
        candidate = f"{other}{number}"
    return candidate


def _compared(name: str) -> str:
    return name.strip().casefold()
