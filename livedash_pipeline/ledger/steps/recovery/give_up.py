"""Gives up batches that the present key does not see, once an operator says that no other key is left.

Their requests fail and are not bought again: nothing is released, since all of it may have been paid for. Every batch is looked
up once more before it is given up. Add another kind of batch that would otherwise wait for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.ledger.rules.recovery import recovery as rules
from livedash_pipeline.ledger.rules.recovery.evidence import Absence, Proof
from livedash_pipeline.ledger.rules.recovery.recovery import Step
from livedash_pipeline.ledger.rules.results.judgement import VANISHED
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.send import allowances
from livedash_pipeline.ledger.steps.recovery.lookups import look_up
from livedash_pipeline.ledger.steps.recovery.recovery_view import RecoveryView, recovery_clock
from livedash_pipeline.ledger.store.recovery import recovery
from livedash_pipeline.ledger.store.recovery.recovery import TakenOver
from livedash_pipeline.ledger.store.results import observations, settlement
from livedash_pipeline.logs import get_logger
from livedash_pipeline.settings import CREATE_LEASE_MARGIN

log = get_logger(__name__)

_UNSEEN = "It may have been bought, and no key is left that sees its input file."


def give_up_forgotten(context: BatchContext, listed: Sequence[RemoteBatch]) -> int:
    """Gives up ended batches that wait for files and for which the service answers 404; ingesting settles them. Returns how many.

    Raises:
        ServiceError: One of them could not be asked for; none is given up.
    """
    seen = {remote.id for remote in listed}
    with context.engine.connect() as connection:
        waiting = observations.awaiting_files(connection, context.endpoint)
    gone = [batch_id for batch_id, name in waiting if name not in seen and look_up(context, name) is None]
    if not gone:
        return 0
    forgotten = in_transaction(context.engine, lambda connection: observations.mark_forgotten(connection, gone))
    for batch_id in forgotten:
        log.error("ended batch vanished", batch_id=str(batch_id))
    return len(forgotten)


def give_up_unseen(context: BatchContext) -> int:
    """Gives up batches at which recovery stops: ends and settles each in one transaction. Returns how many.

    A remote batch of theirs that shows later is surplus: cancelled, followed and paid for in the ledger.

    Raises:
        ServiceError: The service could not be asked; what was given up before that stays so.
    """
    clock = recovery_clock(context)
    # By then the submitter's lease is over as well, and the service must show the batch if it made one.
    patience = clock.deadline + max(clock.lag, timedelta(seconds=CREATE_LEASE_MARGIN))
    with context.engine.connect() as connection:
        now = context.now(connection)
        unknown = recovery.unknown_creates(connection, context.endpoint, begun_before=now - patience)
    return sum(_stops(context, taken, now) and _close(context, taken) for taken in unknown)


def _stops(context: BatchContext, taken: TakenOver, now: datetime) -> bool:
    """Whether recovery would stop: this key sees neither the input file nor a batch on it, nor what the deleting key made."""
    file_id = taken.input_file_id
    if file_id is None:
        return False
    view = RecoveryView(context, taken)
    visible, since = view.input_file(file_id)
    listing = view.list_since(since)
    if visible or listing.flaw is not None or rules.choose_ours(listing.batches, taken.tag):
        return False
    step = rules.next_step(
        taken.unfinished,
        found=False,
        file_visible=False,
        same_project=view.sees_project(),
        # Only decides whether recovery stops at a file that this key does not see; believes no absence.
        absence=Absence(Proof.NO_WITNESS),
        now=now,
        clock=recovery_clock(context),
    )
    return step is Step.STOP


def _close(context: BatchContext, taken: TakenOver) -> bool:
    """Ends and settles the batch; False where another process went on with it meanwhile."""
    claim = taken.claim

    def work(connection: Connection) -> bool:
        now = context.now(connection)
        ours = recovery.give_up(connection, claim, error_message=_UNSEEN, now=now)
        if ours:
            _settle(context, connection, claim.batch_id, now)
        return ours

    closed = in_transaction(context.engine, work)
    if closed:
        log.error("unknown create given up", batch_id=str(claim.batch_id), company=claim.company)
    return closed


def _settle(context: BatchContext, connection: Connection, batch_id: UUID, now: datetime) -> None:
    locked = settlement.lock_batch(connection, batch_id, context.kinds)
    if locked is None:
        raise AssertionError(f"batch {batch_id} was ended by this transaction and cannot be settled by it")
    settlement.open_scratch(connection)
    settlement.add_unanswered(
        connection, batch_id, Outcome.ARTIFACT_UNAVAILABLE, error_code=VANISHED, error_message=_UNSEEN
    )
    settlement.settle(connection, locked, allowances=allowances(context), now=now)
