"""Turns: read to be asked, written when they ended, and the requests by which their answers are bought.

Add what is known of one question. Every function runs on the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from sqlalchemy import Connection, bindparam, select, text, update
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.rules.chat_states import ChatState
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.tables import ai_processing_requests, chat_interactions, chats
from livedash_pipeline.chats.rules.turn_ends import ANSWERED
from livedash_pipeline.chats.rules.turns import KIND, LAYOUT, Source
from livedash_pipeline.chats.store.batches import NewChat, NewTurn

_turns = chat_interactions.c
_requests = ai_processing_requests.c
_OPEN = text("processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')")
# An answer is written once; the columns are those of the parameters.
_BEGIN = update(chat_interactions).where(_turns.id == bindparam("turn_id"))
_READ = (
    select(_turns.id, _turns.turn, _turns.question, _turns.context, _turns.url, _turns.outcome_code, _turns.answer)
    .where(_turns.chat_id == bindparam("chat_id"))
    .order_by(_turns.turn)
)
_END = update(chat_interactions).where(_turns.id == bindparam("turn_id"), _turns.outcome_code.is_(None))
_ASKED_AGAIN = (
    "by_call", "processing_status", "model", "prompt_version", "transcript_hash", "input_hash", "body_bytes",
    "token_estimate", "max_output_tokens", "updated_at",
)  # fmt: skip
_REQUEST = insert(ai_processing_requests)
_CALL = _REQUEST.on_conflict_do_update(
    index_elements=["subject_id", "processing_type"],
    index_where=_OPEN,
    set_={column: _REQUEST.excluded[column] for column in _ASKED_AGAIN},
    where=_requests.by_call | (_requests.processing_status == RequestStatus.PENDING_BATCHING),
).returning(_requests.id)


@dataclass(frozen=True)
class Turn:
    """A question of a conversation, and its end if it has one."""

    id: UUID
    turn: int
    question: str
    context: str | None
    url: str | None
    outcome_code: str | None
    answer: str | None


@dataclass(frozen=True)
class TurnResult:
    """What is written of a turn that ended."""

    code: str
    error_message: str | None = None
    answer: str | None = None
    model: str | None = None
    applied_overrides: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal | None = None
    usd_eur: Decimal | None = None
    cost_eur: Decimal | None = None


@dataclass(frozen=True)
class RequestSize:
    """What the ledger reserves for a turn."""

    body_bytes: int
    tokens: int
    max_output_tokens: int


def read_turns(connection: Connection, chat_id: UUID) -> list[Turn]:
    """The turns of a conversation, in order."""
    return [Turn(*row) for row in connection.execute(_READ, {"chat_id": chat_id})]


def begin_turn(
    connection: Connection, turn_id: UUID, *, input_hash: str, sources: Sequence[Source], now: datetime
) -> None:
    """Keeps what a turn is about to show the model."""
    shown = {"input_hash": input_hash, "sources": [source.document() for source in sources], "started_at": now}
    connection.execute(_BEGIN, {"turn_id": turn_id, **shown})


def end_turn(connection: Connection, turn_id: UUID, result: TurnResult, *, now: datetime) -> bool:
    """Writes how a turn ended; False where it has ended before: an answer is written once."""
    values = {
        "outcome_code": result.code,
        "error_message": result.error_message,
        "answer": result.answer,
        "model": result.model,
        "applied_overrides": result.applied_overrides,
        "input_tokens": result.input_tokens,
        "output_tokens": result.output_tokens,
        "cost_usd": result.cost_usd,
        "usd_eur": result.usd_eur,
        "cost_eur": result.cost_eur,
        "completed_at": now,
    }
    ended = connection.execute(_END, {"turn_id": turn_id, **values})
    return ended.rowcount == 1


def end_turns(connection: Connection, turn_ids: Sequence[UUID], code: str, *, now: datetime) -> None:
    """Ends turns that were never asked."""
    if not turn_ids:
        return
    connection.execute(
        update(chat_interactions)
        .where(_turns.id.in_(turn_ids), _turns.outcome_code.is_(None))
        .values(outcome_code=code, completed_at=now)
    )


def call_request(
    connection: Connection,
    turn_id: UUID,
    company_id: UUID,
    *,
    model: str,
    input_hash: str,
    size: RequestSize,
    now: datetime,
) -> UUID | None:
    """The request by which a turn's answer is bought by calls; None where a batch of the ledger is asking it right now."""
    values = {
        "chat_interaction_id": turn_id,
        "company_id": company_id,
        "processing_type": KIND,
        "requested_at": now,
        "by_call": True,
        "processing_status": RequestStatus.BATCHING_IN_PROGRESS,
        "model": model,
        "prompt_version": LAYOUT,
        "transcript_hash": input_hash,
        "input_hash": input_hash,
        "body_bytes": size.body_bytes,
        "token_estimate": size.tokens,
        "max_output_tokens": size.max_output_tokens,
        "updated_at": now,
    }
    found: UUID | None = connection.execute(_CALL, values).scalar_one_or_none()
    return found


def open_requests(connection: Connection, chat_id: UUID) -> list[UUID]:
    """Requests of a conversation's turns that are asked by calls and are not over."""
    query = (
        select(_requests.id)
        .join(chat_interactions, _turns.id == _requests.chat_interaction_id)
        .where(_turns.chat_id == chat_id, _requests.by_call, _OPEN)
    )
    return list(connection.execute(query).scalars())


def unanswered_chats(connection: Connection, batch_id: UUID, states: Sequence[ChatState]) -> Iterator[NewChat]:
    """The questions of conversations in these states that have no answer, conversation by conversation."""
    columns = (_turns.chat_id, _turns.row_index, _turns.source_line, _turns.question, _turns.context, _turns.url)
    query = (
        select(*columns)
        .join(chats, chats.c.id == _turns.chat_id)
        .where(_turns.batch_id == batch_id, chats.c.state.in_(states))
        .where(_turns.outcome_code.is_distinct_from(ANSWERED))
        .order_by(_turns.item_index, _turns.turn)
    )
    for _, rows in groupby(connection.execute(query), key=attrgetter("chat_id")):
        listed = [NewTurn(row.row_index, row.source_line, row.question, row.context, None, None, ()) for row in rows]
        yield NewChat(None, listed)
