"""Stores chats from an existing LiveDash database: stages them by COPY, then writes them with set-based statements.

Existing rows stay, except for analyses that nobody has handled here (`mark_taken_analyses.sql`). Every function runs on the
caller's transaction, under the company's locks. Add a column that chats keep to its row below and to its statements.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.copying import copy_rows, copying
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.takeover.rules.chats import TakenChat
from livedash_pipeline.takeover.rules.imports import KNOWN_COLUMNS
from livedash_pipeline.takeover.rules.requests import PROMPT_VERSION, TakenRequest

_STAGE = (
    "takeover/create_scratch_chats",
    "takeover/create_scratch_stages",
    "takeover/create_scratch_questions",
    "takeover/create_scratch_requests",
    "takeover/create_scratch_targets",
)
CLOSED = "The old system has answered about these messages, or is about to."
_TOKENS = (
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cached_tokens",
    "audio_tokens_prompt",
    "reasoning_tokens",
    "audio_tokens_completion",
    "accepted_prediction_tokens",
    "rejected_prediction_tokens",
)


@dataclass(frozen=True, slots=True)
class Target:
    """A chat's rows here; `import_id` is None for a refused chat."""

    chat: int
    import_id: UUID | None
    import_is_new: bool
    session_id: UUID | None
    session_is_new: bool
    takes_analysis: bool
    is_erased: bool


@dataclass(frozen=True, slots=True)
class StoredChats:
    """The results of storing a chunk. `stages` counts the present stages of new chats by stage and status."""

    targets: Sequence[Target]
    messages: int
    questions: int
    question_links: int
    requests: int
    given_eur: Decimal
    stored_eur: Decimal
    stages: Counter[tuple[str, str]] = field(default_factory=Counter)


def create_scratch(connection: Connection) -> None:
    """Makes the temporary tables for chunks, for this transaction."""
    connection.execute(statement("intake/raise_import_memory"))
    for name in _STAGE:
        connection.execute(statement(name))


def store_chats(connection: Connection, company_id: UUID, chats: Sequence[TakenChat], *, now: datetime) -> StoredChats:
    """Stores a chunk of chats and returns the result of each."""
    _stage(connection, chats)
    ours: dict[str, Any] = {"company_id": company_id}
    at = {"now": now}
    connection.execute(statement("takeover/store_taken_imports"), ours | at)
    connection.execute(statement("takeover/store_taken_sessions"), ours | at)
    connection.execute(statement("takeover/mark_taken_analyses"))
    targets = [Target(**row) for row in connection.execute(statement("takeover/find_scratch_targets"), ours).mappings()]
    connection.execute(statement("takeover/store_taken_transcripts"), at)
    connection.execute(statement("takeover/update_taken_sessions"), at)
    connection.execute(statement("takeover/store_scratch_stages"))
    connection.execute(statement("takeover/close_scratch_requests"), at | {"reason": CLOSED})
    requests = connection.execute(statement("takeover/store_scratch_requests"), ours).one()
    questions = connection.execute(statement("takeover/insert_scratch_questions"), ours | at).rowcount
    connection.execute(statement("takeover/delete_scratch_questions"))
    links = connection.execute(statement("takeover/link_scratch_questions"), ours).rowcount
    stages = Counter(
        {(row.stage, row.status): row.chats for row in connection.execute(statement("takeover/count_scratch_stages"))}
    )
    return StoredChats(
        targets=targets,
        messages=_copy_messages(connection, chats, targets),
        questions=questions,
        question_links=links,
        requests=requests.requests,
        given_eur=requests.given_eur,
        stored_eur=requests.stored_eur,
        stages=stages,
    )


