"""Lists batches for people: newest first, a page at a time.

Add reads for people who look at batches. `ledger.store.batches.claims` and `ledger.store.results.observations` have the reads of
the steps.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, Select, func, select, tuple_

from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.base.store.tables import ai_batch_requests, companies
from livedash_pipeline.ledger.rules.admission.standstill import BatchSituation

_SITUATION = "situation_"
_SITUATION_COLUMNS = tuple(field.name for field in fields(BatchSituation) if field.name != "status")


@dataclass(frozen=True)
class ListedBatch:
    """A batch as it is listed; `company` is a slug, `completed` and `failed` are lines, as far as they are known."""

    id: UUID
    remote_batch_id: str | None
    company: str
    model: str
    status: BatchStatus
    remote_status: str | None
    requests: int
    created_at: datetime
    processed_at: datetime | None
    error_code: str | None
    error_message: str | None
    completed: int | None
    failed: int | None
    purchase_guard: str | None
    situation: BatchSituation


def list_batches(
    connection: Connection,
    *,
    limit: int,
    after_id: UUID | None = None,
    company_id: UUID | None = None,
    batch_id: UUID | None = None,
) -> list[ListedBatch]:
    """Lists batches, newest first; only those older than a given one, or one batch alone.

    The order is by time, since ids grow with time only for rows made here; the id decides between equal times.
    """
    table = ai_batch_requests.c
    position = tuple_(table.created_at, table.id)
    query = listed_batches().order_by(table.created_at.desc(), table.id.desc()).limit(limit)
    if after_id is not None:
        last = ai_batch_requests.alias("last").c
        query = query.where(position < select(last.created_at, last.id).where(last.id == after_id).scalar_subquery())
    if company_id is not None:
        query = query.where(table.company_id == company_id)
    if batch_id is not None:
        query = query.where(table.id == batch_id)
    return [listed_batch(row) for row in connection.execute(query).mappings()]


def listed_batches() -> Select[Any]:
    """The query of all batches with what lists show of each, in no order."""
    table = ai_batch_requests.c
    return select(
        table.id,
        table.remote_batch_id.label("remote_batch_id"),
        companies.c.slug.label("company"),
        table.model,
        table.status,
        table.remote_status.label("remote_status"),
        table.request_count.label("requests"),
        table.created_at,
        table.processed_at,
        table.error_code,
        table.error_message,
        func.coalesce(table.lines_succeeded, table.reported_completed).label("completed"),
        func.coalesce(table.lines_failed, table.reported_failed).label("failed"),
        table.purchase_guard,
        *(table[name].label(_SITUATION + name) for name in _SITUATION_COLUMNS),
    ).join(companies, companies.c.id == table.company_id)


def listed_batch(row: RowMapping) -> ListedBatch:
    """A row of `listed_batches`."""
    status = BatchStatus(row["status"])
    shown = {name: value for name, value in row.items() if not name.startswith(_SITUATION)}
    situation = BatchSituation(status=status, **{name: row[_SITUATION + name] for name in _SITUATION_COLUMNS})
    return ListedBatch(**(shown | {"status": status, "situation": situation}))


def count_by_status(connection: Connection) -> dict[BatchStatus, int]:
    """Number of batches per status, zero included."""
    table = ai_batch_requests.c
    query = select(table.status, func.count()).group_by(table.status)
    counted = {BatchStatus(status): count for status, count in connection.execute(query)}
    return {status: counted.get(status, 0) for status in BatchStatus}
