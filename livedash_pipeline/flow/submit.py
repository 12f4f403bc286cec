"""Submits pending requests as batches, in the order of commits that keeps a crash from buying twice.

One batch goes through `claim` (committed), upload (committed), the start of create (committed), the call, and its answer
(committed). Each commit carries the fence of the claim. Do not reorder: every step's place is argued in docs/architecture.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.core import admission
from livedash_pipeline.core.admission import PendingGroup
from livedash_pipeline.core.failures import FailureKind
from livedash_pipeline.core.judgement import month_of
from livedash_pipeline.core.outcomes import Outcome
from livedash_pipeline.core.prompt import prompt_version
from livedash_pipeline.core.request_lines import MAX_FILE_BYTES, MAX_LINES, MAX_REQUEST_TOKENS, build_line
from livedash_pipeline.core.transcripts import transcript_hash
from livedash_pipeline.db import batches, holds, prices, settlement
from livedash_pipeline.db.batches import Claim, ClaimLimits
from livedash_pipeline.db.connect import in_transaction
from livedash_pipeline.db.leases import Heartbeat
from livedash_pipeline.db.properties import require_endpoint_kind
from livedash_pipeline.db.settlement import Allowances
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.flow.context import BatchContext
from livedash_pipeline.logs import get_logger
from livedash_pipeline.openai_batch.errors import BatchApiError
from livedash_pipeline.settings import CREATE_LEASE_MARGIN

log = get_logger(__name__)


@dataclass(frozen=True)
class SubmittedBatch:
    """One batch that went out; `openai_batch_id` is None where the answer to create is not known yet."""

    batch_id: UUID
    company: str
    model: str
    requests: int
    token_estimate: int
    reserved_eur: Decimal
    openai_batch_id: str | None


@dataclass
class SubmitReport:
    """What a submit did and what it left."""

    submitted: list[SubmittedBatch] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    too_long: int = 0
    released: int = 0
    recovered: int = 0
    awaiting_recovery: int = 0
    next_recovery_at: datetime | None = None
    estimated_cost_eur: Decimal | None = Decimal(0)


class _InputChangedError(LivedashError):
    """What a request's hash names cannot be rebuilt any more."""

    code = "input_changed"


def submit_pending(
    context: BatchContext, *, company_id: UUID | None = None, ignore_minimum: bool = False, unhold: bool = False
) -> SubmitReport:
    """Submits what is due, one batch per group in turn, until nothing more fits.

    What concerns one group alone, such as a model that does not exist, keeps no other group waiting and is raised at the end.

    Args:
        context: Database, endpoint and settings.
        company_id: Only this company's requests.
        ignore_minimum: Submit groups smaller than the minimum batch as well.
        unhold: End all holds of the endpoint first.

    Raises:
        BatchApiError: The service refused; what was submitted before stays.
        SettingsError: The endpoint is of another kind than the database's.
    """
    report = SubmitReport()
    report.released = in_transaction(context.engine, lambda connection: _release_abandoned(context, connection))
    waiting, report.held = in_transaction(
        context.engine, lambda connection: _due_groups(context, connection, company_id, ignore_minimum, unhold)
    )
    faults = _submit_in_turn(context, waiting, report)
    with context.engine.begin() as connection:
        report.awaiting_recovery, report.next_recovery_at = batches.awaiting_recovery(connection, context.endpoint)
    reserved = [batch.reserved_eur for batch in report.submitted]
    # A batch that reserves nothing has no known price, and a sum without it would be a lie.
    report.estimated_cost_eur = sum(reserved, Decimal(0)) if all(reserved) else None
    if faults:
        raise faults[0]
    return report


