"""Claims batches, and writes the commits around upload and create and the lease that guards them.

Every write of a submitter carries the fence of its claim. A function that hits no row returns False, and the submitter stops
quietly, because another process has taken the batch over. `ledger.store.results.observations` writes polls,
`ledger.store.results.settlement` settles.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, case, func, insert, select, update

from livedash_pipeline.base.rules.states import BATCH_MOVES, LIVE_BATCHES, BatchStatus, sources_of
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_batch_requests
from livedash_pipeline.ledger.rules.admission.admission import Budget, PendingGroup
from livedash_pipeline.ledger.rules.admission.model_parameters import maximum_of
from livedash_pipeline.ledger.store.admission.model_parameters import parameters_for
from livedash_pipeline.ledger.store.batches.request_kind import RequestKind
from livedash_pipeline.ledger.store.batches.requests import fail_pending

_batches = ai_batch_requests.c


@dataclass(frozen=True)
class Claim:
    """A batch row that a submitter holds, with the sums of its claimed requests; euro are None where a price is unknown."""

    batch_id: UUID
    fence: int
    company_id: UUID
    company: str
    model: str
    processing_type: str
    requests: int
    body_bytes: int
    token_estimate: int
    reserved_eur: Decimal | None

    @property
    def filename(self) -> str:
        """Name of the input file at the service."""
        return f"livedash-{self.batch_id}.jsonl"


def claim_of(row: Row[Any], *, reserved_eur: Decimal | None = None) -> Claim:
    """Makes a claim of a row of `ai_batch_requests` with its company's slug as `slug`.

    The row does not hold the reserved euro, which stand in the attempts: a caller that needs them passes them.
    """
    return Claim(
        batch_id=row.id,
        fence=row.fence,
        company_id=row.company_id,
        company=row.slug,
        model=row.model,
        processing_type=row.processing_type,
        requests=row.request_count,
        body_bytes=row.body_bytes,
        token_estimate=row.token_estimate,
        reserved_eur=reserved_eur,
    )


@dataclass(frozen=True)
class ClaimLimits:
    """How much one batch may hold; None where nothing limits it.

    `max_request_eur` is the whole spending cap: a claim skips a more expensive request.
    The first request may have up to `max_first_tokens`, whatever `max_tokens` says: with nothing enqueued, a learned limit below
    its size would keep it waiting for ever, and only a try can raise that limit.
    """

    max_lines: int
    max_bytes: int
    max_tokens: int | None
    budget: Budget
    max_first_tokens: int = 0
    max_request_eur: Decimal | None = None


def reservation(budget: Budget) -> dict[str, Any]:
    """What `find_claimable_requests` prices requests with; all null where the price is unknown."""
    most = budget.most
    return {
        "eur_per_input_token": most and most.input,
        "eur_per_output_token": most and most.output,
        "long_context_tokens": most and most.long_context_tokens,
        "long_eur_per_input_token": most and most.long_input,
        "long_eur_per_output_token": most and most.long_output,
        "stated_per_token": budget.margin.per_token,
        "stated_per_byte": budget.margin.per_byte,
        "stated_fixed": budget.margin.fixed,
    }


def pending_groups(connection: Connection, company_id: UUID | None = None) -> list[PendingGroup]:
    """Groups the waiting requests of working companies by company, model and kind."""
    rows = connection.execute(statement("ledger/find_pending_groups"), {"company_id": company_id})
    return [PendingGroup(**row) for row in rows.mappings()]


def enqueued_tokens(connection: Connection, endpoint: str, model: str) -> int:
    """Returns the tokens that the model's open batches reserve: a sum over rows, never a counter."""
    query = select(func.coalesce(func.sum(_batches.token_estimate), 0)).where(
        _batches.endpoint == endpoint, _batches.model == model, _batches.status.in_(LIVE_BATCHES)
    )
    return int(connection.execute(query).scalar_one())


def may_claim(connection: Connection, company_id: UUID) -> bool:
    """Whether a company's requests may be claimed in this transaction: not while it is taken over from another system."""
    return bool(connection.execute(statement("ledger/try_company_claim"), {"company_id": company_id}).scalar_one())


