"""Counts requests, puts them back and fails them. Claims are in `ledger.store.batches.claims`.

Add reads and writes of `ai_processing_requests` that belong to no batch; `ledger.store.batches.request_history` reads for people.
Every function runs on the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from uuid import UUID

from sqlalchemy import Connection, func, select

from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_processing_requests, kept_counts
from livedash_pipeline.ledger.store.batches.request_kind import Kinds


def count_by_status(
    connection: Connection, company_id: UUID | None = None, *, kind: str | None = None
) -> dict[RequestStatus, int]:
    """Returns the number of requests per status, zero included: of all companies or of one, of all kinds or of one.

    From the kept counts, which change with the rows.
    """
    kept = kept_counts.c
    query = select(kept.status, func.sum(kept.found)).group_by(kept.status)
    query = query.where(kept.table_name == ai_processing_requests.name)
    if company_id is not None:
        query = query.where(kept.company_id == company_id)
    if kind is not None:
        query = query.where(kept.kind == kind)
    counted = {RequestStatus(status): int(count) for status, count in connection.execute(query)}
    return {status: counted.get(status, 0) for status in RequestStatus}


def oldest_pending(connection: Connection) -> datetime | None:
    """Returns since when the longest-waiting pending request has waited; None without any."""
    table = ai_processing_requests.c
    waiting = table.processing_status == RequestStatus.PENDING_BATCHING
    oldest: datetime | None = connection.execute(select(func.min(table.updated_at)).where(waiting)).scalar_one()
    return oldest


@dataclass(frozen=True)
class Requeued:
    """Counts of a requeue; the three sum to the distinct ids given. `ids` are those that were, or would be, put back."""

    requeued: int
    not_found: int
    not_failed: int
    ids: tuple[UUID, ...] = field(default=(), compare=False, repr=False)


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
    put_back = tuple(chain.from_iterable(eligible.values()))
    return Requeued(len(put_back), row.asked - row.found, row.found - len(put_back), put_back)


def failed_since(connection: Connection, request_ids: Iterable[UUID], since: datetime) -> set[UUID]:
    """Returns those of some requests that have failed at a moment or later."""
    table = ai_processing_requests.c
    failed = table.processing_status == RequestStatus.PROCESSING_FAILED
    query = select(table.id).where(table.id.in_(list(request_ids)), failed, table.completed_at >= since)
    return set(connection.execute(query).scalars())


@dataclass(frozen=True)
class RequeuedGroup:
    """Requests that are to wait again, of one company, model, kind and version.

    Attributes:
        company_id: Whose they are.
        model: The model that they ask.
        company_model: The company's own model by now; None for the one of the settings.
        processing_type: Their kind.
        prompt_version: The version of what they ask.
        requests: How many.
        token_estimate: Their input tokens together.
        body_bytes: Their lines together.
        most_tokens: Input tokens of the longest.
        most_output_tokens: The most that one of them may answer with.
        outdated: How many ask about another input than their subject has by now.
    """

    company_id: UUID
    model: str
    company_model: str | None
    processing_type: str
    prompt_version: str
    requests: int
    token_estimate: int
    body_bytes: int
    most_tokens: int
    most_output_tokens: int
    outdated: int


def requeued_groups(connection: Connection, request_ids: Iterable[UUID]) -> list[RequeuedGroup]:
    """Returns how large some requests are, for what it costs to send them again."""
    rows = connection.execute(statement("ledger/sum_requeue_sizes"), {"request_ids": list(request_ids)})
    return [RequeuedGroup(**row) for row in rows.mappings()]


def fail_pending(connection: Connection, reasons: Mapping[UUID, str], code: str, *, now: datetime) -> list[UUID]:
    """Fails pending requests that the caller has locked, each for its own reason; returns their ids, for their kind to mark."""
    if not reasons:
        return []
    ids = {"request_ids": list(reasons), "reasons": list(reasons.values())}
    failed = connection.execute(statement("ledger/fail_pending_requests"), {**ids, "error_code": code, "now": now})
    return list(failed.scalars())