def _submit_in_turn(context: BatchContext, waiting: deque[PendingGroup], report: SubmitReport) -> list[LivedashError]:
    """Goes round the groups until none has anything that fits; returns what was wrong with single groups."""
    models: dict[str, BatchApiError | None] = {}
    faults: list[LivedashError] = []
    begun: set[PendingGroup] = set()
    while waiting:
        group = waiting.popleft()
        if group.model not in models:
            models[group.model] = _check_model(context, group.model)
        if models[group.model] is not None:
            continue
        if group not in begun:
            # Once a group and not once a batch: it reads everything that waits.
            report.too_long += _fail_oversized(context, group)
            begun.add(group)
        try:
            claim = _claim(context, group, report)
            sent = None if claim is None else _send(context, claim)
        except _InputChangedError as fault:
            faults.append(fault)
            continue
        if sent is not None:
            report.submitted.append(sent)
            waiting.append(group)
    return [*filter(None, models.values()), *faults]


def _due_groups(
    context: BatchContext,
    connection: Connection,
    company_id: UUID | None,
    ignore_minimum: bool,
    unhold: bool,
) -> tuple[deque[PendingGroup], list[str]]:
    now, settings = context.now(connection), context.settings
    if unhold:
        holds.lift_holds(connection, context.endpoint)
    in_force = holds.holds_in_force(connection, context.endpoint, key_fingerprint=context.key_fingerprint, now=now)
    held_models = {hold.model for hold in in_force}
    due = deque(
        group
        for group in admission.take_turns(batches.pending_groups(connection, company_id))
        if not held_models & {None, group.model}
        and (
            ignore_minimum
            or admission.is_due(
                group, now=now, min_batch=settings.livedash_min_batch, max_wait=settings.livedash_max_wait
            )
        )
    )
    return due, [_describe_hold(hold) for hold in in_force]


def _describe_hold(hold: holds.Hold) -> str:
    until = f"until {hold.not_before.isoformat()}" if hold.not_before else "until `livedash submit --unhold`"
    return f"{hold.model or 'every model'} is on hold {until} ({hold.reason}): {hold.message}"


def _check_model(context: BatchContext, model: str) -> BatchApiError | None:
    """Step 0, free of charge: a bad key or an unknown model, which is returned, is found before anything is claimed."""
    check = context.gateway.check_model(model)
    if check.failure is not None and not check.route_missing:
        fault = BatchApiError(f"Checking model {model!r}", check.failure, model)
        if check.failure.kind is FailureKind.MODEL_NOT_FOUND:
            return fault
        raise fault
    with context.engine.begin() as connection:
        require_endpoint_kind(connection, stand_in=check.stand_in, now=context.now(connection))
    return None


def _longest_request(context: BatchContext, group: PendingGroup) -> int:
    """The most tokens that a request of a group may have."""
    return min(MAX_REQUEST_TOKENS, context.settings.enqueued_token_limit(group.model) or MAX_REQUEST_TOKENS)


def _fail_oversized(context: BatchContext, group: PendingGroup) -> int:
    longest = _longest_request(context, group)
    return in_transaction(
        context.engine,
        lambda connection: batches.fail_oversized(
            connection, group, max_bytes=MAX_FILE_BYTES, max_tokens=longest, now=context.now(connection)
        ),
    )


def _claim(context: BatchContext, group: PendingGroup, report: SubmitReport) -> Claim | None:
    """Step 1, one transaction: lock the model's admission row, measure what is free, claim what fits."""

    def work(connection: Connection) -> Claim | None:
        now = context.now(connection)
        limits = _limits(context, connection, group, now)
        if limits is None:
            report.held.append(
                f"{group.company} has a spending cap, and the price of {group.model} or the exchange rate is unknown"
            )
            return None
        # The savepoint takes back the batch row when nothing fits into it.
        with connection.begin_nested() as savepoint:
            claim = batches.claim_batch(
                connection,
                group,
                limits,
                endpoint=context.endpoint,
                key_fingerprint=context.key_fingerprint,
                prompt_version=prompt_version(),
                lease=context.settings.livedash_lease,
                now=now,
                dagster_run_id=context.run_id,
            )
            if claim is None:
                savepoint.rollback()
        return claim

    claim = in_transaction(context.engine, work)
    if claim is not None:
        _log("batch claimed", claim, requests=claim.requests, tokens=claim.token_estimate)
    return claim


