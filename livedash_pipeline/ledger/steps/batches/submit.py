"""Submits pending requests as batches, in the order of commits that keeps a crash from buying twice.

One batch goes through `claim` (committed), upload (committed), the start of create (committed), the call, and its answer
(committed). Each commit carries the fence of the claim. Do not reorder them: docs/architecture.md gives the reason of each place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.values import Document, moment, money
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.base.store.properties import require_endpoint_kind
from livedash_pipeline.base.store.statistics import refresh_statistics
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.ledger.rules.admission import admission
from livedash_pipeline.ledger.rules.admission.admission import PendingGroup
from livedash_pipeline.ledger.rules.admission.limits import MAX_FILE_BYTES, MAX_LINES, MAX_REQUEST_TOKENS
from livedash_pipeline.ledger.rules.admission.nothing_sent import why_nothing_is_sent
from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.ledger.steps.admission.pauses import describe_pause, paused_until, unpaused
from livedash_pipeline.ledger.steps.admission.spending import (
    binding_caps,
    cap_reasons,
    group_budget,
    purchases_to_come,
    require_payable,
    sum_for_caps,
)
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.send import InputChangedError, SubmittedBatch, log_claim, release, send
from livedash_pipeline.ledger.steps.batches.unclaimed import bring_up_to_date, drop_lost_inputs, use_kept_answers
from livedash_pipeline.ledger.steps.costs.spend_sums import bring_sums_up_to_date
from livedash_pipeline.ledger.steps.recovery.recover import recover_batches
from livedash_pipeline.ledger.steps.recovery.standing import read_standing
from livedash_pipeline.ledger.store.admission import holds
from livedash_pipeline.ledger.store.batches import claims
from livedash_pipeline.ledger.store.batches.claims import Claim, ClaimLimits
from livedash_pipeline.ledger.store.batches.request_kind import RequestKind
from livedash_pipeline.ledger.store.recovery.recovery import TakenOver
from livedash_pipeline.logs import get_logger
from livedash_pipeline.money.rules.caps import Cap, largest_purchase
from livedash_pipeline.money.rules.pricing import known_sum
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.storage import storage_error

log = get_logger(__name__)


@dataclass
class SubmitReport:
    """The report of a submit; `why` says why it sent nothing, where `held` does not."""

    submitted: list[SubmittedBatch] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    too_long: int = 0
    recovered: int = 0
    problems: list[str] = field(default_factory=list)
    awaiting_recovery: int = 0
    next_recovery_at: datetime | None = None
    why: list[str] = field(default_factory=list)
    estimated_cost_eur: Decimal | None = Decimal(0)


def submit_pending(
    context: BatchContext, *, company_id: UUID | None = None, ignore_minimum: bool = False, unhold: bool = False
) -> SubmitReport:
    """Submits due requests, one batch per group in turn, until nothing more fits.

    A fault of one group, such as a model that does not exist, keeps no other group waiting and is raised at the end.

    Args:
        context: Database, endpoint and settings.
        company_id: Only this company's requests.
        ignore_minimum: Submit groups smaller than the minimum batch as well.
        unhold: End all holds of the endpoint first.

    Raises:
        ServiceError: The service refused; what was submitted before stays.
        StorageError: An input file could not be written; its requests wait again.
        SettingsError: The endpoint is of another kind than the database's, or the cap is below the price of one request.
    """
    report = SubmitReport()
    refresh_statistics(context.engine)
    bring_sums_up_to_date(context.engine)
    with context.engine.begin() as connection:
        if unhold:
            holds.lift_holds(connection, context.endpoint)
        report.held, held_models = _holds(context, connection)
        groups = claims.pending_groups(connection, company_id)
        to_pay = purchases_to_come(connection, context.settings, context.kinds, groups, company_id)
        require_payable(connection, context.settings, to_pay, now=context.now(connection))
    models = _Models(context)
    go_on = unpaused(context)
    if go_on():
        recovered = recover_batches(context, may_buy=_may_buy(models, held_models, company_id), time_left=go_on)
        report.recovered, report.problems = recovered.recovered, recovered.problems
        report.submitted += recovered.resubmitted
    waiting = _waiting_groups(context, company_id, ignore_minimum, held_models)
    faults = _submit_in_turn(context, models, waiting, report)
    with context.engine.begin() as connection:
        now = context.now(connection)
        standing = read_standing(connection, context.kinds, endpoint=context.endpoint, company_id=company_id, now=now)
        # Recovery concerns every company of the endpoint, even if this submit is for one.
        report.awaiting_recovery, report.next_recovery_at = claims.awaiting_recovery(connection, context.endpoint)
    if not (report.submitted or report.held):
        report.why = why_nothing_is_sent(standing)
    report.estimated_cost_eur = known_sum(batch.reserved_eur for batch in report.submitted)
    if faults:
        raise faults[0]
    return report


@dataclass
class _Models:
    """Step 0, free of charge: asks the service about each model once per submit."""

    context: BatchContext
    faults: dict[str, ServiceError | None] = field(default_factory=dict)

    def fault(self, model: str) -> ServiceError | None:
        """Returns the fault of a model; None if it may be used.

        Raises:
            ServiceError: The fault concerns every model, such as a bad key.
        """
        if model not in self.faults:
            self.faults[model] = _check_model(self.context, model)
        return self.faults[model]


def _may_buy(models: _Models, held: set[str | None], company_id: UUID | None) -> Callable[[TakenOver], bool]:
    """Whether a batch that was taken over may be uploaded and created: switches, holds and company are respected."""

    def may_buy(taken: TakenOver) -> bool:
        claim = taken.claim
        wanted = company_id in (None, claim.company_id)
        return wanted and not held & {None, claim.model} and models.fault(claim.model) is None

    return may_buy


def _submit_in_turn(
    context: BatchContext, models: _Models, waiting: deque[PendingGroup], report: SubmitReport
) -> list[LivedashError]:
    """Goes round the groups until nothing more fits; returns the faults of single groups."""
    faults: list[LivedashError] = []
    begun: set[PendingGroup] = set()
    while waiting:
        until = paused_until(context)
        if until is not None:
            report.held.append(describe_pause(context.endpoint, until))
            break
        group = waiting.popleft()
        if models.fault(group.model) is not None:
            continue
        if group not in begun:
            # Once per group, not per batch, since it reads everything that waits.
            report.too_long += _fail_oversized(context, group)
            kind = context.kinds[group.processing_type]
            drop_lost_inputs(context, kind, group.company_id, group.company)
            use_kept_answers(context, kind, group.company_id, group.company)
            begun.add(group)
        try:
            sum_for_caps(context.engine, context.settings, group.company_id)
            claim = _claim(context, group, report)
            sent = None if claim is None else _send(context, claim)
        except InputChangedError as fault:
            faults.append(fault)
            continue
        if sent is not None:
            report.submitted.append(sent)
            waiting.append(group)
    return [*filter(None, models.faults.values()), *faults]


def _send(context: BatchContext, claim: Claim) -> SubmittedBatch | None:
    """As `send`; if the spool cannot be written, releases the requests at once instead of when the lease ends."""
    try:
        return send(context, claim)
    except OSError as error:
        failed = storage_error(error, "The input file of a batch", context.spool_dir, setting="TMPDIR")
        if _not_begun(context, claim):
            release(context, claim, error_code=failed.code, error_message=failed.message)
        raise failed from error


def _not_begun(context: BatchContext, claim: Claim) -> bool:
    """Whether a batch is still ours and its create has not begun, so that nothing was bought."""
    lease = context.settings.livedash_lease
    with context.engine.begin() as connection:
        return claims.renew_lease(connection, claim, lease=lease, now=context.now(connection))


def _holds(context: BatchContext, connection: Connection) -> tuple[list[str], set[str | None]]:
    """Holds in force in words, and the models they hold (None: every model)."""
    now = context.now(connection)
    in_force = holds.holds_in_force(connection, context.endpoint, key_fingerprint=context.key_fingerprint, now=now)
    return list(map(str, in_force)), {hold.model for hold in in_force}


def _waiting_groups(
    context: BatchContext, company_id: UUID | None, ignore_minimum: bool, held_models: set[str | None]
) -> deque[PendingGroup]:
    """The due groups, once requests for an earlier model or prompt, as a rule none, are brought to the present one."""

    def work(connection: Connection) -> tuple[list[tuple[RequestKind, Company]], deque[PendingGroup]]:
        default_model = context.settings.openai_model
        outdated = [
            (kind, company)
            for kind in context.kinds.values()
            for company in kind.outdated_companies(connection, default_model=default_model, company_id=company_id)
        ]
        return outdated, _due_groups(context, connection, company_id, ignore_minimum, held_models)

    outdated, waiting = in_transaction(context.engine, work)
    for kind, company in outdated:
        bring_up_to_date(context, kind, company)
    return in_transaction(context.engine, work)[1] if outdated else waiting


def _due_groups(
    context: BatchContext,
    connection: Connection,
    company_id: UUID | None,
    ignore_minimum: bool,
    held_models: set[str | None],
) -> deque[PendingGroup]:
    now, settings = context.now(connection), context.settings
    return deque(
        group
        for group in admission.take_turns(claims.pending_groups(connection, company_id))
        if not held_models & {None, group.model}
        and (
            ignore_minimum
            or admission.is_due(
                group, now=now, min_batch=settings.livedash_min_batch, max_wait=settings.livedash_max_wait
            )
        )
    )


def _check_model(context: BatchContext, model: str) -> ServiceError | None:
    """Step 0, free of charge: finds a bad key, or an unknown model, which it returns, before anything is claimed."""
    check = context.gateway.check_model(model)
    if check.failure is not None and not check.route_missing:
        fault = ServiceError(f"Checking model {model!r}", check.failure, model)
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
        lambda connection: claims.fail_oversized(
            connection,
            group,
            context.kinds[group.processing_type],
            max_bytes=MAX_FILE_BYTES,
            max_tokens=longest,
            now=context.now(connection),
        ),
    )


def _claim(context: BatchContext, group: PendingGroup, report: SubmitReport) -> Claim | None:
    """Step 1, one transaction: locks the model's admission row, measures what is free, claims what fits."""

    def work(connection: Connection) -> Claim | None:
        now = context.now(connection)
        if not claims.may_claim(connection, group.company_id):
            report.held.append(f"{group.company} is being taken over from LiveDash")
            return None
        caps = binding_caps(connection, context.settings, group.company_id)
        limits = _limits(context, connection, group, caps, now)
        if limits is None:
            report.held.append(admission.unpriced_reason(group))
            return None
        # The savepoint takes back the batch row when nothing fits into it.
        with connection.begin_nested() as savepoint:
            claim = claims.claim_batch(
                connection,
                group,
                limits,
                endpoint=context.endpoint,
                key_fingerprint=context.key_fingerprint,
                kind=context.kinds[group.processing_type],
                lease=context.settings.livedash_lease,
                now=now,
                dagster_run_id=context.run_id,
            )
            if claim is None:
                savepoint.rollback()
        if claim is None:
            report.held += _cap_reasons(context, connection, group, limits, caps)
        return claim

    claim = in_transaction(context.engine, work)
    if claim is not None:
        log_claim("batch claimed", claim, requests=claim.requests, tokens=claim.token_estimate)
    return claim


