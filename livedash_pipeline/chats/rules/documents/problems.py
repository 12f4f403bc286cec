"""Places in files, and the problems found there.

Add nothing here for a new kind of problem: its code and sentence stand where it is found.
"""

from __future__ import annotations

from dataclasses import dataclass

from livedash_pipeline.chats.rules.documents.moved import DocumentProblem

# A file of the wrong kind would give one for each line.
MOST_LISTED = 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document stands."""

    file: str
    line: int | None


class Problems:
    """All problems of a reading; the first are listed, the rest counted."""

    def __init__(self) -> None:
        self._listed: list[DocumentProblem] = []
        self.total = 0

    def add(self, place: Place, code: str, message: str) -> None:
        """Adds one."""
        self.total += 1
        if len(self._listed) < MOST_LISTED:
            self._listed.append(DocumentProblem(place.file, place.line, code, message))

    def listed(self) -> tuple[DocumentProblem, ...]:
        """The first of them, in the order in which they were found."""
        return tuple(self._listed)