def _limits(context: BatchContext, connection: Connection, group: PendingGroup, now: datetime) -> ClaimLimits | None:
    settings = context.settings
    learned = holds.lock_admission(connection, context.endpoint, group.model, now=now)
    month = month_of(now)
    cap = settings.livedash_monthly_cap_eur
    committed = (
        batches.committed_eur(connection, group.company_id, month_start=month) if cap is not None else Decimal(0)
    )
    priced = prices.price_for(connection, group.model, now)
    rate = prices.rate_at(connection, now, settings.livedash_usd_eur)
    budget = admission.budget(
        cap=cap,
        committed=committed,
        input_usd=priced[1].batch_input if priced else None,
        output_usd=priced[1].batch_output if priced else None,
        usd_eur=rate.usd_eur if rate else None,
    )
    if budget is None:
        return None
    enqueued = batches.enqueued_tokens(connection, context.endpoint, group.model)
    free = admission.free_tokens(settings.enqueued_token_limit(group.model), learned, enqueued)
    return ClaimLimits(
        MAX_LINES,
        MAX_FILE_BYTES,
        free,
        budget,
        max_first_tokens=0 if enqueued else _longest_request(context, group),
    )


def _send(context: BatchContext, claim: Claim) -> SubmittedBatch | None:
    """Steps 2 to 4 for one claimed batch; None where create did not begin."""
    spool = context.spool_dir / claim.filename
    try:
        file_id = _upload(context, claim, spool)
    except (BatchApiError, _InputChangedError) as error:
        # Uploading buys nothing, so whatever went wrong, the requests can be released at once.
        _refuse(context, claim, error)
        raise
    finally:
        spool.unlink(missing_ok=True)
    if file_id is None or not _begin_create(context, claim):
        # Unless another process has taken the batch over, it is ours to end: create has not begun.
        released = in_transaction(
            context.engine,
            lambda connection: _end_unbought(
                context, connection, claim, "not_submitted", "The batch was cancelled, or its lease ran out."
            ),
        )
        _log("batch released before create" if released else "batch left to its new owner", claim)
        return None
    return _submitted(claim, _create(context, claim, file_id))


def _upload(context: BatchContext, claim: Claim, spool: Path) -> str | None:
    """Step 2: the file is built from the database and uploaded; None where the lease was lost meanwhile."""
    with Heartbeat(context.engine, claim, lease=context.settings.livedash_lease, now=context.now) as heartbeat:
        lines = write_input_file(context, claim.batch_id, spool)
        with context.engine.begin() as connection:
            if not batches.mark_uploading(connection, claim, now=context.now(connection)):
                return None
        if lines != claim.requests:
            raise AssertionError(f"batch {claim.batch_id} holds {claim.requests} requests and {lines} lines")
        uploaded = context.gateway.upload_input(spool, claim.filename)
        _log("input uploaded", claim, file_id=uploaded.id)
        with context.engine.begin() as connection:
            if not batches.record_upload(connection, claim, input_file_id=uploaded.id):
                return None
        return uploaded.id if heartbeat.alive else None


