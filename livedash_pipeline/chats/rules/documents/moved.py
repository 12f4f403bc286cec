"""What is read from documents of the old system: batches with their chats and turns, and what could not be read.

Add a field here when a document has one that is worth more than a place among the cells of its turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

TurnState = Literal["COMPLETED", "FAILED", "SKIPPED", "CANCELLED"]


@dataclass(frozen=True, slots=True)
class MovedTurn:
    """A question that the old system asked or was to ask.

    Attributes:
        legacy_id: Id of its document; None for one without.
        question: Never blank.
        answer: None without one.
        error: Why there is no answer, in the old system's words or as a code of ours; only if the state is FAILED or SKIPPED.
        state: Final: an item that the old system had not finished is CANCELLED, so nothing is asked again by itself.
        citations: Addresses that the answer refers to, each once.
        started_at: Aware, as are all moments here.
        completed_at: None for a CANCELLED turn.
        cells: All other fields with a single value, as text; those of embedded documents have dotted names.
    """

    legacy_id: str | None
    question: str
    answer: str | None
    error: str | None
    state: TurnState
    citations: tuple[str, ...]
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    started_at: datetime | None
    completed_at: datetime | None
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MovedChat:
    """A conversation: its turns in their order; without a document of its own, its `legacy_id` is None."""

    legacy_id: str | None
    chat_id: str | None
    turns: tuple[MovedTurn, ...]


@dataclass(frozen=True, slots=True)
class MovedBatch:
    """A batch with its chats in their order; `status` is the old system's word, empty without one.

    Attributes:
        file: Name of the file where its document stands; where that is makes no difference between two batches.
        line: Line, or place in the array, from 1.
    """

    file: str = field(compare=False)
    line: int | None = field(compare=False)
    legacy_id: str
    name: str | None
    type: str | None
    ai_provider: str | None
    search_provider: str | None
    page_language: str | None
    apply_overrides: bool | None
    uploader: str | None
    created_at: datetime | None
    status: str
    chats: tuple[MovedChat, ...]


@dataclass(frozen=True, slots=True)
class DocumentProblem:
    """Something that was not read as it stands.

    Attributes:
        file: Name of the file.
        line: Line, or place in the array, from 1; None for the whole file.
        code: A word in snake_case that programs can rely on.
        message: One sentence for a person, with names and ids but no text of a question or an answer.
    """

    file: str
    line: int | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class MovedCounts:
    """How many documents of each kind there are, each once; embedded ones are not counted.

    Attributes:
        repeated: Documents that came more than once, beyond the first.
        unused: Documents that no batch leads to, such as chats that people held themselves; nothing of them is moved.
        problems: All of them, also those that are not listed.
    """

    batches: int
    chats: int
    interactions: int
    others: int
    repeated: int
    unused: int
    problems: int


@dataclass(frozen=True)
class Moved:
    """All that some files hold; of very many problems only the first are listed."""

    batches: tuple[MovedBatch, ...]
    problems: tuple[DocumentProblem, ...]
    counts: MovedCounts
