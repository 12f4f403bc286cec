"""Asks the service for the state of open batches: by listing, and one by one only for those that the listing does not show.

Recovery looks, adopts and fences here as well. A poll ingests nothing (`ledger.steps.results.ingest` does) and buys nothing, and
a failed look-up leaves its batch as it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import Connection

from livedash_pipeline.base.rules.values import Document, moment
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.ledger.rules.recovery import looking as rules
from livedash_pipeline.ledger.rules.service.listing import Listing
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch
from livedash_pipeline.ledger.steps.admission.pauses import describe_pause, paused_until, unpaused
from livedash_pipeline.ledger.steps.batches.cancel import carry_out_cancels
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.recovery.adopt import CLOCK_SLACK, adopt_found
from livedash_pipeline.ledger.steps.recovery.find_surplus import find_surplus
from livedash_pipeline.ledger.steps.recovery.listings import read_listing
from livedash_pipeline.ledger.steps.recovery.lookups import look_up
from livedash_pipeline.ledger.steps.recovery.probe import known_traits
from livedash_pipeline.ledger.steps.recovery.recover import RecoveryReport, recover_batches
from livedash_pipeline.ledger.steps.recovery.surplus import follow_surplus
from livedash_pipeline.ledger.store.recovery import recovery, traits
from livedash_pipeline.ledger.store.recovery.recovery import TakenOver
from livedash_pipeline.ledger.store.results import observations
from livedash_pipeline.ledger.store.results.observations import BatchChange, OpenBatch
from livedash_pipeline.logs import get_logger
from livedash_pipeline.services.errors import ServiceError

log = get_logger(__name__)

CALL_TIMEOUT = 10.0
BUDGET = 40.0
# The rest of the budget is for batches that a long listing does not reach, or does not show.
_LISTING_SHARE = 0.5
_EPOCH = datetime.fromtimestamp(0, UTC)
# Recovery and cancels come first, but a slow service must leave time for the listing.
_RECOVERY_SHARE = 0.25
_CANCEL_SHARE = 0.4


@dataclass(frozen=True)
class PollReport:
    """The report of a poll.

    Attributes:
        open: Batches that have not ended, rows without an id of the service included.
        finished: Batches that have ended and are not ingested yet.
        changes: Changes that this poll, and no other, wrote.
        looked_up: Batches looked up one by one.
        failed: Look-ups that failed; their batches stay as they were.
        recovered: Batches without an owner whose outcome is known now.
        adopted: Of these, batches that the listing of this poll showed.
        surplus: Remote batches that no row names; they were cancelled.
        paused_until: Nothing was asked, since the service wants fewer calls until then.
    """

    open: int
    finished: int
    changes: tuple[BatchChange, ...] = ()
    looked_up: int = 0
    failed: int = 0
    recovered: int = 0
    adopted: int = 0
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
    """Polls all open batches of the endpoint once.

    Args:
        context: Database and endpoint.
        budget: Seconds after half of which no further page is listed, and after which no further batch is looked up one by
            one; the next poll goes on elsewhere. Recovery and cancels end earlier.
        call_timeout: Seconds for each call.
        rotation: Where among the batches to look up one by one to begin, so that none is always last.
        monotonic: The clock of the budget.

    Raises:
        ServiceError: Nothing could be asked at all.
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
        began = context.now(connection)
        waiting = observations.open_batches(connection, context.endpoint)
        unknown_creates = recovery.unknown_creates(connection, context.endpoint, begun_before=began)
    view = _listed(context, waiting, unknown_creates, call_timeout, before(_LISTING_SHARE))
    adopted, adoption_error = _adopted(context, unknown_creates, view, call_timeout)
    asked = _to_ask(context, waiting, view, began, rotation)
    found, unknown, failures = _looked_up(context, asked, call_timeout, going_on(1))
    singly = {remote.id for remote in found}
    # A batch that the service shows only in its listing cannot be looked up.
    nowhere = {batch.remote_batch_id for batch in unknown} if view.listing.flaw is None else set()
    listed = [
        remote
        for name, remote in view.ours.items()
        if name not in singly and (name in nowhere or not rules.is_doubtful(remote))
    ]
    remotes = [*listed, *found]
    if waiting and not remotes and not unknown and (view.error or failures):
        raise view.error or failures[0]
    _note_lag(context, waiting, view, found, call_timeout)

    def write(connection: Connection) -> tuple[list[BatchChange], int, int]:
        now = context.now(connection)
        changes = (
            observations.apply_observations(connection, remotes, endpoint=context.endpoint, now=now) if remotes else []
        )
        looked_at = {remote.id for remote in remotes} | {batch.remote_batch_id for batch in unknown}
        observations.note_retrieved(connection, [remote.id for remote in found], now=now)
        hinted = [batch.id for batch in waiting if batch.hinted and batch.remote_batch_id in looked_at]
        if hinted:
            observations.clear_hints(connection, hinted, before=began)
        if unknown:
            observations.note_not_found(connection, [batch.id for batch in unknown], now=now)
        return (
            changes,
            observations.count_unended(connection, context.endpoint),
            len(observations.finished_batches(connection, context.endpoint)),
        )

    changes, still_open, finished = in_transaction(context.engine, write)
    for change in changes:
        log.info(
            "batch changed",
            batch_id=str(change.id),
            company=change.company,
            before=change.status_before.value,
            after=change.status.value,
            remote_status=change.remote_status,
        )
    surplus = find_surplus(context, view.listing, timeout=call_timeout, time_left=going_on(1)).found
    follow_surplus(context, view.listing.batches, timeout=call_timeout, time_left=going_on(1))
    return PollReport(
        still_open,
        finished,
        tuple(changes),
        looked_up=len(found) + len(unknown),
        failed=len(failures)
        + len(recovered.failures)
        + refused
        + _count(view.error or view.listing.flaw, recovery_error, adoption_error),
        recovered=recovered.recovered + adopted,
        adopted=adopted,
        surplus=surplus + recovered.surplus,
    )


