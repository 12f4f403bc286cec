"""Sends turns through the ledger's batches, one wave after the other: each conversation's next turn gets its request.

Who claims, sends, recovers and settles requests is the ledger; `chats.steps.chat_turn` is what it asks of them. Add what decides
that a conversation goes this way to `chats.rules.tiers`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus, ChatMode, Tier
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.chats.rules.tiers import tier_of
from livedash_pipeline.chats.rules.turn_ends import TOO_SHORT
from livedash_pipeline.chats.rules.turns import Exchange, input_hash, is_too_short, turn_messages
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.sizes import size_of
from livedash_pipeline.chats.store import fall_back, waves
from livedash_pipeline.chats.store import turns as turn_rows
from livedash_pipeline.chats.store.batches import ChatBatch
from livedash_pipeline.chats.store.moves import LockedBatch, lock_batch
from livedash_pipeline.chats.store.waves import BuiltTurn, WaitingTurn
from livedash_pipeline.ledger.rules.admission.model_parameters import maximum_of
from livedash_pipeline.ledger.store.batches.cancels import request_cancel
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

_CHUNK = 500
_Work = Callable[[ChatContext, Connection, ChatBatch, LockedBatch, datetime], int]
"""A chunk of work: context, connection, batch, its locked row, and now; returns how much there was."""


def prepare_waves(context: ChatContext, batch: ChatBatch) -> int:
    """Gives every turn of a batch that is to be asked through the ledger, and can be asked now, a request; returns how many.

    Nothing is done for a batch that is not being processed, or whose mode is slices.
    """
    if batch.mode is ChatMode.SLICES or batch.status is not ChatBatchStatus.PROCESSING:
        return 0
    if batch.mode is ChatMode.AUTO and batch.due_at is not None:
        _keep_the_time(context, batch)
    while _locked(context, batch, _start_chunk):
        pass
    made = 0
    while True:
        number = _locked(context, batch, _request_chunk)
        if not number:
            break
        made += number
    if made:
        log.info("turns wait for a batch", chat_batch_id=str(batch.id), requests=made)
    return made


def _locked(context: ChatContext, batch: ChatBatch, work: _Work) -> int:
    def locked(connection: Connection) -> int:
        found = lock_batch(connection, batch.id)
        if found is None or found.status is not ChatBatchStatus.PROCESSING:
            return 0
        return work(context, connection, batch, found, context.now(connection))

    return in_transaction(context.engine, locked)


def _keep_the_time(context: ChatContext, batch: ChatBatch) -> None:
    """What the Batch API cannot answer in time goes on by calls; what is under way there is cancelled at the last moment."""
    while _locked(context, batch, _fall_back_chunk):
        pass
    _locked(context, batch, _cancel_running)


def _fall_back_chunk(
    _context: ChatContext, connection: Connection, batch: ChatBatch, locked: LockedBatch, now: datetime
) -> int:
    late = fall_back.late_chats(connection, batch.id, most=_CHUNK, now=now)
    moved = fall_back.fall_back(connection, locked, late, now=now) if late else 0
    if moved:
        log.info("conversations go on by calls", chat_batch_id=str(batch.id), chats=moved)
    return moved


def _cancel_running(
    _context: ChatContext, connection: Connection, batch: ChatBatch, _locked: LockedBatch, now: datetime
) -> int:
    """Once these are settled, what they have not answered falls back to calls; what they have is kept and paid."""
    running = fall_back.late_batches(connection, batch.id, now=now)
    wished = request_cancel(connection, running, unfinished="pending", now=now) if running else []
    for batch_id in wished:
        log.info("cancel requested", batch_id=str(batch_id), chat_batch_id=str(batch.id), reason="the answers are due")
    return len(wished)


def _start_chunk(
    _context: ChatContext, connection: Connection, batch: ChatBatch, locked: LockedBatch, now: datetime
) -> int:
    """Conversations that go this way are under way from now on."""
    pending = waves.pending_chats(connection, batch.id, most=_CHUNK)
    chosen = [
        chat_id for chat_id, turns in pending if tier_of(batch.mode, batch.due_at, turns=turns, now=now) is Tier.BATCH
    ]
    return waves.start_chats(connection, locked, chosen, now=now) if chosen else 0


def _request_chunk(
    context: ChatContext, connection: Connection, batch: ChatBatch, locked: LockedBatch, now: datetime
) -> int:
    waiting = waves.turns_to_request(connection, batch.id, most=_CHUNK)
    short = [turn for turn in waiting if is_too_short(turn.question)]
    if short:
        _skip(connection, locked, short, now=now)
    asked = [turn for turn in waiting if not is_too_short(turn.question)]
    history = waves.earlier_answers(connection, [turn.chat_id for turn in asked if turn.turn])
    built = [_build(context, batch, turn, [each for _, each in history.get(turn.chat_id, ())]) for turn in asked]
    maximum = maximum_of(batch.configuration.parameters)
    waves.request_turns(
        connection, batch.company_id, batch.configuration.model, built, max_output_tokens=maximum, now=now
    )
    return len(waiting)


def _build(context: ChatContext, batch: ChatBatch, turn: WaitingTurn, history: Sequence[Exchange]) -> BuiltTurn:
    configuration = batch.configuration
    sources = context.search(configuration).find(batch.company_id, turn.question, language=configuration.page_language)
    messages = turn_messages(
        configuration, turn.question, context=turn.context, url=turn.url, sources=sources, history=history
    )
    return BuiltTurn(turn.id, input_hash(configuration, messages), sources, size_of(context, configuration, messages))


def _skip(connection: Connection, locked: LockedBatch, short: Sequence[WaitingTurn], *, now: datetime) -> None:
    """Turns that say too little end here; a conversation without another turn is skipped with them."""
    turn_rows.end_turns(connection, [turn.id for turn in short], TOO_SHORT, now=now)
    waves.settle_unasked(connection, locked, [turn.chat_id for turn in short], now=now)
