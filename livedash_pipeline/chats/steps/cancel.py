"""Cancels chat batches, and takes cancelled or failed ones up again.

A cancel is one guarded move: what has not begun is cancelled at once, what is under way is waited for and its answers are kept,
and nothing starts after it. Turns that wait for a batch of the ledger, and that none has claimed, are cancelled too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.chat_states import ENDED_CHAT_BATCHES, ChatBatchStatus, ChatState
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.named import EVERYBODY, Viewer, required_batch
from livedash_pipeline.chats.steps.preview import cost_at_most
from livedash_pipeline.chats.steps.take_back import take_back
from livedash_pipeline.chats.store import waves
from livedash_pipeline.chats.store.batches import ChatBatch
from livedash_pipeline.chats.store.moves import (
    cancel_batch,
    close_cancelled_requests,
    count_unerased,
    lock_batch,
    reopen_batch,
)
from livedash_pipeline.errors import UsageError
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)


@dataclass(frozen=True)
class Cancelled:
    """What a cancel did; `under_way` conversations are waited for."""

    requested: bool
    already_ended: bool
    under_way: int
    status: ChatBatchStatus


@dataclass(frozen=True)
class Resumed:
    """What a resume does, or would do: how many conversations are asked again, and what that costs at most."""

    status: ChatBatchStatus
    items: int
    cost_eur: Decimal | None


def cancel(context: ChatContext, batch_id: UUID, *, by: str, viewer: Viewer = EVERYBODY) -> Cancelled:
    """Cancels a batch; again, or after its end, nothing changes.

    Raises:
        UsageError: No such batch.
    """

    def work(connection: Connection) -> Cancelled:
        required_batch(connection, batch_id, viewer=viewer)
        locked = lock_batch(connection, batch_id)
        if locked is None:
            raise AssertionError("chat batches are never deleted")
        now = context.now(connection)
        ended = locked.status in ENDED_CHAT_BATCHES
        requested = cancel_batch(connection, locked, by=by, now=now)
        if requested:
            waves.cancel_unclaimed(connection, batch_id, now=now)
            close_cancelled_requests(connection, batch_id, now=now)
        after = required_batch(connection, batch_id)
        return Cancelled(requested, ended, after.counts[ChatState.PROCESSING], after.status)

    done = in_transaction(context.engine, work)
    if done.requested:
        log.info("chat batch cancelled", chat_batch_id=str(batch_id), under_way=done.under_way)
    with context.engine.connect() as connection:
        batch = required_batch(connection, batch_id)
    if done.under_way:
        # What a lost worker holds is nobody's: a cancel does not wait for it.
        take_back(context, batch)
    return done


def resume(
    context: ChatContext,
    batch_id: UUID,
    *,
    failed_too: bool = False,
    dry_run: bool = False,
    viewer: Viewer = EVERYBODY,
) -> Resumed:
    """Takes a batch that was cancelled, or that failed, up again.

    Args:
        context: What work on chat batches is given.
        batch_id: The batch.
        failed_too: Ask again what failed; else that is done only where nothing else is left to do.
        dry_run: Only say what would be asked again.
        viewer: Whose batches the caller sees.

    Raises:
        UsageError: No such batch, or one that was moved in from another system.
    """

    def work(connection: Connection) -> Resumed:
        batch = required_batch(connection, batch_id, viewer=viewer)
        locked = lock_batch(connection, batch_id)
        if locked is None:
            raise AssertionError("chat batches are never deleted")
        _refuse_moved(batch)
        again = _resumable(batch, count_unerased(connection, batch_id), failed_too=failed_too)
        states: Sequence[ChatState] = (
            (ChatState.CANCELLED, ChatState.FAILED) if again.failed_too else (ChatState.CANCELLED,)
        )
        cost = cost_at_most(context, connection, batch, states=states)
        if dry_run or not again.items:
            return Resumed(batch.status, again.items, cost)
        items = reopen_batch(connection, locked, failed_too=again.failed_too, now=context.now(connection))
        return Resumed(required_batch(connection, batch_id).status, items, cost)

    return in_transaction(context.engine, work)


def _refuse_moved(batch: ChatBatch) -> None:
    if batch.legacy_id is not None:
        raise UsageError(
            f"Chat batch {batch.id} was moved in from another system, whose provider is not configured here.",
            remedy="Make a new batch of its questions: livedash chat-batch create FILE --company SLUG",
            code="moved_in",
        )


@dataclass(frozen=True)
class _Again:
    items: int
    failed_too: bool


def _resumable(batch: ChatBatch, there: Counter[ChatState], *, failed_too: bool) -> _Again:
    """How much is asked again of what has its texts; a batch of which all that is left has failed is resumed for that."""
    if batch.status not in ENDED_CHAT_BATCHES:
        return _Again(0, failed_too)
    cancelled, failed = there[ChatState.CANCELLED], there[ChatState.FAILED]
    failed_too = failed_too or (not cancelled and batch.status is ChatBatchStatus.FAILED)
    return _Again(cancelled + (failed if failed_too else 0), failed_too)