def write_input_file(context: BatchContext, batch_id: UUID, path: Path) -> int:
    """Streams the lines of a batch to disk and returns how many.

    Raises:
        LivedashError: A transcript is not the one that was claimed any more.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("wb") as target:
        for line in _lines(context, batch_id):
            target.write(line + b"\n")
            count += 1
    return count


def _lines(context: BatchContext, batch_id: UUID) -> Iterator[bytes]:
    with context.engine.connect() as connection:
        model = batches.batch_model(connection, batch_id)
    for request_id, session_id, named, messages in batches.batch_lines(context.engine, batch_id):
        if transcript_hash(messages) != named:
            raise _InputChangedError(
                f"Request {request_id} of batch {batch_id} names messages that its session no longer has.",
                remedy="Nothing to do: it is released and asked again with the current messages.",
            )
        yield build_line(request_id, session_id, model, messages)


def _begin_create(context: BatchContext, claim: Claim) -> bool:
    """Step 3, directly before the call: the fence and a wish to cancel are checked in the commit that starts it."""
    lease = context.settings.livedash_create_deadline + CREATE_LEASE_MARGIN
    with context.engine.begin() as connection:
        return batches.start_create(connection, claim, lease=lease, now=context.now(connection))


def _create(context: BatchContext, claim: Claim, file_id: str) -> str | None:
    """The call that buys, sent once; an unknown outcome leaves the row for recovery."""
    try:
        remote = context.gateway.create_batch(
            file_id,
            metadata={"livedash_batch_id": str(claim.batch_id), "livedash_company": claim.company},
            deadline=float(context.settings.livedash_create_deadline),
        )
    except BatchApiError as error:
        if error.failure.definite_refusal:
            _refuse(context, claim, error)
            raise
        log.warning(
            "create has no known outcome",
            batch_id=str(claim.batch_id),
            company=claim.company,
            kind=error.failure.kind.value,
        )
        return None
    with context.engine.begin() as connection:
        recorded = batches.record_created(
            connection, claim, openai_batch_id=remote.id, openai_status=remote.status_word, now=context.now(connection)
        )
    _log("batch created" if recorded else "batch created for a lost claim", claim, openai_batch_id=remote.id)
    return remote.id if recorded else None


def _end_unbought(
    context: BatchContext, connection: Connection, claim: Claim, error_code: str, error_message: str
) -> bool:
    """Ends a batch that the service does not have, and releases its requests; False where it is not ours any more."""
    now = context.now(connection)
    ours = batches.fail_unsubmitted(
        connection, claim, error_code=error_code, error_message=error_message[:500], now=now
    )
    if ours:
        release_unbought(connection, claim.batch_id, error_code, allowances=allowances(context), now=now)
    return ours


def _refuse(context: BatchContext, claim: Claim, error: LivedashError) -> None:
    """Step 4: nothing exists at the service, so the batch is FAILED, its requests wait again, and others are held off."""

    def work(connection: Connection) -> None:
        ours = _end_unbought(context, connection, claim, error.code, error.message)
        if ours and isinstance(error, BatchApiError) and error.failure.definite_refusal:
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
    _log("batch refused", claim, reason=error.code)


def release_unbought(
    connection: Connection, batch_id: UUID, error_code: str, *, allowances: Allowances, now: datetime
) -> int:
    """Releases all requests of a batch of which nothing was bought, without using up anything."""
    locked = settlement.lock_batch(connection, batch_id)
    if locked is None:
        return 0
    settlement.open_stage(connection)
    released = settlement.stage_unanswered(
        connection, batch_id, Outcome.NOT_RUN, error_code=error_code, error_message=None, counted_release=False
    )
    settlement.settle(connection, locked, allowances=allowances, now=now)
    return released


def _release_abandoned(context: BatchContext, connection: Connection) -> int:
    """Batches whose submitter died before create began: nothing was bought, so their requests wait again."""
    now = context.now(connection)
    taken = batches.take_over_abandoned(connection, context.endpoint, lease=context.settings.livedash_lease, now=now)
    released = 0
    for claim in taken:
        batches.fail_unsubmitted(
            connection,
            claim,
            error_code="abandoned",
            error_message="The process that built this batch ended before it was submitted.",
            now=now,
        )
        released += release_unbought(connection, claim.batch_id, "abandoned", allowances=allowances(context), now=now)
        _log("abandoned batch released", claim, requests=claim.requests)
    return released


def allowances(context: BatchContext) -> Allowances:
    """How often requests are tried and released, by the settings."""
    return Allowances(context.settings.livedash_max_attempts, context.settings.livedash_max_releases)


def _submitted(claim: Claim, openai_batch_id: str | None) -> SubmittedBatch:
    return SubmittedBatch(
        claim.batch_id,
        claim.company,
        claim.model,
        claim.requests,
        claim.token_estimate,
        claim.reserved_eur,
        openai_batch_id,
    )


def _log(event: str, claim: Claim, **values: object) -> None:
    log.info(event, batch_id=str(claim.batch_id), company=claim.company, model=claim.model, **values)
