"""Turns that go through the ledger's batches: which wait for a request, what a batch asks, and what came of it, set-based.

A conversation's turns go out one wave after the other, since each shows the answers before it. Every function runs on the
caller's transaction; batches are locked before conversations.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select, update

from livedash_pipeline.base.rules.chat_states import ChatState, Tier
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_processing_requests, chat_batches, chat_interactions, chats
from livedash_pipeline.chats.rules.providers import Configuration
from livedash_pipeline.chats.rules.turn_ends import ANSWERED, CANCELLED, SKIP_CODES
from livedash_pipeline.chats.rules.turns import LAYOUT, Exchange, Source
from livedash_pipeline.chats.store.moves import (
    LockedBatch,
    Spent,
    close_cancelled_requests,
    count_moves,
    lock_batch,
)
from livedash_pipeline.chats.store.turns import RequestSize

_chats = chats.c
_UNFAILED = [ANSWERED, CANCELLED, *sorted(SKIP_CODES)]


@dataclass(frozen=True)
class WaitingTurn:
    """A turn without a request."""

    id: UUID
    chat_id: UUID
    turn: int
    question: str
    context: str | None
    url: str | None


@dataclass(frozen=True)
class BuiltTurn:
    """A turn ready to be asked."""

    id: UUID
    input_hash: str
    sources: Sequence[Source]
    size: RequestSize


def start_chats(connection: Connection, batch: LockedBatch, chat_ids: Sequence[UUID], *, now: datetime) -> int:
    """Conversations that wait are from now on asked through the ledger's batches; returns how many.

    One whose last answers came late, after it was taken up again, has nothing left to ask and ends at once.
    """
    started = connection.execute(
        update(chats)
        .where(_chats.id.in_(chat_ids), _chats.state == ChatState.PENDING)
        .values(
            state=ChatState.PROCESSING,
            tier=Tier.BATCH,
            attempts=_chats.attempts + 1,
            started_at=func.coalesce(_chats.started_at, now),
            next_try_at=None,
        )
    ).rowcount
    ended = _settle(connection, chat_ids=chat_ids, batch_id=None, request_ids=[], now=now)[batch.id]
    count_moves(connection, batch, {(ChatState.PENDING, ChatState.PROCESSING): started, **ended}, now=now)
    return started


def pending_chats(connection: Connection, batch_id: UUID, *, most: int) -> list[tuple[UUID, int]]:
    """Conversations that wait, with how many turns they have."""
    query = (
        select(_chats.id, _chats.turns)
        .where(_chats.batch_id == batch_id, _chats.state == ChatState.PENDING)
        .order_by(_chats.item_index)
        .limit(most)
    )
    return [(row.id, row.turns) for row in connection.execute(query)]


def turns_to_request(connection: Connection, batch_id: UUID, *, most: int) -> list[WaitingTurn]:
    """The next turns that have no request."""
    rows = connection.execute(statement("chats/find_turns_to_request"), {"batch_id": batch_id, "most": most})
    return [WaitingTurn(*row) for row in rows]


def earlier_answers(connection: Connection, chat_ids: Sequence[UUID]) -> dict[UUID, list[tuple[int, Exchange]]]:
    """What was asked and answered in conversations, with the number of each turn."""
    found: dict[UUID, list[tuple[int, Exchange]]] = defaultdict(list)
    for row in connection.execute(statement("chats/find_earlier_answers"), {"chat_ids": list(chat_ids)}):
        found[row.chat_id].append((row.turn, Exchange(row.question, row.answer)))
    return found


def request_turns(
    connection: Connection,
    company_id: UUID,
    model: str,
    built: Sequence[BuiltTurn],
    *,
    max_output_tokens: int,
    now: datetime,
) -> int:
    """Keeps what turns show the model and makes their requests; returns how many are new."""
    ids, hashes = [turn.id for turn in built], [turn.input_hash for turn in built]
    sources = [json.dumps([source.document() for source in turn.sources]) for turn in built]
    connection.execute(
        statement("chats/keep_turn_inputs"),
        {"turn_ids": ids, "input_hashes": hashes, "sources": sources, "now": now},
    )
    return connection.execute(
        statement("chats/insert_turn_requests"),
        {
            "company_id": company_id,
            "model": model,
            "prompt_version": LAYOUT,
            "turn_ids": ids,
            "input_hashes": hashes,
            "body_bytes": [turn.size.body_bytes for turn in built],
            "token_estimates": [turn.size.tokens for turn in built],
            "max_output_tokens": max_output_tokens,
            "now": now,
        },
    ).rowcount


def batch_turns(connection: Connection, batch_id: UUID, *, most: int) -> Iterator[list[Row[Any]]]:
    """The turns that a batch of the ledger asks, some at a time, in id order of their requests."""
    after_id = UUID(int=0)
    while True:
        rows = connection.execute(
            statement("chats/find_batch_turns"), {"batch_id": batch_id, "after_id": after_id, "most": most}
        ).all()
        if not rows:
            return
        yield list(rows)
        after_id = rows[-1].id


def configuration_of(connection: Connection, batch_id: UUID) -> Configuration:
    """What a chat batch is asked with."""
    query = select(chat_batches.c.configuration).where(chat_batches.c.id == batch_id)
    return Configuration.model_validate(connection.execute(query).scalar_one())


def lock_asked(connection: Connection, batch_id: UUID | None, request_ids: Sequence[UUID] = ()) -> None:
    """Locks the chat batches, then the conversations, of all turns that were tried in a batch of the ledger."""
    values = {"batch_id": batch_id, "request_ids": list(request_ids)}
    connection.execute(statement("chats/lock_asked_batches"), values)
    if batch_id is not None:
        connection.execute(statement("chats/lock_asked_chats"), {"batch_id": batch_id})


def apply_ends(
    connection: Connection, *, batch_id: UUID | None = None, request_ids: Sequence[UUID] = (), now: datetime
) -> int:
    """Writes what came of requests to turns, conversations and counts; returns how many turns ended."""
    asked = {"batch_id": batch_id, "request_ids": list(request_ids)}
    if request_ids:
        lock_asked(connection, None, request_ids)
    ended = connection.execute(statement("chats/end_asked_turns"), asked | {"now": now}).all()
    moves = _settle(connection, chat_ids=(), now=now, **asked)
    spent = _sum_spent(ended)
    for chat_batch_id in sorted({*spent, *moves}):
        locked = lock_batch(connection, chat_batch_id)
        if locked is None:
            continue
        if locked.is_cancelling:
            close_cancelled_requests(connection, chat_batch_id, now=now)
        count_moves(connection, locked, moves[chat_batch_id], now=now, spent=spent[chat_batch_id])
    return len(ended)


def settle_unasked(connection: Connection, batch: LockedBatch, chat_ids: Sequence[UUID], *, now: datetime) -> None:
    """Moves conversations of a locked batch some of whose turns ended without being asked."""
    moves = _settle(connection, chat_ids=list(chat_ids), batch_id=None, request_ids=[], now=now)
    count_moves(connection, batch, moves[batch.id], now=now)


def _settle(connection: Connection, **values: Any) -> dict[UUID, Counter[tuple[ChatState, ChatState]]]:
    values["chat_ids"] = list(values["chat_ids"])
    moves: dict[UUID, Counter[tuple[ChatState, ChatState]]] = defaultdict(Counter)
    for row in connection.execute(statement("chats/settle_chats"), values | {"unfailed_codes": _UNFAILED}):
        moves[row.batch_id][ChatState(row.before), ChatState(row.after)] += row.chats
    return moves


def _sum_spent(ended: Sequence[Row[Any]]) -> dict[UUID, Spent]:
    spent: dict[UUID, Spent] = defaultdict(Spent)
    for row in ended:
        known = spent[row.batch_id]
        spent[row.batch_id] = Spent(
            known.usd + (row.cost_usd or Decimal(0)),
            known.eur + (row.cost_eur or Decimal(0)),
            known.unpriced + int(bool(row.is_paid) and row.cost_eur is None),
        )
    return spent


def wait_again(connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> None:
    """Failed conversations whose requests were put back are under way again; a batch that had ended runs again."""
    lock_asked(connection, None, request_ids)
    for row in connection.execute(statement("chats/wait_again"), {"request_ids": list(request_ids), "now": now}):
        locked = lock_batch(connection, row.batch_id)
        if locked is not None:
            count_moves(connection, locked, {(ChatState.FAILED, ChatState.PROCESSING): row.chats}, now=now)


def cancel_unclaimed(connection: Connection, batch_id: UUID, *, now: datetime) -> int:
    """Cancels conversations whose turn no batch of the ledger has claimed, of a batch being cancelled; returns how many."""
    locked = lock_batch(connection, batch_id)
    if locked is None or not locked.is_cancelling:
        return 0
    requests = ai_processing_requests.c
    # Waits for claims that are under way: what they took is not cancelled here.
    unclaimed = (
        select(requests.id)
        .join(chat_interactions, chat_interactions.c.id == requests.chat_interaction_id)
        .where(chat_interactions.c.batch_id == batch_id)
        .where(requests.processing_status == RequestStatus.PENDING_BATCHING)
        .order_by(requests.id)
        .with_for_update(of=ai_processing_requests)
    )
    connection.execute(unclaimed).all()
    in_flight = (
        select(chat_interactions.c.chat_id)
        .join(ai_processing_requests, requests.chat_interaction_id == chat_interactions.c.id)
        .where(chat_interactions.c.batch_id == batch_id)
        .where(requests.processing_status == RequestStatus.BATCHING_IN_PROGRESS)
    )
    stopped = connection.execute(
        update(chats)
        .where(_chats.batch_id == batch_id, _chats.state == ChatState.PROCESSING, _chats.tier == Tier.BATCH)
        .where(_chats.id.not_in(in_flight))
        .values(state=ChatState.CANCELLED, outcome_code=CANCELLED, completed_at=now)
    ).rowcount
    count_moves(connection, locked, {(ChatState.PROCESSING, ChatState.CANCELLED): stopped}, now=now)
    return stopped
