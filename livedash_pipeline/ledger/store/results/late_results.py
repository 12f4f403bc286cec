"""Answers that show after their batch was settled: staged as in a settlement, then put into the ledger and applied.

The caller stages lines with `ledger.store.results.settlement` between `lock_candidates` and `apply`. Requests under way and
written outcomes stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, func, select, update

from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_batch_requests, companies
from livedash_pipeline.ledger.store.batches.request_kind import RequestKind
from livedash_pipeline.ledger.store.costs.backfill import lock_filling, take_back

_batches = ai_batch_requests.c


@dataclass(frozen=True)
class Late:
    """Counts of late answers: those new in the ledger by outcome, requests that are complete because of one, and what the answers
    cost, None if that of any is unknown.
    """

    outcomes: dict[str, int]
    completed: int
    cost_eur: Decimal | None


@dataclass(frozen=True)
class NamedBatch:
    """A batch that a person named, with its company and service."""

    id: UUID
    company: str
    endpoint: str


def find_batch(connection: Connection, batch_id: UUID) -> NamedBatch:
    """Finds the company and the service of a batch."""
    query = (
        select(_batches.id, companies.c.slug, _batches.endpoint)
        .join(companies, companies.c.id == _batches.company_id)
        .where(_batches.id == batch_id)
    )
    return NamedBatch(*connection.execute(query).one())


def note_files(
    connection: Connection, batch_id: UUID, *, output_file_id: str | None, error_file_id: str | None
) -> None:
    """Remembers files that the service named only after the batch was settled."""
    connection.execute(
        update(ai_batch_requests)
        .where(_batches.id == batch_id)
        .values(
            output_file_id=func.coalesce(_batches.output_file_id, output_file_id),
            error_file_id=func.coalesce(_batches.error_file_id, error_file_id),
        )
    )


def lock_candidates(connection: Connection, batch_id: UUID, kind: RequestKind) -> dict[str, str]:
    """Returns request id → subject id, as text, of requests that were settled without a line.

    Locks the batch, subjects and requests.
    """
    connection.execute(select(_batches.id).where(_batches.id == batch_id).with_for_update())
    kind.lock_subjects(connection, batch_id)
    rows = connection.execute(statement("ledger/find_late_candidates"), {"batch_id": batch_id})
    return {str(row.id): str(row.subject_id) for row in rows}


def apply(
    connection: Connection,
    batch_id: UUID,
    *,
    kind: RequestKind,
    now: datetime,
    pricing_id: UUID | None,
    usd_eur: Decimal | None,
) -> Late:
    """Writes staged answers into the ledger, and to those requests and subjects that they still answer.

    What was filled in for want of them is taken back, after a backfill that is about to.
    """
    lock_filling(connection)
    connection.execute(statement("ledger/erase_scratch_results"))
    stored = connection.execute(
        statement("ledger/store_late_attempts"),
        {"batch_id": batch_id, "now": now, "pricing_id": pricing_id, "usd_eur": usd_eur},
    ).all()
    take_back(connection, batch_id, now=now)
    outcomes = {row.outcome: row.answers for row in stored}
    applied = connection.execute(statement("ledger/apply_late_results"), {"batch_id": batch_id, "now": now}).all()
    complete = [row.id for row in applied if row.processing_status == RequestStatus.PROCESSING_COMPLETE]
    failed = [row.id for row in applied if row.processing_status == RequestStatus.PROCESSING_FAILED]
    if complete:
        kind.apply_kept(connection, complete, now=now)
    if failed:
        kind.fail_late(connection, failed, now=now)
    cost = None if any(row.without_cost for row in stored) else sum((row.cost_eur for row in stored), Decimal(0))
    return Late(outcomes, len(complete), cost)
