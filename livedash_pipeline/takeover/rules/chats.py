"""What one chat of an existing LiveDash database becomes: its row of the CSV, session, messages, stages, questions, requests.

A chat is what hangs together in the source, and it is judged as a whole, since what one table says is checked against the
others. Nothing here raises for bad rows: they become notes. Add a table that hangs on the session to both chats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from livedash_pipeline.base.rules.states import Stage, StageStatus
from livedash_pipeline.intake.rules.messages import Message, RefusedTranscript, transcript_hash, words_hash
from livedash_pipeline.intake.rules.profiles.transcript_profile import TranscriptProfile
from livedash_pipeline.intake.rules.profiles.transcript_reading import read_transcript
from livedash_pipeline.takeover.rules.imports import (
    TakenImport,
    TakenTranscript,
    make_import,
    take_import,
    take_transcript,
)
from livedash_pipeline.takeover.rules.requests import (
    OldBatch,
    RequestEnd,
    TakenRequest,
    open_batch,
    request_end,
    take_request,
)
from livedash_pipeline.takeover.rules.sessions import (
    TakenSession,
    has_analysis,
    take_messages,
    take_questions,
    take_session,
)
from livedash_pipeline.takeover.rules.stages import OPEN_BATCH, Evidence, TakenStage, take_stages
from livedash_pipeline.takeover.rules.values import Note, Row, moment, text

HANGS_ON_SKIPPED = "what it hangs on is skipped"
IN_OPEN_BATCH = "its session is in an open batch of the old system: a later run takes it over"
NOT_SENT = "it waits to be sent, which this pipeline does with a request of its own"
_ASKED = (RequestEnd.OPEN, RequestEnd.WAITING)


@dataclass(frozen=True)
class SourceChat:
    """Rows of the source that hang together; at least one of the first two is there."""

    imported: Row | None
    session: Row | None
    messages: Sequence[Row] = ()
    stages: Sequence[Row] = ()
    questions: Sequence[Row] = ()
    requests: Sequence[Row] = ()


@dataclass(frozen=True)
class ChatRules:
    """How the chats of one company are read.

    Attributes:
        zone: Where its times are local.
        bot_names: Names of its bots.
        batches: All batches of the source by their old id.
        profile: How its transcripts are written; None for the seed's grammar.
    """

    zone: ZoneInfo
    bot_names: tuple[str, ...] = ()
    batches: Mapping[str, OldBatch] = field(default_factory=dict)
    profile: TranscriptProfile | None = None


@dataclass(frozen=True)
class TakenChat:
    """A chat as it is written.

    Attributes:
        imported: Its row of the CSV.
        transcript: Its transcript; None where it may be fetched, or there is none.
        session: None where the old system had made none yet.
        messages: With their positions; `transcript_hash` is over them.
        stages: All five.
        questions: Each once, in their order.
        requests: Those that are over, oldest first.
        kept_answer: The answer that the newest answered request must have had; None unless the session has all of it.
        analysed_at: When the analysis was written; None where there is none.
    """

    imported: TakenImport
    transcript: TakenTranscript | None
    session: TakenSession | None
    messages: tuple[tuple[int, Message], ...]
    transcript_hash: str
    stages: tuple[TakenStage, ...]
    questions: tuple[str, ...]
    requests: tuple[TakenRequest, ...]
    kept_answer: Mapping[str, Any] | None
    analysed_at: datetime | None

    def stage(self, stage: Stage) -> TakenStage:
        """One of the five."""
        return next(each for each in self.stages if each.stage is stage)


def take_chat(chat: SourceChat, rules: ChatRules, notes: list[Note]) -> TakenChat | None:
    """Turns a chat of the source into ours; None, with notes for all of its rows, where not even its row can be kept."""
    imported = _imported(chat, rules, notes)
    if imported is None:
        notes += _left_behind(chat)
        return None
    session = None if chat.session is None else take_session(chat.session, imported, notes)
    messages, questions = take_messages(chat.messages, notes), take_questions(chat.questions, notes)
    ends = [(row, request_end(row, rules.batches)) for row in chat.requests]
    evidence = _evidence(chat, rules, imported, messages, questions, ends)
    stages = {stage.stage: stage for stage in take_stages(chat.stages, evidence, _source_id(chat), notes)}
    analysis = stages[Stage.AI_ANALYSIS]
    fetched = bool(messages) or analysis.status in {StageStatus.COMPLETED, StageStatus.FAILED}
    return TakenChat(
        imported=imported,
        transcript=take_transcript(chat.imported or {}, was_fetched=evidence.has_url and fetched),
        session=session,
        messages=messages,
        transcript_hash=transcript_hash(message for _, message in messages),
        stages=tuple(stages.values()),
        questions=questions,
        requests=_requests(ends, notes, held=OPEN_BATCH in analysis.metadata),
        kept_answer=_answer(session, questions, stages),
        analysed_at=analysis.completed_at if analysis.status is StageStatus.COMPLETED else None,
    )


def _imported(chat: SourceChat, rules: ChatRules, notes: list[Note]) -> TakenImport | None:
    if chat.imported is not None:
        return take_import(chat.imported, chat.session, rules.zone, notes)
    if chat.session is None:
        raise ValueError("a chat without a row of SessionImport or Session")
    return make_import(chat.session, rules.zone, notes)


def _source_id(chat: SourceChat) -> str:
    """The id by which people know the chat in the old system."""
    row = chat.session if chat.session is not None else chat.imported
    return str((row or {}).get("id"))


def _left_behind(chat: SourceChat) -> list[Note]:
    """Notes for what hangs on a row that is skipped."""
    hanging = {
        "Session": int(chat.imported is not None and chat.session is not None),
        "Message": len(chat.messages),
        "SessionProcessingStatus": len(chat.stages),
        "SessionQuestion": len(chat.questions),
        "AIProcessingRequest": len(chat.requests),
    }
    source_id = _source_id(chat)
    return [Note(table, source_id, HANGS_ON_SKIPPED, True, count) for table, count in hanging.items() if count]


def _evidence(
    chat: SourceChat,
    rules: ChatRules,
    imported: TakenImport,
    messages: Sequence[object],
    questions: Sequence[str],
    ends: Sequence[tuple[Row, RequestEnd]],
) -> Evidence:
    content = text((chat.imported or {}).get("rawTranscriptContent"))
    read = None if content is None else _read_by_us(content, rules, imported.start_time)
    return Evidence(
        has_session=chat.session is not None,
        has_url=bool(imported.field("full_transcript_url")),
        has_text=content is not None,
        has_messages=bool(messages),
        has_values=has_analysis(chat.session),
        has_summary=bool(text((chat.session or {}).get("summary"))),
        has_questions=bool(questions),
        answered=any(end is RequestEnd.ANSWERED for _, end in ends),
        abandoned=any(end is RequestEnd.ABANDONED for _, end in ends),
        open_batch=open_batch(chat.requests, rules.batches),
        reads_as=None if read is None else transcript_hash(read),
        says_as=None if read is None else words_hash(read),
        imported_at=imported.imported_at,
        analysed_at=_analysed_at(chat.session, ends),
    )


def _analysed_at(session: Row | None, ends: Sequence[tuple[Row, RequestEnd]]) -> datetime | None:
    """When the newest answer came; without one, when the session was last written."""
    answered = [moment(row.get("completedAt")) for row, end in ends if end is RequestEnd.ANSWERED]
    written = session or {}
    return (
        max(filter(None, answered), default=None)
        or moment(written.get("updatedAt"))
        or moment(written.get("createdAt"))
    )


def _read_by_us(content: str, rules: ChatRules, starts_at: datetime) -> Sequence[Message] | None:
    """The messages that we read in a transcript; LiveDash's parser reads many of them differently."""
    parsed = read_transcript(
        content, bot_names=rules.bot_names, zone=rules.zone, profile=rules.profile, starts_at=starts_at
    )
    return None if isinstance(parsed, RefusedTranscript) else parsed.messages


