"""Turns: read to be asked, written when they ended, and the requests by which their answers are bought.

Add what is known of one question. Every function runs on the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.rules.chat_states import ChatState
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.tables import ai_processing_requests, ai_request_attempts, chat_interactions, chats
from livedash_pipeline.chats.rules.turn_ends import ANSWERED
from livedash_pipeline.chats.rules.turns import KIND, LAYOUT, Source
from livedash_pipeline.chats.store.batches import NewChat, NewTurn

_turns = chat_interactions.c
_requests = ai_processing_requests.c
_attempts = ai_request_attempts.c
_OPEN = text("processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')")

TURN_COLUMNS = (
    _turns.id.label("turn_id"), _turns.turn, _turns.question, _turns.context, _turns.url,
    _turns.outcome_code.label("turn_code"), _turns.answer,
)  # fmt: skip
"""What a `Turn` is read from, in its order."""

RESULT_COLUMNS = {
    name: _turns[name]
    for name in (
        "outcome_code", "error_message", "answer", "model", "applied_overrides", "input_tokens", "output_tokens",
        "cost_usd", "usd_eur", "cost_eur", "completed_at",
    )
}  # fmt: skip
"""What is written of a turn that ended."""

END_TURN = update(chat_interactions).where(_turns.id == bindparam("turn_id"), _turns.outcome_code.is_(None))
"""An answer is written once; the columns are those of the parameters."""

_READ = select(*TURN_COLUMNS).where(_turns.chat_id == bindparam("chat_id")).order_by(_turns.turn)
_ASKED_AGAIN = (
    "by_call", "processing_status", "model", "prompt_version", "transcript_hash", "input_hash", "body_bytes",
    "token_estimate", "max_output_tokens", "updated_at",
)  # fmt: skip
_NOW = bindparam("now", type_=_requests.requested_at.type)
_REQUESTED = {
    "chat_interaction_id": bindparam("turn_id", type_=_turns.id.type),
    "processing_type": literal(KIND),
    "requested_at": _NOW,
    "updated_at": _NOW,
    "by_call": literal(True),
    "processing_status": literal(str(RequestStatus.BATCHING_IN_PROGRESS)),
    "prompt_version": literal(LAYOUT),
    "transcript_hash": bindparam("hash", type_=_requests.input_hash.type),
    "input_hash": bindparam("hash", type_=_requests.input_hash.type),
    **{
        name: bindparam(f"request_{name}", type_=_requests[name].type)
        for name in ("company_id", "model", "body_bytes", "token_estimate", "max_output_tokens")
    },
}
_REQUEST = insert(ai_processing_requests).values(_REQUESTED)
_CALL = (
    _REQUEST.on_conflict_do_update(
        index_elements=["subject_id", "processing_type"],
        index_where=_OPEN,
        set_={column: _REQUEST.excluded[column] for column in _ASKED_AGAIN},
        where=_requests.by_call | (_requests.processing_status == RequestStatus.PENDING_BATCHING),
    )
    .returning(_requests.id)
    .cte("request")
)
_SHOWN = (
    update(chat_interactions)
    .where(_turns.id == bindparam("turn_id"), select(_CALL.c.id).exists())
    .values(
        input_hash=bindparam("hash", type_=_turns.input_hash.type),
        sources=bindparam("shown_sources", type_=_turns.sources.type),
        started_at=_NOW,
    )
    .cte("shown")
)
# The request, what the turn shows, and the try: a question begins in one statement, or not at all.
_BEGIN = (
    insert(ai_request_attempts)
    .from_select(
        ["request_id", "is_call", "transcript_hash", "created_at", "reserved_eur"],
        select(
            _CALL.c.id,
            literal(True),
            bindparam("hash", type_=_attempts.transcript_hash.type),
            _NOW,
            bindparam("set_aside", type_=_attempts.reserved_eur.type),
        ),
        include_defaults=False,
    )
    .add_cte(_SHOWN)
    .returning(_attempts.id, _attempts.request_id)
)


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


def end_turn(connection: Connection, turn_id: UUID, result: TurnResult, *, now: datetime) -> bool:
    """Writes how a turn ended; False where it has ended before: an answer is written once."""
    ended = connection.execute(END_TURN, {"turn_id": turn_id, **result_values(result, now=now)})
    return ended.rowcount == 1


def result_values(result: TurnResult, *, now: datetime) -> dict[str, Any]:
    """What is written of a turn that ended, by the names of `RESULT_COLUMNS`."""
    values = {
        "outcome_code" if each.name == "code" else each.name: getattr(result, each.name) for each in fields(result)
    }
    return {**values, "completed_at": now}


def end_turns(connection: Connection, turn_ids: Sequence[UUID], code: str, *, now: datetime) -> None:
    """Ends turns that were never asked."""
    if not turn_ids:
        return
    connection.execute(
        update(chat_interactions)
        .where(_turns.id.in_(turn_ids), _turns.outcome_code.is_(None))
        .values(outcome_code=code, completed_at=now)
    )


def begin_question(
    connection: Connection,
    turn_id: UUID,
    company_id: UUID,
    *,
    model: str,
    input_hash: str,
    sources: Sequence[Source],
    size: RequestSize,
    reserved_eur: Decimal | None,
    now: datetime,
) -> tuple[UUID, UUID] | None:
    """Writes down that a turn is about to be asked by a call, with what it shows the model and what it may cost at most.

    Returns its try and the request by which its answer is bought; None where a batch of the ledger is asking it right now.
    """
    values = {
        "turn_id": turn_id,
        "request_company_id": company_id,
        "request_model": model,
        "hash": input_hash,
        "shown_sources": [source.document() for source in sources],
        "request_body_bytes": size.body_bytes,
        "request_token_estimate": size.tokens,
        "request_max_output_tokens": size.max_output_tokens,
        "set_aside": reserved_eur,
        "now": now,
    }
    begun = connection.execute(_BEGIN, values).one_or_none()
    return None if begun is None else (begun.id, begun.request_id)


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
        .where(_turns.outcome_code.is_distinct_from(ANSWERED), chats.c.erased_at.is_(None))
        .order_by(_turns.item_index, _turns.turn)
    )
    for _, rows in groupby(connection.execute(query), key=attrgetter("chat_id")):
        listed = [NewTurn(row.row_index, row.source_line, row.question, row.context, None, None, ()) for row in rows]
        yield NewChat(None, listed)