def _count(*failures: object) -> int:
    return sum(failure is not None for failure in failures)


def _put_off(context: BatchContext, until: datetime) -> PollReport:
    """The report of a poll that asks nothing, since the endpoint is paused."""
    log.warning("poll put off", reason=describe_pause(context.endpoint, until))
    with context.engine.connect() as connection:
        still_open = observations.count_unended(connection, context.endpoint)
        finished = len(observations.finished_batches(connection, context.endpoint))
    return PollReport(still_open, finished, paused_until=until)


def _recovered(
    context: BatchContext, call_timeout: float, time_left: Callable[[], bool]
) -> tuple[RecoveryReport, ServiceError | None]:
    """Lets recovery look, adopt and fence, whatever the switches say; it buys nothing, and its failure does not end the poll."""
    try:
        return recover_batches(context, timeout=call_timeout, time_left=time_left), None
    except ServiceError as error:
        log.warning("recovery put off", kind=error.failure.kind.value)
        return RecoveryReport(), error


@dataclass(frozen=True)
class _View:
    """The listing: all batches, our open ones by the id that their rows track, and the failure that ended it."""

    listing: Listing = field(default_factory=lambda: Listing(()))
    ours: dict[str, RemoteBatch] = field(default_factory=dict)
    error: ServiceError | None = None


def _listed(
    context: BatchContext,
    waiting: Sequence[OpenBatch],
    unknown: Sequence[TakenOver],
    call_timeout: float,
    time_left: Callable[[], bool],
) -> _View:
    """Reads the listing no further back than the oldest of our open batches and unknown creates."""
    if not waiting and not unknown:
        return _View()
    names = {batch.remote_batch_id: batch.remote_batch_id for batch in waiting}
    names |= {batch.listed_batch_id: batch.remote_batch_id for batch in waiting if batch.listed_batch_id is not None}
    oldest = min([batch.created_at for batch in waiting] + [taken.created_at for taken in unknown]) - CLOCK_SLACK
    seen: dict[str, RemoteBatch] = {}
    listed: list[RemoteBatch] = []

    def enough(remote: RemoteBatch) -> bool:
        listed.append(remote)
        name = names.get(remote.id)
        if name is not None:
            seen[name] = replace(remote, id=name)
        return (len(seen) == len(waiting) and not unknown) or not time_left()

    try:
        listing = read_listing(context, oldest, timeout=call_timeout, enough=enough)
    except ServiceError as error:
        log.warning("listing failed", kind=error.failure.kind.value, seen=len(seen))
        return _View(Listing(listed, "ended early"), seen, error)
    if listing.flaw is not None:
        log.warning("listing contradicts itself", reason=listing.flaw, seen=len(seen))
    return _View(listing, seen)


