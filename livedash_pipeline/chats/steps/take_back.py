"""Takes back what lost workers held: a lease that has passed means that nobody knows what came of the call under way.

That call may have been charged. It is settled as lost, with its reserved money as spent, so that asking again is counted as a
second purchase; a conversation that has lost so many workers as it has tries fails.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from livedash_pipeline.base.rules.chat_states import ChatState
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.chats.rules.turn_ends import CANCELLED
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.store import conversations, turns
from livedash_pipeline.chats.store.batches import ChatBatch
from livedash_pipeline.chats.store.conversations import Claim
from livedash_pipeline.chats.store.moves import LockedBatch, lock_batch
from livedash_pipeline.ledger.rules.calls.call_ends import LOST, LOST_CALL
from livedash_pipeline.ledger.store.calls import calls
from livedash_pipeline.ledger.store.calls.calls import CallCost
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)


def take_back(context: ChatContext, batch: ChatBatch) -> int:
    """Takes back every conversation of a batch whose lease has passed; returns how many."""

    def work(connection: Connection) -> int:
        return take_back_in(connection, context, batch, now=context.now(connection))

    return in_transaction(context.engine, work)


def take_back_in(connection: Connection, context: ChatContext, batch: ChatBatch, *, now: datetime) -> int:
    """`take_back` within a transaction that may hold the batch's row already."""
    taken = 0
    while True:
        # Read anew each time, as each conversation changes the counts.
        locked = lock_batch(connection, batch.id)
        expired = [] if locked is None else conversations.expired_claims(connection, locked, now=now)
        if locked is None or not expired:
            return taken
        _take_one(connection, locked, expired[0], max_attempts=context.settings.livedash_max_attempts, now=now)
        taken += 1


def _take_one(connection: Connection, batch: LockedBatch, claim: Claim, *, max_attempts: int, now: datetime) -> None:
    requests = turns.open_requests(connection, claim.chat_id)
    lost = calls.open_calls(connection, requests)
    for attempt_id in lost:
        calls.settle_call(connection, attempt_id, LOST_CALL, CallCost(), now=now)
    for request_id in requests if lost else ():
        calls.count_try(connection, request_id, now=now)
    log.warning(
        "conversation taken back",
        chat_batch_id=str(batch.id),
        item=claim.item_index,
        tries=claim.attempts,
        lost_calls=len(lost),
    )
    if claim.attempts < max_attempts or batch.is_cancelling:
        code = CANCELLED if batch.is_cancelling else LOST
        if batch.is_cancelling:
            calls.close_requests(connection, requests, RequestStatus.PROCESSING_FAILED, error_code=code, now=now)
        conversations.put_back(
            connection, batch, claim, code=code, message=None, next_try_at=None, counted=True, now=now
        )
        return
    message = f"{claim.attempts} workers ended before writing an answer."
    open_turns = [turn.id for turn in turns.read_turns(connection, claim.chat_id) if turn.outcome_code is None]
    turns.end_turns(connection, open_turns, LOST, now=now)
    calls.close_requests(
        connection, requests, RequestStatus.PROCESSING_FAILED, error_code=LOST, error_message=message, now=now
    )
    conversations.end_chat(connection, batch, claim, ChatState.FAILED, code=LOST, message=message, now=now)
