"""Asks the service how open batches stand: by listing, and one by one only for those that the listing does not show.

Recovery looks, adopts and fences here as well. Nothing here takes results in (`flow.ingest`) or buys anything, and a look-up that
fails leaves its batch as it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from livedash_pipeline.core.failures import FailureKind
from livedash_pipeline.core.remote import RemoteBatch
from livedash_pipeline.db import polling
from livedash_pipeline.db.connect import in_transaction
from livedash_pipeline.db.polling import BatchChange, OpenBatch
from livedash_pipeline.flow.cancel import carry_out_cancels
from livedash_pipeline.flow.context import BatchContext
from livedash_pipeline.flow.pacing import describe_pause, paused_until, unpaused
from livedash_pipeline.flow.recover import RecoveryReport, recover_batches
from livedash_pipeline.flow.surplus import find_surplus, follow_surplus
from livedash_pipeline.logs import get_logger
from livedash_pipeline.openai_batch.errors import BatchApiError

log = get_logger(__name__)

CALL_TIMEOUT = 10.0
BUDGET = 40.0
# The rest is left for batches that a long listing does not reach, or does not show.
_LISTING_SHARE = 0.5
# Recovery and cancels come first; a service that answers slowly must not keep a poll from looking at all.
_RECOVERY_SHARE = 0.25
_CANCEL_SHARE = 0.4
# The service's clock and ours differ, and `created_at` has whole seconds.
_CLOCK_SLACK = timedelta(minutes=10)


@dataclass(frozen=True)
class PollReport:
    """What a poll saw.

    Attributes:
        open: Batches that have not ended, rows without an id of the service included.
        finished: Batches that have ended and are not taken in yet.
        changes: What changed, seen by this poll alone.
        looked_up: Batches asked for one by one.
        failed: Look-ups that failed; their batches stay as they were.
        recovered: Batches without an owner whose outcome is known now.
        surplus: Remote batches that no row names, found now and cancelled.
        paused_until: Nothing was asked, since the service wants fewer calls until then.
    """

    open: int
    finished: int
    changes: tuple[BatchChange, ...] = ()
    looked_up: int = 0
    failed: int = 0
    recovered: int = 0
    surplus: int = 0
    paused_until: datetime | None = None


def poll_batches(
    context: BatchContext,
    *,
    budget: float = BUDGET,
    call_timeout: float = CALL_TIMEOUT,
    rotation: int = 0,
    monotonic: Callable[[], float] = time.monotonic,
) -> PollReport:
    """One poll of all open batches of the endpoint.

    Args:
        context: Database and endpoint.
        budget: Seconds after half of which no further page is listed, and after which no further batch is looked up one by
            one; the next poll goes on elsewhere. Recovery and cancels end earlier.
        call_timeout: Seconds for each call.
        rotation: Where among the batches to look up one by one to begin, so that none is always last.
        monotonic: The clock of the budget.

    Raises:
        BatchApiError: Nothing could be asked at all.
    """
    start = monotonic()

    def before(share: float) -> Callable[[], bool]:
        return lambda: monotonic() < start + budget * share

    def going_on(share: float) -> Callable[[], bool]:
        return unpaused(context, before(share))

    until = paused_until(context)
    if until is not None:
        return _put_off(context, until)
    recovered, recovery_error = _recovered(context, call_timeout, going_on(_RECOVERY_SHARE))
    refused = carry_out_cancels(context, timeout=call_timeout, time_left=going_on(_CANCEL_SHARE))
    with context.engine.connect() as connection:
        waiting = polling.open_batches(connection, context.endpoint)
        began = context.now(connection)
    seen, listed, listing_error = _listed(context, waiting, call_timeout, before(_LISTING_SHARE))
    missing = [batch for batch in waiting if batch.openai_batch_id not in seen]
    found, unknown, failures = _looked_up(context, _in_order(missing, rotation), call_timeout, going_on(1))
    remotes = [*seen.values(), *found]
    if waiting and not remotes and not unknown and (listing_error or failures):
        raise listing_error or failures[0]

    def write(connection: Connection) -> tuple[list[BatchChange], int, int]:
        now = context.now(connection)
        changes = polling.apply_observations(connection, remotes, endpoint=context.endpoint, now=now) if remotes else []
        looked_at = {remote.id for remote in remotes} | {batch.openai_batch_id for batch in unknown}
        hinted = [batch.id for batch in waiting if batch.hinted and batch.openai_batch_id in looked_at]
        if hinted:
            polling.clear_hints(connection, hinted, before=began)
        if unknown:
            polling.note_not_found(connection, [batch.id for batch in unknown], now=now)
        return (
            changes,
            polling.count_unended(connection, context.endpoint),
            len(polling.finished_batches(connection, context.endpoint)),
        )

    changes, still_open, finished = in_transaction(context.engine, write)
    for change in changes:
        log.info(
            "batch changed",
            batch_id=str(change.id),
            company=change.company,
            before=change.status_before.value,
            after=change.status.value,
            openai_status=change.openai_status,
        )
    surplus = find_surplus(context, listed).found
    follow_surplus(context, listed, timeout=call_timeout, time_left=going_on(1))
    return PollReport(
        still_open,
        finished,
        tuple(changes),
        looked_up=len(found) + len(unknown),
        failed=len(failures) + refused + (listing_error is not None) + (recovery_error is not None),
        recovered=recovered.recovered,
        surplus=surplus + recovered.surplus,
    )


def _put_off(context: BatchContext, until: datetime) -> PollReport:
    """Nothing is asked while the endpoint is paused; batches stay as they are."""
    log.warning("poll put off", reason=describe_pause(context.endpoint, until))
    with context.engine.connect() as connection:
        still_open = polling.count_unended(connection, context.endpoint)
        finished = len(polling.finished_batches(connection, context.endpoint))
    return PollReport(still_open, finished, paused_until=until)


def _recovered(
    context: BatchContext, call_timeout: float, time_left: Callable[[], bool]
) -> tuple[RecoveryReport, BatchApiError | None]:
    """Looks, adopts and fences, whatever the switches say; a poll buys nothing, and a failure does not end it."""
    try:
        return recover_batches(context, timeout=call_timeout, time_left=time_left), None
    except BatchApiError as error:
        log.warning("recovery put off", kind=error.failure.kind.value)
        return RecoveryReport(), error


def _listed(
    context: BatchContext, waiting: Sequence[OpenBatch], call_timeout: float, time_left: Callable[[], bool]
) -> tuple[dict[str, RemoteBatch], list[RemoteBatch], BatchApiError | None]:
    """Our open batches in the listing, and all that was listed; it is read no further back than the oldest of ours."""
    if not waiting:
        return {}, [], None
    wanted = {batch.openai_batch_id for batch in waiting}
    oldest = waiting[0].created_at - _CLOCK_SLACK
    seen: dict[str, RemoteBatch] = {}
    listed: list[RemoteBatch] = []

    def enough(remote: RemoteBatch) -> bool:
        past = remote.created_at is not None and remote.created_at < oldest
        return past or len(seen) == len(wanted) or not time_left()

    try:
        for remote in context.gateway.list_batches(until=enough, timeout=call_timeout):
            listed.append(remote)
            if remote.id in wanted:
                seen[remote.id] = remote
    except BatchApiError as error:
        log.warning("listing failed", kind=error.failure.kind.value, seen=len(seen))
        return seen, listed, error
    return seen, listed, None


def _looked_up(
    context: BatchContext, missing: Sequence[OpenBatch], call_timeout: float, time_left: Callable[[], bool]
) -> tuple[list[RemoteBatch], list[OpenBatch], list[BatchApiError]]:
    """Batches asked for one by one: found, unknown to the service, and failures."""
    found: list[RemoteBatch] = []
    unknown: list[OpenBatch] = []
    failures: list[BatchApiError] = []
    for batch in missing:
        if not time_left():
            log.info("poll ended early", left=len(missing) - len(found) - len(unknown) - len(failures))
            break
        try:
            found.append(context.gateway.retrieve_batch(batch.openai_batch_id, timeout=call_timeout))
        except BatchApiError as error:
            if error.failure.kind is FailureKind.NOT_FOUND:
                unknown.append(batch)
            else:
                failures.append(error)
    return found, unknown, failures


def _in_order(batches: Sequence[OpenBatch], rotation: int) -> list[OpenBatch]:
    """Those first of which the service said that there is news, the rest beginning elsewhere each time."""
    start = rotation % len(batches) if batches else 0
    return sorted([*batches[start:], *batches[:start]], key=lambda batch: not batch.hinted)
