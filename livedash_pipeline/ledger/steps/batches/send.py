"""Sends one claimed batch: upload, create, and what follows from the service's answer.

The commits around the call keep a crash from buying twice; do not reorder them (docs/architecture.md gives the reason of each
place). `ledger.steps.batches.submit` decides what is sent; `ledger.steps.recovery.recover` takes over a batch whose sender is
gone.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.ledger.rules.admission import admission
from livedash_pipeline.ledger.rules.service.listing import Listing
from livedash_pipeline.ledger.rules.service.remote import METADATA_BATCH_ID, METADATA_NONCE, RemoteBatch
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.recovery.adopt import adopt_after_create, adopt_found
from livedash_pipeline.ledger.steps.recovery.find_surplus import find_surplus
from livedash_pipeline.ledger.steps.recovery.surplus import follow_surplus
from livedash_pipeline.ledger.store.admission import holds
from livedash_pipeline.ledger.store.batches import claims
from livedash_pipeline.ledger.store.batches.claims import Claim
from livedash_pipeline.ledger.store.batches.leases import Heartbeat
from livedash_pipeline.ledger.store.recovery import recovery, surplus, traits
from livedash_pipeline.ledger.store.recovery.recovery import TakenOver
from livedash_pipeline.ledger.store.results import settlement
from livedash_pipeline.ledger.store.results.settlement import Allowances
from livedash_pipeline.logs import get_logger
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.settings import CREATE_LEASE_MARGIN

log = get_logger(__name__)


@dataclass(frozen=True)
class SubmittedBatch:
    """One batch that went out; `remote_batch_id` is None where the answer to create is not known yet."""

    batch_id: UUID
    company: str
    model: str
    requests: int
    token_estimate: int
    reserved_eur: Decimal | None
    remote_batch_id: str | None


class InputChangedError(LivedashError):
    """The input that a request's hash names can no longer be rebuilt."""

    code = "input_changed"
    request_ids: tuple[UUID, ...] = ()


def send(context: BatchContext, claim: Claim, *, input_file_id: str | None = None) -> SubmittedBatch | None:
    """Does steps 2 to 4 for one claimed batch; None where create did not begin.

    Args:
        context: Database, endpoint and settings.
        claim: The batch, held by this caller.
        input_file_id: An input file that the service has already; None: builds and uploads one.

    Raises:
        ServiceError: The service refused; the batch is settled.
        InputChangedError: The inputs that the requests' hashes name can no longer be rebuilt; the batch is settled.
    """
    spool = context.spool_dir / claim.filename
    try:
        file_id = input_file_id or _upload(context, claim, spool)
    except (ServiceError, InputChangedError) as error:
        # Uploading buys nothing, so the requests can be released at once after any error.
        _refuse(context, claim, error)
        raise
    finally:
        spool.unlink(missing_ok=True)
    nonce = context.new_nonce()
    if file_id is None or not _begin_create(context, claim, nonce):
        # Create has not begun, so we may end the batch unless another process has taken it over.
        ended = cancel_unbought(context, claim) or release(
            context,
            claim,
            error_code="not_submitted",
            error_message="The batch's lease ran out before it was submitted.",
        )
        log_claim("batch ended before create" if ended else "batch left to its new owner", claim)
        return None
    return _submitted(claim, _create(context, claim, file_id, nonce))


def _upload(context: BatchContext, claim: Claim, spool: Path) -> str | None:
    """Step 2: builds the file from the database and uploads it; None where the lease was lost meanwhile."""
    with Heartbeat(context.engine, claim, lease=context.settings.livedash_lease, now=context.now) as heartbeat:
        lines = write_input_file(context, claim.batch_id, spool)
        with context.engine.begin() as connection:
            if not claims.mark_uploading(connection, claim, now=context.now(connection)):
                return None
        if lines != claim.requests:
            raise AssertionError(f"batch {claim.batch_id} holds {claim.requests} requests and {lines} lines")
        uploaded = context.gateway.upload_input(spool, claim.filename)
        log_claim("input uploaded", claim, file_id=uploaded.id)
        with context.engine.begin() as connection:
            if not claims.record_upload(connection, claim, input_file_id=uploaded.id, created_at=uploaded.created_at):
                return None
        return uploaded.id if heartbeat.alive else None


