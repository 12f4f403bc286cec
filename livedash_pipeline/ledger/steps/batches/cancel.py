"""Cancels batches: the cancel request is committed first, every poll repeats it to the service, and the batch then settles.

Requests that were finished before the cancel took effect are kept and paid for; the caller chooses what the others become.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.ledger.steps.admission.pauses import unpaused
from livedash_pipeline.ledger.steps.batches import send
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.store.batches import cancels
from livedash_pipeline.ledger.store.results.finished import batch_id_of
from livedash_pipeline.ledger.store.results.observations import apply_observations
from livedash_pipeline.logs import get_logger
from livedash_pipeline.services.errors import ServiceError

log = get_logger(__name__)

Unfinished = Literal["pending", "failed"]


@dataclass(frozen=True)
class CancelReport:
    """Counts of a cancel; the three sum to the distinct batches named."""

    requested: int
    already_ended: int
    not_found: int


def cancel_batches(
    context: BatchContext,
    names: Iterable[str],
    *,
    unfinished: Unfinished = "pending",
    timeout: float | None = None,
    time_left: Callable[[], bool] = lambda: True,
) -> CancelReport:
    """Asks for batches to be cancelled, by our id or by the service's.

    Args:
        context: Database and endpoint.
        names: Ids of batches.
        unfinished: What requests become that the service did not finish: `pending` again, or `failed`.
        timeout: Seconds for each call.
        time_left: Whether to go on with cancel requests that the service has not taken; the next poll does the rest.
    """

    def wish(connection: Connection) -> tuple[list[UUID], int, int]:
        ids = [batch_id_of(connection, name) for name in dict.fromkeys(names)]
        known = list(dict.fromkeys(batch_id for batch_id in ids if batch_id is not None))
        wished = cancels.request_cancel(connection, known, unfinished=unfinished, now=context.now(connection))
        return wished, len(known) - len(wished), ids.count(None)

    wished, ended, unknown = in_transaction(context.engine, wish)
    for batch_id in wished:
        log.info("cancel requested", batch_id=str(batch_id), unfinished=unfinished)
    carry_out_cancels(context, timeout=timeout, time_left=unpaused(context, time_left))
    return CancelReport(len(wished), ended, unknown)


def carry_out_cancels(
    context: BatchContext, *, timeout: float | None = None, time_left: Callable[[], bool] = lambda: True
) -> int:
    """Repeats every cancel request to the service, and settles batches that were never bought; returns how many calls failed.

    Those that the service has not taken yet come first; when the time is up, the rest waits for the next poll. A batch that
    ended meanwhile counts as ended: the answer is an observation like a poll's.
    """
    with context.engine.connect() as connection:
        unbought = cancels.unbought_to_cancel(connection, context.endpoint)
        living = cancels.living_to_cancel(connection, context.endpoint)
    for claim in unbought:
        send.cancel_unbought(context, claim)
    failed = 0
    for remote_batch_id in living:
        if not time_left():
            break
        try:
            remote = context.gateway.cancel_batch(remote_batch_id, timeout=timeout)
        except ServiceError as error:
            log.warning("cancel not taken", remote_batch_id=remote_batch_id, kind=error.failure.kind.value)
            failed += 1
            continue
        with context.engine.begin() as connection:
            apply_observations(
                connection,
                [replace(remote, id=remote_batch_id)],
                endpoint=context.endpoint,
                now=context.now(connection),
            )
    return failed


def cancel_document(report: CancelReport) -> Document:
    """The counts of a cancel as a document."""
    return {
        "ok": True,
        "cancelRequestedCount": report.requested,
        "alreadyEndedCount": report.already_ended,
        "notFoundCount": report.not_found,
    }
