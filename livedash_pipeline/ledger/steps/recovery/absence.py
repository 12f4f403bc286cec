"""Accepts a person's word that a create made nothing, where the service proves it neither way.

Buys nothing: recovery goes on from the word as from a proof, and still deletes the input file and waits first.
"""

from __future__ import annotations

from datetime import timedelta

from livedash_pipeline.base.rules.ids import read_id
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.recovery.recovery_view import recovery_clock
from livedash_pipeline.ledger.store.recovery import recovery
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)


def accept_absence(context: BatchContext, name: str) -> None:
    """Writes down that an operator believes a batch not to exist.

    Raises:
        UsageError: The outcome of the batch's create is known, or the service may still show the batch.
    """
    clock = recovery_clock(context)
    patience: timedelta = clock.deadline + clock.lag
    batch_id = read_id(name)
    believed = False
    if batch_id is not None:
        with context.engine.begin() as connection:
            now = context.now(connection)
            believed = recovery.believe_absence(connection, batch_id, begun_before=now - patience, now=now)
    if not believed:
        raise UsageError(
            f"Batch {name!r} does not wait for the outcome of its create, or has not waited {patience.total_seconds():.0f} s.",
            remedy="`livedash batches` shows the batches and what they wait for; name one by our id.",
        )
    log.warning("absence believed by a person", batch_id=str(batch_id))