def _adopted(
    context: BatchContext, unknown: Sequence[TakenOver], view: _View, call_timeout: float
) -> tuple[int, ServiceError | None]:
    """Adopts the listed batches of creates without a known outcome, whatever their lease."""
    try:
        return adopt_found(context, unknown, view.listing.batches, timeout=call_timeout), None
    except ServiceError as error:
        log.warning("adoption put off", kind=error.failure.kind.value)
        return 0, error


def _to_ask(
    context: BatchContext, waiting: Sequence[OpenBatch], view: _View, now: datetime, rotation: int
) -> list[OpenBatch]:
    """The batches to look up one by one: not listed, hinted at, or listed in a state that may be out of date."""
    asked = rules.to_ask(
        waiting, view.ours, now=now, listing_lags=known_traits(context).listing_lags, rotation=rotation
    )
    named = {batch.id: batch for batch in waiting}
    return [named[batch_id] for batch_id in asked]


def _note_lag(
    context: BatchContext,
    waiting: Sequence[OpenBatch],
    view: _View,
    found: Sequence[RemoteBatch],
    call_timeout: float,
) -> None:
    """Notes that an endpoint's listing keeps showing earlier states than a look-up, and takes the note back when it stops."""
    known = known_traits(context).listing_lags
    behind = [remote for remote in found if remote.id in view.ours and rules.is_behind(view.ours[remote.id], remote)]
    if not behind:
        before = {batch.remote_batch_id: batch.status for batch in waiting}
        keeps_up = any(rules.has_moved(remote, before[name]) for name, remote in view.ours.items())
        if known and keeps_up:
            _set_lag(context, lags=False)
        return
    if known or not _still_behind(context, behind[0], call_timeout):
        return
    log.warning("listing lags behind look-ups", remote_batch_id=behind[0].id, batches=len(behind))
    _set_lag(context, lags=True)


def _still_behind(context: BatchContext, late: RemoteBatch, call_timeout: float) -> bool:
    """Reads the listing once more, since the batch may have moved on between the listing and the look-up."""
    try:
        again = read_listing(
            context, late.created_at or _EPOCH, timeout=call_timeout, enough=lambda remote: remote.id == late.id
        )
    except ServiceError:
        return False
    shown = again.with_id(late.id)
    return shown is not None and rules.is_behind(shown, late)


def _set_lag(context: BatchContext, *, lags: bool) -> None:
    with context.engine.begin() as connection:
        now = context.now(connection)
        traits.note_habit(connection, context.endpoint, context.key_fingerprint, listing_lags=lags, now=now)


def _looked_up(
    context: BatchContext, missing: Sequence[OpenBatch], call_timeout: float, time_left: Callable[[], bool]
) -> tuple[list[RemoteBatch], list[OpenBatch], list[ServiceError]]:
    """The results of single look-ups: batches found, batches unknown to the service, and failures."""
    found: list[RemoteBatch] = []
    unknown: list[OpenBatch] = []
    failures: list[ServiceError] = []
    for batch in missing:
        if not time_left():
            log.info("poll ended early", left=len(missing) - len(found) - len(unknown) - len(failures))
            break
        try:
            remote = look_up(context, batch.remote_batch_id, timeout=call_timeout)
        except ServiceError as error:
            failures.append(error)
            continue
        if remote is None:
            unknown.append(batch)
        else:
            # Some services answer with another id than the requested one.
            found.append(replace(remote, id=batch.remote_batch_id))
    return found, unknown, failures


def poll_document(report: PollReport) -> Document:
    """The document of a poll; during a pause it asked nothing, and the counts are those known before."""
    return {
        "ok": True,
        "open": report.open,
        "changed": len(report.changes),
        "finished": report.finished,
        "pausedUntil": moment(report.paused_until),
    }