def write_input_file(context: BatchContext, batch_id: UUID, path: Path) -> int:
    """Streams the lines of a batch to disk and returns how many.

    Raises:
        LivedashError: A transcript is not the one that was claimed any more.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    # The lines are closed at once where writing fails: they hold a connection of their own.
    with path.open("wb") as target, closing(_lines(context, batch_id)) as lines:
        for line in lines:
            target.write(line + b"\n")
            count += 1
    return count


def _lines(context: BatchContext, batch_id: UUID) -> Generator[bytes]:
    with context.engine.connect() as connection:
        kind, model, parameters = claims.batch_question(connection, batch_id)
    changed: list[UUID] = []
    with closing(context.kinds[kind].lines(context.engine, batch_id, model, parameters)) as lines:
        for request_id, line in lines:
            if line is None:
                changed.append(request_id)
            else:
                yield line
    if changed:
        # The error names all of them, so that requests that can never be asked are given up at once, not one per submit.
        error = InputChangedError(
            f"{len(changed)} requests of batch {batch_id} name messages or a prompt that are not the present ones, the "
            f"first {changed[0]}.",
            remedy="Nothing to do: what has a present input is asked again with it, the rest has failed.",
        )
        error.request_ids = tuple(changed)
        raise error


def _begin_create(context: BatchContext, claim: Claim, nonce: str) -> bool:
    """Step 3, directly before the call: the commit that starts it checks the fence and a cancel request, and names the create."""
    lease = context.settings.livedash_create_deadline + CREATE_LEASE_MARGIN
    with context.engine.begin() as connection:
        known = traits.read_traits(connection, context.endpoint, context.key_fingerprint)
        return claims.start_create(
            connection,
            claim,
            key_fingerprint=context.key_fingerprint,
            nonce=nonce,
            guard=known.guard,
            lease=lease,
            now=context.now(connection),
        )


def _create(context: BatchContext, claim: Claim, file_id: str, nonce: str) -> str | None:
    """Makes the call that buys, once; if its outcome is unknown, looks for the batch at once and leaves the row to recovery."""
    try:
        remote = context.gateway.create_batch(
            file_id,
            metadata={
                METADATA_BATCH_ID: str(claim.batch_id),
                "livedash_company": claim.company,
                METADATA_NONCE: nonce,
            },
            deadline=float(context.settings.livedash_create_deadline),
        )
    except ServiceError as error:
        if error.failure.definite_refusal:
            _refuse(context, claim, error)
            raise
        return _look_for(context, claim, kind=error.failure.kind.value)
    if remote.our_nonce not in (None, nonce):
        # Something between us and the service repeated the answer to another create.
        return _look_for(context, claim, kind="answer_of_another_create")
    with context.engine.begin() as connection:
        recorded = claims.record_created(
            connection, claim, remote_batch_id=remote.id, remote_status=remote.status_word, now=context.now(connection)
        )
    log_claim("batch created" if recorded else "batch created for a lost claim", claim, remote_batch_id=remote.id)
    return remote.id if recorded or _keep_for_the_row(context, claim, remote) else None


def _keep_for_the_row(context: BatchContext, claim: Claim, remote: RemoteBatch) -> bool:
    """Writes a batch to its row, true, or into the ledger as surplus, if the row has gone on to another create meanwhile.

    A listing may never show it, and nobody else knows its id. Where the row has a batch of this very create, it may
    be that one under another id: listings tell.
    """
    try:
        if adopt_found(context, _unknown(context, claim), [remote]):
            return True
        with context.engine.connect() as connection:
            row = surplus.named_rows(connection, [claim.batch_id]).get(claim.batch_id)
        if row is not None and (row.remote_batch_id is None or not row.tag.is_on(remote)):
            find_surplus(context, Listing([remote]))
            follow_surplus(context, [remote])
    except ServiceError as error:
        # Listings show it to the next look, or a person reads its id in the log.
        log.warning("lost batch not looked up", remote_batch_id=remote.id, kind=error.failure.kind.value)
    return False


def _look_for(context: BatchContext, claim: Claim, *, kind: str) -> str | None:
    """The id of a batch whose create has no known outcome, if the service shows it within some seconds."""
    log.warning("create has no known outcome", batch_id=str(claim.batch_id), company=claim.company, kind=kind)
    unknown = _unknown(context, claim)
    if not unknown or not adopt_after_create(context, unknown[0]):
        return None
    with context.engine.connect() as connection:
        return claims.remote_id(connection, claim.batch_id)


def _unknown(context: BatchContext, claim: Claim) -> list[TakenOver]:
    """The batch as whoever holds it by now has it, where its create has no known outcome."""
    with context.engine.connect() as connection:
        begun = context.now(connection) + timedelta(seconds=1)
        return recovery.unknown_creates(connection, context.endpoint, begun_before=begun, batch_id=claim.batch_id)


def release(context: BatchContext, claim: Claim, *, error_code: str, error_message: str) -> bool:
    """Ends a batch that the service does not have, and releases its requests; False where another process holds it by now."""
    return in_transaction(
        context.engine, lambda connection: _release(context, connection, claim, error_code, error_message)
    )


def _release(context: BatchContext, connection: Connection, claim: Claim, error_code: str, error_message: str) -> bool:
    now = context.now(connection)
    ours = claims.fail_unsubmitted(connection, claim, error_code=error_code, error_message=error_message[:500], now=now)
    if ours:
        _settle_unbought(context, connection, claim.batch_id, error_code, now=now)
    return ours


def cancel_unbought(context: BatchContext, claim: Claim) -> bool:
    """Ends a batch with a cancel request whose create has not begun; False where that is not so."""

    def work(connection: Connection) -> bool:
        now = context.now(connection)
        ours = recovery.cancel_unbought(connection, claim, now=now)
        if ours:
            _settle_unbought(context, connection, claim.batch_id, "cancelled", now=now)
        return ours

    return in_transaction(context.engine, work)


def _refuse(context: BatchContext, claim: Claim, error: LivedashError) -> None:
    """Step 4 after a refusal: nothing exists at the service, so it fails the batch, releases its requests and places a hold."""

    def work(connection: Connection) -> None:
        ours = _release(context, connection, claim, error.code, error.message)
        if ours and isinstance(error, InputChangedError):
            _give_up_lost_inputs(context, connection, claim, error)
        if ours and isinstance(error, ServiceError) and error.failure.definite_refusal:
            holds.place_hold(
                connection,
                endpoint=context.endpoint,
                model=claim.model,
                rule=admission.hold_rule(error.failure.kind),
                reason=error.code,
                message=error.message[:500],
                key_fingerprint=context.key_fingerprint,
                now=context.now(connection),
            )

    in_transaction(context.engine, work)
    log_claim("batch refused", claim, reason=error.code)


def _give_up_lost_inputs(context: BatchContext, connection: Connection, claim: Claim, error: InputChangedError) -> None:
    """Fails released requests that would be claimed unchanged and released again for ever."""
    now = context.now(connection)
    kind = context.kinds[claim.processing_type]
    kind.give_up_lost_inputs(connection, claim.company_id, error.request_ids, now=now)


def _settle_unbought(
    context: BatchContext, connection: Connection, batch_id: UUID, error_code: str, *, now: datetime
) -> int:
    """Releases all requests of a batch for which nothing was bought, without using up an allowance."""
    locked = settlement.lock_batch(connection, batch_id, context.kinds)
    if locked is None:
        return 0
    settlement.open_scratch(connection)
    released = settlement.add_unanswered(
        connection, batch_id, Outcome.NOT_RUN, error_code=error_code, error_message=None, counted_release=False
    )
    settlement.settle(connection, locked, allowances=allowances(context), now=now)
    return released


def allowances(context: BatchContext) -> Allowances:
    """Returns how often requests are tried and released, by the settings."""
    return Allowances(context.settings.livedash_max_attempts, context.settings.livedash_max_releases)


def _submitted(claim: Claim, remote_batch_id: str | None) -> SubmittedBatch:
    return SubmittedBatch(
        claim.batch_id,
        claim.company,
        claim.model,
        claim.requests,
        claim.token_estimate,
        claim.reserved_eur,
        remote_batch_id,
    )


def log_claim(event: str, claim: Claim, **values: object) -> None:
    """Logs one line about a batch, with the ids that every line about it carries."""
    log.info(event, batch_id=str(claim.batch_id), company=claim.company, model=claim.model, **values)