def _stage(connection: Connection, chats: Sequence[TakenChat]) -> None:
    connection.execute(
        text("TRUNCATE scratch_chats, scratch_stages, scratch_questions, scratch_requests, scratch_targets")
    )
    numbered = list(enumerate(chats))
    copy_rows(connection, "takeover/copy_scratch_chats", (_chat_row(number, chat) for number, chat in numbered))
    copy_rows(
        connection,
        "takeover/copy_scratch_stages",
        (row for number, chat in numbered for row in _stage_rows(number, chat)),
    )
    copy_rows(
        connection,
        "takeover/copy_scratch_questions",
        ((number, place, content) for number, chat in numbered for place, content in enumerate(chat.questions)),
    )
    copy_rows(
        connection,
        "takeover/copy_scratch_requests",
        (row for number, chat in numbered for row in _request_rows(number, chat)),
    )
    # No autovacuum analyzes what a transaction has just staged, and without statistics Postgres plans for large tables.
    connection.execute(
        text("ANALYZE scratch_chats (chat, import_id), scratch_stages (chat), scratch_requests (chat, request_id)")
    )


def _copy_messages(connection: Connection, chats: Sequence[TakenChat], targets: Iterable[Target]) -> int:
    """Copies messages of new sessions straight into their table: staging would write every message twice."""
    stored = 0
    with copying(connection, "intake/copy_messages") as copy:
        for target in targets:
            if not target.session_is_new:
                continue
            for position, message in chats[target.chat].messages:
                copy.write_row((target.session_id, position, message.role, message.content, message.sent_at))
            stored += len(chats[target.chat].messages)
    return stored


def _chat_row(number: int, chat: TakenChat) -> tuple[Any, ...]:
    imported, transcript = chat.imported, chat.transcript
    _, start, end, *rest = map(imported.field, KNOWN_COLUMNS)
    return (
        number,
        imported.import_id,
        imported.legacy_id,
        # As an import stores them: empty ones are null, except for the id and the two times.
        imported.external_session_id,
        start,
        end,
        *(value or None for value in rest),
        imported.start_time,
        imported.end_time,
        imported.country,
        imported.language_code,
        imported.sentiment_score,
        imported.escalated,
        imported.forwarded_hr,
        imported.content_hash,
        imported.imported_at,
        transcript and transcript.status,
        transcript and transcript.content,
        transcript and transcript.sha256,
        chat.transcript_hash,
        *_session_values(chat),
    )


def _session_values(chat: TakenChat) -> tuple[Any, ...]:
    session = chat.session
    if session is None:
        return (None,) * 20
    return (
        session.session_id,
        session.legacy_id,
        session.start_time,
        session.end_time,
        session.ip_address,
        session.country,
        session.full_transcript_url,
        session.avg_response_time,
        session.initial_msg,
        session.messages_sent,
        session.duration_seconds,
        session.language,
        session.sentiment,
        session.escalated,
        session.forwarded_hr,
        session.category,
        session.summary,
        chat.analysed_at,
        session.created_at,
        session.updated_at,
    )


def _stage_rows(number: int, chat: TakenChat) -> Iterable[tuple[Any, ...]]:
    for stage in chat.stages:
        yield (
            number,
            stage.stage.value,
            stage.status.value,
            stage.error_message,
            stage.retry_count,
            stage.started_at,
            stage.completed_at,
            stage.metadata_text,
        )


def _request_rows(number: int, chat: TakenChat) -> Iterable[tuple[Any, ...]]:
    newest = next((request for request in reversed(chat.requests) if request.answered), None)
    for request in chat.requests:
        answer = chat.kept_answer if request is newest else None
        yield (number, *_request_row(chat, request, None if answer is None else json.dumps(answer)))


def _request_row(chat: TakenChat, request: TakenRequest, answer: str | None) -> tuple[Any, ...]:
    status = RequestStatus.PROCESSING_COMPLETE if request.answered else RequestStatus.PROCESSING_FAILED
    return (
        request.request_id,
        request.legacy_id,
        request.source_id,
        request.attempt_id,
        request.processing_type,
        status.value,
        PROMPT_VERSION,
        chat.transcript_hash,
        request.input_hash,
        answer,
        request.outcome.value,
        None if request.answered else request.outcome.value,
        request.error_message,
        request.openai_request_id,
        request.model,
        request.service_tier,
        request.system_fingerprint,
        *(request.tokens[name] for name in _TOKENS),
        request.prompt_cost_usd,
        request.completion_cost_usd,
        request.total_cost_usd,
        request.total_cost_eur,
        request.requested_at,
        request.completed_at,
    )