def _requests(ends: Sequence[tuple[Row, RequestEnd]], notes: list[Note], *, held: bool) -> tuple[TakenRequest, ...]:
    """The requests that are over. While an open batch decides, none: an older failed one could be put back to pending."""
    found = []
    for row, end in ends:
        if held or end in _ASKED:
            reason = NOT_SENT if end is RequestEnd.WAITING and not held else IN_OPEN_BATCH
            notes.append(Note("AIProcessingRequest", str(row["id"]), reason, skipped=True, listed=False))
            continue
        request = take_request(row, end, notes)
        if request is not None:
            found.append(request)
    return tuple(sorted(found, key=lambda request: (request.requested_at, request.source_id)))


def _answer(
    session: TakenSession | None, questions: Sequence[str], stages: Mapping[Stage, TakenStage]
) -> Mapping[str, Any] | None:
    """The answer behind a session's values, so that it can be applied again; questions that were never looked for are unknown."""
    if session is None or stages[Stage.QUESTION_EXTRACTION].status is not StageStatus.COMPLETED:
        return None
    names = ("language", "sentiment", "escalated", "forwarded_hr", "category", "summary")
    values = {name: getattr(session, name) for name in names}
    if any(value is None for value in values.values()):
        return None
    return {**values, "questions": list(questions), "session_id": str(session.session_id)}
