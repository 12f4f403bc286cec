"""What each way to have a batch asked does: its count and its cost at most before, and the move itself.

Starting, trying, resuming and asking failed ones again are one choice for people. Add a way here; the moves are `trial`, `cancel`
and `process`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from livedash_pipeline.base.rules.chat_states import ENDED_CHAT_BATCHES, ChatBatchStatus, ChatState
from livedash_pipeline.chats.steps.cancel import resume
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.named import EVERYBODY, Viewer, required_batch
from livedash_pipeline.chats.steps.preview import cost_at_most
from livedash_pipeline.chats.steps.process import record_intent
from livedash_pipeline.chats.steps.trial import USUAL, try_first
from livedash_pipeline.chats.store.batches import ChatBatch


class Way(StrEnum):
    """A way to have a batch asked."""

    START = "start"
    TRY = "try"
    RESUME = "resume"
    FAILED = "failed"


@dataclass(frozen=True)
class Foreseen:
    """How many conversations are asked, and what they cost at most; None where that is unknown."""

    items: int
    cost_eur: Decimal | None


def ways_of(batch: ChatBatch) -> list[Way]:
    """The ways that a batch's state allows."""
    if batch.status is ChatBatchStatus.CREATED:
        return [Way.START, Way.TRY] if batch.total_items > USUAL else [Way.START]
    if batch.status not in ENDED_CHAT_BATCHES or batch.legacy_id is not None:
        return []
    ways = [Way.RESUME] if batch.counts[ChatState.CANCELLED] else []
    return [*ways, Way.FAILED] if batch.counts[ChatState.FAILED] else ways


def foresee(context: ChatContext, batch_id: UUID, way: Way, *, viewer: Viewer = EVERYBODY) -> Foreseen:
    """What a way would ask, and cost at most; nothing is changed.

    Raises:
        UsageError: No such batch, or one that was moved in from another system.
    """
    if way is Way.TRY:
        trial = try_first(context, batch_id, dry_run=True, viewer=viewer)
        return Foreseen(trial.items, trial.cost_eur)
    if way is not Way.START:
        again = resume(context, batch_id, failed_too=way is Way.FAILED, dry_run=True, viewer=viewer)
        return Foreseen(again.items, again.cost_eur)
    with context.engine.connect() as connection:
        batch = required_batch(connection, batch_id, viewer=viewer)
        if batch.status is not ChatBatchStatus.CREATED:
            return Foreseen(0, Decimal(0))
        return Foreseen(batch.total_items, cost_at_most(context, connection, batch, states=[ChatState.PENDING]))


def have_asked(context: ChatContext, batch_id: UUID, way: Way, *, viewer: Viewer = EVERYBODY) -> int:
    """Has a batch asked in a way, and returns how many conversations wait for it; 0 where its state does not allow it any more.

    Raises:
        UsageError: No such batch, or one that was moved in from another system.
    """
    with context.engine.connect() as connection:
        batch = required_batch(connection, batch_id, viewer=viewer)
    if batch.legacy_id is None and way not in ways_of(batch):
        # A resume of a batch of which nothing but failures is left would ask these again, which is another way.
        return 0
    if way is Way.TRY:
        return try_first(context, batch_id, viewer=viewer).items
    if way is not Way.START:
        return resume(context, batch_id, failed_too=way is Way.FAILED, viewer=viewer).items
    record_intent(context, batch_id, viewer=viewer)
    return batch.total_items