def claim_batch(
    connection: Connection,
    group: PendingGroup,
    limits: ClaimLimits,
    *,
    endpoint: str,
    key_fingerprint: str,
    kind: RequestKind,
    lease: int,
    now: datetime,
    dagster_run_id: str | None,
) -> Claim | None:
    """Inserts a PENDING batch row and claims what fits into it; None where nothing did (roll back then)."""
    parameters = parameters_for(connection, group.model)
    batch_id: UUID = connection.execute(
        insert(ai_batch_requests)
        .values(
            company_id=group.company_id,
            processing_type=kind.name,
            model=group.model,
            parameters=parameters,
            endpoint=endpoint,
            key_fingerprint=key_fingerprint,
            request_count=0,
            body_bytes=0,
            token_estimate=0,
            lease_until=now + timedelta(seconds=lease),
            created_at=now,
            status_changed_at=now,
            dagster_run_id=dagster_run_id,
        )
        .returning(_batches.id)
    ).scalar_one()
    claimed = connection.execute(
        statement("ledger/claim_pending_requests"),
        {
            "batch_id": batch_id,
            "company_id": group.company_id,
            "model": group.model,
            "processing_type": kind.name,
            "prompt_version": kind.version(),
            "max_output_tokens": maximum_of(parameters),
            "max_lines": limits.max_lines,
            "max_bytes": limits.max_bytes,
            "max_tokens": limits.max_tokens,
            "max_first_tokens": limits.max_first_tokens,
            "max_eur": limits.budget.left,
            "max_request_eur": limits.max_request_eur,
            **reservation(limits.budget),
            "now": now,
        },
    ).one()
    if claimed.requests == 0:
        return None
    sizes = {
        "request_count": claimed.requests,
        "body_bytes": int(claimed.body_bytes),
        "token_estimate": int(claimed.token_estimate),
    }
    connection.execute(update(ai_batch_requests).where(_batches.id == batch_id).values(**sizes))
    kind.start(connection, batch_id, now=now)
    return Claim(
        batch_id,
        1,
        group.company_id,
        group.company,
        group.model,
        kind.name,
        claimed.requests,
        int(claimed.body_bytes),
        int(claimed.token_estimate),
        claimed.reserved_eur,
    )


def fail_oversized(
    connection: Connection, group: PendingGroup, kind: RequestKind, *, max_bytes: int, max_tokens: int, now: datetime
) -> int:
    """Fails pending requests of a group that no batch can hold (`input_too_long`); returns how many."""
    values = {
        "company_id": group.company_id,
        "model": group.model,
        "processing_type": kind.name,
        "max_bytes": max_bytes,
        "max_tokens": max_tokens,
    }
    found = connection.execute(statement("ledger/find_oversized_requests"), values)
    failed = fail_pending(connection, {row.id: row.reason for row in found}, "input_too_long", now=now)
    kind.fail(connection, failed, now=now)
    return len(failed)


def batch_question(connection: Connection, batch_id: UUID) -> tuple[str, str, dict[str, Any]]:
    """Returns kind and model of a batch, and the parameters of its lines: those of its claim, by which its cost is reserved."""
    columns = (_batches.processing_type, _batches.model, _batches.parameters)
    kind, model, kept = connection.execute(select(*columns).where(_batches.id == batch_id)).one()
    return kind, model, parameters_for(connection, model) if kept is None else kept


def remote_id(connection: Connection, batch_id: UUID) -> str | None:
    """Returns the service's id of a batch; None where it is unknown."""
    query = select(_batches.remote_batch_id).where(_batches.id == batch_id)
    return connection.execute(query).scalar_one_or_none()


def mark_uploading(connection: Connection, claim: Claim, *, now: datetime) -> bool:
    """Moves a batch from PENDING to UPLOADING, where a batch that was taken over may be already."""
    before = _batches.status.in_((BatchStatus.PENDING, BatchStatus.UPLOADING)) & _batches.create_started_at.is_(None)
    return _write(connection, _held(claim) & before, status=BatchStatus.UPLOADING, status_changed_at=now)


def record_upload(connection: Connection, claim: Claim, *, input_file_id: str, created_at: datetime | None) -> bool:
    """Writes the id of the input file, and when it was made by the service's clock; uploading again costs nothing."""
    return _write(
        connection,
        _held(claim) & (_batches.status == BatchStatus.UPLOADING),
        input_file_id=input_file_id,
        input_file_created_at=created_at,
    )


