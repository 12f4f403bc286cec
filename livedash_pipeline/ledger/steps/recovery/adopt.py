"""Adopts listed batches for rows whose create has no known outcome: by the name of the create or its file, and after a look-up.

Buys, deletes and cancels nothing, so that every step with a listing may adopt, whatever the lease.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from livedash_pipeline.ledger.rules.recovery import recovery as rules
from livedash_pipeline.ledger.rules.recovery.evidence import Tag
from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch
from livedash_pipeline.ledger.steps.admission.pauses import paused_until
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.recovery.listings import read_listing
from livedash_pipeline.ledger.store.recovery import recovery
from livedash_pipeline.ledger.store.recovery.recovery import TakenOver
from livedash_pipeline.logs import get_logger
from livedash_pipeline.services.errors import ServiceError

log = get_logger(__name__)

LOOKS_AFTER_CREATE = (0.0, 2.0, 4.0, 8.0)
"""Seconds before each look that follows a create without a known outcome; after these, polls look."""

_LOOK_TIMEOUT = 10.0
# The service's clock and ours differ, and `created_at` has whole seconds.
CLOCK_SLACK = timedelta(minutes=10)


def adopt_found(
    context: BatchContext, unknown: Iterable[TakenOver], listed: Sequence[RemoteBatch], *, timeout: float | None = None
) -> int:
    """Adopts the listed batches of creates without a known outcome; returns how many rows have their batch now.

    Raises:
        ServiceError: A batch could not be looked up; it is left to the next look.
    """
    return sum(_adopt_best(context, taken, listed, timeout) for taken in unknown)


def adopt_after_create(context: BatchContext, taken: TakenOver) -> bool:
    """Looks at once and a few times more for a batch whose create was not answered; True once it is adopted."""
    since = taken.input_file_created_at or taken.created_at - CLOCK_SLACK
    for pause in LOOKS_AFTER_CREATE:
        context.sleep(pause)
        if paused_until(context) is not None:
            return False
        try:
            listing = read_listing(context, since, timeout=_LOOK_TIMEOUT)
            if adopt_found(context, [taken], listing.batches, timeout=_LOOK_TIMEOUT):
                return True
        except ServiceError as error:
            log.warning("look after create failed", batch_id=str(taken.claim.batch_id), kind=error.failure.kind.value)
    return False


def _adopt_best(context: BatchContext, taken: TakenOver, listed: Sequence[RemoteBatch], timeout: float | None) -> bool:
    for remote in rules.choose_ours(listed, taken.tag):
        itself = _look_up(context, remote, timeout)
        if _contradicts(itself, taken.tag):
            log.warning("listed batch is another one", batch_id=str(taken.claim.batch_id), remote_batch_id=remote.id)
            continue
        if _adopt(context, taken, remote, itself):
            return True
    return False


def _look_up(context: BatchContext, remote: RemoteBatch, timeout: float | None) -> RemoteBatch:
    """The batch by its id; the listed one where the service lists an id that it does not know."""
    try:
        return context.gateway.retrieve_batch(remote.id, timeout=timeout)
    except ServiceError as error:
        if error.failure.kind is FailureKind.NOT_FOUND:
            return remote
        raise


def _contradicts(itself: RemoteBatch, tag: Tag) -> bool:
    return tag.nonce is not None and itself.our_nonce not in (None, tag.nonce)


def _adopt(context: BatchContext, taken: TakenOver, listed: RemoteBatch, itself: RemoteBatch) -> bool:
    claim = taken.claim
    with context.engine.begin() as connection:
        adopted = recovery.adopt(
            connection,
            claim,
            remote_batch_id=itself.id,
            tag=taken.tag,
            remote_status=itself.status_word,
            key_fingerprint=context.key_fingerprint,
            now=context.now(connection),
            listed_batch_id=None if listed.id == itself.id else listed.id,
        )
    if adopted:
        log.warning("batch adopted", batch_id=str(claim.batch_id), company=claim.company, remote_batch_id=itself.id)
    return adopted
