"""Turns a row of `Session`, its messages and its questions into ours; omits values that our columns refuse, with a note.

Add a column of sessions here. `takeover.rules.chats` decides which rows belong together, `takeover.rules.stages` the stages of a
session.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from livedash_pipeline.analysis.rules.answer import QUESTION_MAX, Category, Sentiment
from livedash_pipeline.intake.rules.messages import Message
from livedash_pipeline.intake.rules.vocabulary import country_code, language_code
from livedash_pipeline.takeover.rules.imports import TakenImport, session_times
from livedash_pipeline.takeover.rules.values import Note, Row, decimal, kept_id, moment, text, truth, whole, word

_Value = TypeVar("_Value")

_ROLES = frozenset({"user", "assistant", "system", "unknown"})
_SENTIMENTS: frozenset[str] = frozenset(Sentiment)
_CATEGORIES: frozenset[str] = frozenset(Category)
_MOST = 2**31 - 1
_MILLISECOND = Decimal("0.001")
_MOST_SECONDS = Decimal(10) ** 8
# Only the analysis writes these in LiveDash. The two booleans are not among them, since they had a default once.
_ANALYSED = ("summary", "sentiment", "category", "language")
NO_QUESTION = "it is blank, or says the same as another question of its session"


@dataclass(frozen=True, slots=True)
class TakenSession:
    """A session as it is written; the columns from `language` to `summary` are those of the analysis."""

    session_id: UUID
    legacy_id: str | None
    start_time: datetime
    end_time: datetime
    ip_address: str | None
    country: str | None
    full_transcript_url: str | None
    avg_response_time: Decimal | None
    initial_msg: str | None
    messages_sent: int | None
    language: str | None
    sentiment: str | None
    escalated: bool | None
    forwarded_hr: bool | None
    category: str | None
    summary: str | None
    created_at: datetime | None
    updated_at: datetime | None

    @property
    def duration_seconds(self) -> int:
        """Whole seconds from start to end."""
        return min(int((self.end_time - self.start_time).total_seconds()), _MOST)


def take_session(row: Row, imported: TakenImport, notes: list[Note]) -> TakenSession:
    """Reads a row of `Session`; replaces impossible times by those of its row of the CSV."""
    source_id = str(row["id"])

    def kept(column: str, read: Callable[[object], _Value | None]) -> _Value | None:
        value = row.get(column)
        found = read(value)
        if found is None and value is not None and value != "":
            notes.append(Note("Session", source_id, f"{column} is no value that can be: left out"))
        return found

    times = session_times(row)
    if times is None:
        notes.append(Note("Session", source_id, "its times cannot be: those of its row of the CSV are taken"))
        times = imported.start_time, imported.end_time
    session_id, legacy_id = kept_id("Session", source_id)
    return TakenSession(
        session_id=session_id,
        legacy_id=legacy_id,
        start_time=times[0],
        end_time=times[1],
        ip_address=text(row.get("ipAddress")),
        country=kept("country", lambda value: country_code(text(value) or "")),
        full_transcript_url=text(row.get("fullTranscriptUrl")),
        avg_response_time=kept("avgResponseTime", _seconds),
        initial_msg=text(row.get("initialMsg")),
        messages_sent=kept("messagesSent", lambda value: whole(value, _MOST)),
        language=kept("language", _language),
        sentiment=kept("sentiment", lambda value: _one_of(_SENTIMENTS, value)),
        escalated=kept("escalated", truth),
        forwarded_hr=kept("forwardedHr", truth),
        category=kept("category", lambda value: _one_of(_CATEGORIES, value)),
        summary=text(row.get("summary")),
        created_at=moment(row.get("createdAt")),
        updated_at=moment(row.get("updatedAt")),
    )


def has_analysis(row: Row | None) -> bool:
    """Whether a row of `Session` holds values that only the analysis writes."""
    return row is not None and any(row.get(column) not in (None, "") for column in _ANALYSED)


def _seconds(value: object) -> Decimal | None:
    number = decimal(value)
    return number.quantize(_MILLISECOND) if number is not None and 0 <= number < _MOST_SECONDS else None


def _language(value: object) -> str | None:
    """A code of two letters as it is, or the code of a language's name."""
    name = (text(value) or "").strip().lower()
    plain = len(name) == 2 and name.isascii() and name.isalpha()
    return language_code(name) or (name if plain else None)


def _one_of(known: frozenset[str], value: object) -> str | None:
    named = word(value)
    return named if named in known else None


def take_messages(rows: Sequence[Row], notes: list[Note]) -> tuple[tuple[int, Message], ...]:
    """Reads messages with their positions; numbers them anew if the positions are not those of a list."""
    ordered = sorted(rows, key=_place)
    places = [_place(row) for row in ordered]
    usable = len(set(places)) == len(places) and all(place >= 0 for place in places)
    if not usable:
        reason = "its messages are not numbered from 0 without repetition: numbered anew"
        notes.append(Note("Session", str(ordered[0].get("sessionId")), reason))
    return tuple(
        (place if usable else new, _message(row, notes))
        for new, (place, row) in enumerate(zip(places, ordered, strict=True))
    )


def _place(row: Row) -> int:
    place = row.get("order")
    return place if isinstance(place, int) else -1


def _message(row: Row, notes: list[Note]) -> Message:
    role = (text(row.get("role")) or "").strip().lower()
    if role not in _ROLES:
        notes.append(Note("Message", str(row.get("id")), "its role is none of ours: unknown"))
        role = "unknown"
    return Message(role, text(row.get("content")) or "", moment(row.get("timestamp")))


def take_questions(rows: Sequence[Row], notes: list[Note]) -> tuple[str, ...]:
    """Texts of a session's questions in their order, each once; `rows` carry `order` and the question's `content`."""
    found: dict[str, None] = {}
    for row in sorted(rows, key=_place):
        content = (text(row.get("content")) or "").strip()
        if len(content) > QUESTION_MAX:
            notes.append(
                Note("SessionQuestion", str(row.get("id")), f"it is longer than {QUESTION_MAX} characters: cut")
            )
            content = content[:QUESTION_MAX].rstrip()
        if not content or content in found:
            notes.append(Note("SessionQuestion", str(row.get("id")), NO_QUESTION, skipped=True))
        else:
            found[content] = None
    return tuple(found)