def start_create(
    connection: Connection,
    claim: Claim,
    *,
    key_fingerprint: str,
    nonce: str,
    guard: str,
    lease: int,
    now: datetime,
) -> bool:
    """Checks fence and cancel request directly before the call; writes time, key, nonce and a lease that outlasts the call."""
    unwanted = _batches.cancel_requested_at.is_(None)
    return _write(
        connection,
        _held(claim) & unwanted & (_batches.status == BatchStatus.UPLOADING) & (_batches.lease_until > now),
        create_started_at=now,
        create_nonce=nonce,
        purchase_guard=guard,
        key_fingerprint=key_fingerprint,
        lease_until=now + timedelta(seconds=lease),
    )


def record_created(
    connection: Connection, claim: Claim, *, remote_batch_id: str, remote_status: str, now: datetime
) -> bool:
    """Moves a created batch from UPLOADING to VALIDATING and writes its id; a poll may have adopted it already."""
    unowned = _batches.remote_batch_id.is_(None) & ~tracked_elsewhere(remote_batch_id)
    expected = _batches.status.in_(sources_of(BATCH_MOVES, BatchStatus.VALIDATING))
    recorded = _write(
        connection,
        _held(claim) & unowned & expected,
        status=BatchStatus.VALIDATING,
        status_changed_at=now,
        remote_batch_id=remote_batch_id,
        remote_status=remote_status,
        submitted_at=now,
        lease_until=None,
    )
    if recorded:
        return True
    adopted = select(_batches.id).where(_batches.id == claim.batch_id, _batches.remote_batch_id == remote_batch_id)
    return connection.execute(adopted).first() is not None


def tracked_elsewhere(remote_batch_id: str) -> ColumnElement[bool]:
    """True where a row tracks a batch of this id: an answer that repeats another batch's id must not give it a second owner."""
    other = ai_batch_requests.alias("other").c
    return (
        select(other.id)
        .where((other.remote_batch_id == remote_batch_id) | (other.listed_batch_id == remote_batch_id))
        .exists()
    )


def fail_unsubmitted(
    connection: Connection, claim: Claim, *, error_code: str, error_message: str, now: datetime
) -> bool:
    """Ends a batch that does not exist at the service: FAILED, or CANCELLED if it has a cancel request.

    Its settlement releases its requests.
    """
    ended = case((_batches.cancel_requested_at.is_not(None), BatchStatus.CANCELLED), else_=BatchStatus.FAILED)
    unbought = _batches.status.in_((BatchStatus.PENDING, BatchStatus.UPLOADING))
    return _write(
        connection,
        _held(claim) & unbought,
        status=ended,
        status_changed_at=now,
        error_code=case((_batches.cancel_requested_at.is_not(None), "cancelled"), else_=error_code),
        error_message=error_message,
    )


def renew_lease(connection: Connection, claim: Claim, *, lease: int, now: datetime) -> bool:
    """Keeps a batch for its submitter for another lease; False once it belongs to somebody else."""
    return _write(
        connection,
        _held(claim) & _batches.create_started_at.is_(None) & (_batches.lease_until > now),
        lease_until=now + timedelta(seconds=lease),
    )


def count_doubtful(connection: Connection, endpoint: str) -> int:
    """Counts batches whose create has no known outcome, and whose absence the listing does not prove; a person may decide."""
    query = select(func.count()).where(
        _batches.endpoint == endpoint,
        _batches.remote_batch_id.is_(None),
        _batches.processed_at.is_(None),
        _batches.absence_doubt.is_not(None),
        _batches.absence_believed_at.is_(None),
    )
    return int(connection.execute(query).scalar_one())


def awaiting_recovery(
    connection: Connection, endpoint: str, company_id: UUID | None = None
) -> tuple[int, datetime | None]:
    """Counts batches whose create has no known outcome, of all companies or of one; returns also when the first lease ends."""
    query = select(func.count(), func.min(_batches.lease_until)).where(
        _batches.endpoint == endpoint,
        _batches.remote_batch_id.is_(None),
        _batches.create_started_at.is_not(None),
        _batches.processed_at.is_(None),
    )
    if company_id is not None:
        query = query.where(_batches.company_id == company_id)
    count, first = connection.execute(query).one()
    return count, first


def _held(claim: Claim) -> ColumnElement[bool]:
    return (_batches.id == claim.batch_id) & (_batches.fence == claim.fence)


def _write(connection: Connection, condition: ColumnElement[bool], **values: Any) -> bool:
    return connection.execute(update(ai_batch_requests).where(condition).values(**values)).rowcount == 1
