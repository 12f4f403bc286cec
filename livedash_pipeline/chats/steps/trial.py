"""Tries a batch with its first questions: they are asked, and all others wait until somebody takes the batch up again.

The others are cancelled in the move that starts the batch, so no worker and no other slice can take one; a resume makes them wait
again, and what was answered is never asked twice. Add what somebody wants to know before a whole batch is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus, ChatState
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.named import EVERYBODY, Viewer, required_batch
from livedash_pipeline.chats.steps.preview import cost_at_most
from livedash_pipeline.chats.store.moves import lock_batch, set_aside, start_batch
from livedash_pipeline.errors import UsageError
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

USUAL = 10
MOST = 1000


@dataclass(frozen=True)
class Trial:
    """What a trial asks, or would ask.

    Attributes:
        tried: Whether this call began it.
        items: Conversations that are asked.
        set_aside: Those that wait for a resume.
        cost_eur: What the trial costs at most; None where the price or the exchange rate is unknown.
        status: The batch's state afterwards.
    """

    tried: bool
    items: int
    set_aside: int
    cost_eur: Decimal | None
    status: ChatBatchStatus


def try_first(
    context: ChatContext, batch_id: UUID, *, items: int = USUAL, dry_run: bool = False, viewer: Viewer = EVERYBODY
) -> Trial:
    """Starts a batch that has not begun with its first conversations alone; of one that has begun nothing changes.

    Args:
        context: What work on chat batches is given.
        batch_id: The batch.
        items: How many conversations, in the order of the file, with all their turns; 1 to 1,000.
        dry_run: Only say what would be asked.
        viewer: Whose batches the caller sees.

    Raises:
        UsageError: No such batch, or a trial of too few or too many.
    """
    if not 1 <= items <= MOST:
        raise UsageError(f"A trial of {items:,} conversations is not possible.", remedy=f"Use 1 to {MOST:,}.")

    def work(connection: Connection) -> Trial:
        batch = required_batch(connection, batch_id, viewer=viewer)
        locked = lock_batch(connection, batch_id)
        if locked is None:
            raise AssertionError("chat batches are never deleted")
        if locked.status is not ChatBatchStatus.CREATED:
            return Trial(tried=False, items=0, set_aside=0, cost_eur=Decimal(0), status=locked.status)
        first = min(items, batch.total_items)
        cost = cost_at_most(context, connection, batch, states=[ChatState.PENDING], most=first)
        if dry_run:
            return Trial(False, first, batch.total_items - first, cost, locked.status)
        now = context.now(connection)
        start_batch(connection, batch_id, now=now)
        left = set_aside(connection, locked, first=first, now=now)
        return Trial(True, first, left, cost, ChatBatchStatus.PROCESSING)

    done = in_transaction(context.engine, work)
    if done.tried:
        log.info("chat batch tried", chat_batch_id=str(batch_id), items=done.items, set_aside=done.set_aside)
    return done
