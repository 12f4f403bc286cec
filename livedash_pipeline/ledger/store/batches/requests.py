"""Counts requests, puts them back and fails them. Claims are in `ledger.store.batches.claims`.

Add reads and writes of `ai_processing_requests` that belong to no batch; `ledger.store.batches.request_history` reads for people.
Every function runs on the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, select

from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_processing_requests
from livedash_pipeline.ledger.store.batches.request_kind import Kinds


def count_by_status(
    connection: Connection, company_id: UUID | None = None, *, kind: str | None = None
) -> dict[RequestStatus, int]:
    """Number of requests per status, zero included: of all companies or of one, of all kinds or of one."""
    table = ai_processing_requests.c
    query = select(table.processing_status, func.count()).group_by(table.processing_status)
    if company_id is not None:
        query = query.where(table.company_id == company_id)
    if kind is not None:
        query = query.where(table.processing_type == kind)
    counted = {RequestStatus(status): count for status, count in connection.execute(query)}
    return {status: counted.get(status, 0) for status in RequestStatus}


def oldest_pending(connection: Connection) -> datetime | None:
    """Returns since when the longest-waiting pending request has waited; None without any."""
    table = ai_processing_requests.c
    waiting = table.processing_status == RequestStatus.PENDING_BATCHING
    oldest: datetime | None = connection.execute(select(func.min(table.updated_at)).where(waiting)).scalar_one()
    return oldest


@dataclass(frozen=True)
class Requeued:
    """Counts of a requeue; the three sum to the distinct ids given."""

    requeued: int
    not_found: int
    not_failed: int


def requeue(
    connection: Connection,
    request_ids: Iterable[UUID],
    kinds: Kinds,
    *,
    now: datetime,
    dry_run: bool,
    company_id: UUID | None = None,
) -> Requeued:
    """Puts failed requests and their subjects back to pending, as `ledger.rules.admission.requeue` allows."""
    row = connection.execute(
        statement("ledger/requeue_requests"),
        {"request_ids": list(request_ids), "now": now, "dry_run": dry_run, "company_id": company_id},
    ).one()
    eligible = {kinds[name]: [UUID(each) for each in ids] for name, ids in row.eligible.items()}
    if not dry_run:
        for kind, ids in eligible.items():
            kind.wait_again(connection, ids)
    requeued = sum(map(len, eligible.values()))
    return Requeued(requeued, row.asked - row.found, row.found - requeued)


def failed_request_ids(
    connection: Connection,
    *,
    company_id: UUID | None = None,
    error_code: str | None = None,
    completed_before: datetime | None = None,
) -> list[UUID]:
    """Returns ids of failed requests that pass a filter; the code in either case, since some are the service's own words."""
    table = ai_processing_requests.c
    query = select(table.id).where(table.processing_status == RequestStatus.PROCESSING_FAILED).order_by(table.id)
    if company_id is not None:
        query = query.where(table.company_id == company_id)
    if error_code is not None:
        query = query.where(func.lower(table.error_code) == func.lower(error_code))
    if completed_before is not None:
        query = query.where(table.completed_at < completed_before)
    return list(connection.execute(query).scalars())


def fail_pending(connection: Connection, reasons: Mapping[UUID, str], code: str, *, now: datetime) -> list[UUID]:
    """Fails pending requests that the caller has locked, each for its own reason; returns their ids, for their kind to mark."""
    if not reasons:
        return []
    ids = {"request_ids": list(reasons), "reasons": list(reasons.values())}
    failed = connection.execute(statement("ledger/fail_pending_requests"), {**ids, "error_code": code, "now": now})
    return list(failed.scalars())