def _limits(
    context: BatchContext, connection: Connection, group: PendingGroup, caps: tuple[Cap, ...], now: datetime
) -> ClaimLimits | None:
    settings = context.settings
    learned = holds.lock_admission(connection, context.endpoint, group.model, now=now)
    budget = group_budget(connection, settings, group, now=now, caps=caps)
    if budget is None:
        return None
    enqueued = claims.enqueued_tokens(connection, context.endpoint, group.model)
    free = admission.free_tokens(settings.enqueued_token_limit(group.model), learned, enqueued)
    return ClaimLimits(
        MAX_LINES,
        MAX_FILE_BYTES,
        free,
        budget,
        max_first_tokens=0 if enqueued else _longest_request(context, group),
        max_request_eur=largest_purchase(caps),
    )


def _cap_reasons(
    context: BatchContext,
    connection: Connection,
    group: PendingGroup,
    limits: ClaimLimits,
    caps: tuple[Cap, ...],
) -> list[str]:
    """Why a spending cap keeps the rest of a group waiting; also logged, where a command shows it."""
    kind = context.kinds[group.processing_type]
    reasons = cap_reasons(connection, kind, group, limits.budget, caps)
    for reason in reasons:
        log.warning("held back", company=group.company, model=group.model, reason=reason)
    return reasons


def submit_document(report: SubmitReport) -> Document:
    """The document of a submit. Batches include those whose create was called and has no known answer."""
    unanswered = [batch for batch in report.submitted if batch.remote_batch_id is None]
    return {
        "ok": True,
        "batches": len(report.submitted),
        "requests": sum(batch.requests for batch in report.submitted),
        "estimatedCostEur": money(report.estimated_cost_eur),
        "recovered": report.recovered,
        "awaitingRecovery": report.awaiting_recovery,
        "nextRecoveryAt": moment(report.next_recovery_at),
        "unansweredBatches": len(unanswered),
        "unansweredRequests": sum(batch.requests for batch in unanswered),
        "held": report.held,
        "why": report.why,
    }
