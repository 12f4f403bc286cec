"""Collects what an intake finds wrong (errors) or unclear (notes) while it reads on.

Add the sentence of a new kind of note to `_NOTES`.
"""

from __future__ import annotations

from livedash_pipeline.base.rules.wording import plural, verb
from livedash_pipeline.chats.rules.intake.rows import IntakeNote, RowError, UnusableFile

MOST_ERRORS = 100
# Errors of several passes are put in order now and then, so that a hostile file does not fill the memory with them.
_KEPT = 100 * MOST_ERRORS

_NOTES = {
    "empty_rows_ignored": lambda count: f"{plural(count, 'row')} without any text {verb(count, 'is', 'are')} ignored.",
    "short_rows_padded": lambda count: (
        f"{plural(count, 'row')} {verb(count, 'has', 'have')} fewer cells than the header; the missing ones are empty."
    ),
    "empty_extra_cells_dropped": lambda count: (
        f"{plural(count, 'row')} {verb(count, 'has', 'have')} more cells than the header; the extra ones are empty and dropped."
    ),
    "unnamed_columns": lambda count: (
        f"{plural(count, 'column')} {verb(count, 'has', 'have')} no name and {verb(count, 'is', 'are')} called by "
        f"{verb(count, 'its', 'their')} place."
    ),
    "duplicate_columns": lambda count: (
        f"{plural(count, 'column')} {verb(count, 'repeats', 'repeat')} the name of an earlier one; the first counts."
    ),
    "other_sheets_ignored": lambda count: (
        f"Only the first sheet is read; {plural(count, 'other')} {verb(count, 'is', 'are')} ignored."
    ),
}


class Findings:
    """Errors and notes of one file.

    Attributes:
        undecodable: The text was decoded with errors, which are named already; it holds marks for the bytes in question.
    """

    def __init__(self) -> None:
        self.undecodable = False
        self._errors: list[RowError] = []
        self._total = 0
        self._counts: dict[str, int] = {}
        self._choices: list[IntakeNote] = []

    @property
    def total(self) -> int:
        """Errors so far."""
        return self._total

    def error(self, line: int | None, code: str, message: str) -> None:
        """Adds an error; the file is unusable from here on."""
        self._total += 1
        self._errors.append(RowError(line, code, message))
        if len(self._errors) > _KEPT:
            self._errors = self._first()

    def note(self, code: str, count: int = 1) -> None:
        """Counts something that was unclear."""
        if count:
            self._counts[code] = self._counts.get(code, 0) + count

    def choice(self, code: str, count: int, message: str) -> None:
        """Adds a note with a sentence of its own."""
        self._choices.append(IntakeNote(code, count, message))

    def notes(self) -> tuple[IntakeNote, ...]:
        """All notes: choices first, then counts in the order in which they were first met."""
        counted = (IntakeNote(code, count, _NOTES[code](count)) for code, count in self._counts.items())
        return (*self._choices, *counted)

    def raise_errors(self) -> None:
        """Raises `UnusableFile` with the first errors by line, unless there are none."""
        if self._total:
            raise UnusableFile(tuple(self._first()), self._total)

    def _first(self) -> list[RowError]:
        return sorted(self._errors, key=lambda error: error.line or 0)[:MOST_ERRORS]
