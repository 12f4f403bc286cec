"""Batches as they are listed: newest first, a page at a time.

Add reads for people who look at batches. What the steps read before they write is in `db.batches` and `db.polling`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select, tuple_

from livedash_pipeline.core.states import BatchStatus
from livedash_pipeline.db.tables import ai_batch_requests, companies


@dataclass(frozen=True)
class ListedBatch:
    """A batch as it is listed; `company` is a slug."""

    id: UUID
    openai_batch_id: str | None
    company: str
    model: str
    status: BatchStatus
    openai_status: str | None
    requests: int
    created_at: datetime
    processed_at: datetime | None
    error_code: str | None
    error_message: str | None


def list_batches(
    connection: Connection, *, limit: int, after_id: UUID | None = None, company_id: UUID | None = None
) -> list[ListedBatch]:
    """Batches, newest first, older than one of them where one is given.

    Ids grow with time only for rows made here, so that the order is by time; the id decides between equals.
    """
    table = ai_batch_requests.c
    position = tuple_(table.created_at, table.id)
    query = (
        select(
            table.id,
            table.openai_batch_id,
            companies.c.slug.label("company"),
            table.model,
            table.status,
            table.openai_status,
            table.request_count.label("requests"),
            table.created_at,
            table.processed_at,
            table.error_code,
            table.error_message,
        )
        .join(companies, companies.c.id == table.company_id)
        .order_by(table.created_at.desc(), table.id.desc())
        .limit(limit)
    )
    if after_id is not None:
        last = ai_batch_requests.alias("last").c
        query = query.where(position < select(last.created_at, last.id).where(last.id == after_id).scalar_subquery())
    if company_id is not None:
        query = query.where(table.company_id == company_id)
    return [
        ListedBatch(**(dict(row) | {"status": BatchStatus(row["status"])}))
        for row in connection.execute(query).mappings()
    ]
