"""Counts what keeps sessions from going on, for the overview of the pipeline; locks and changes nothing.

Add a count of an obstacle that only a person, or time, removes. `ledger.steps.batches.preview` foresees holds and limits of a
submit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, false, func, select, true

from livedash_pipeline.base.rules.states import ENDED_BATCHES, WORKING_COMPANIES, RequestStatus
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_processing_requests, companies


@dataclass(frozen=True)
class BatchesAtEndpoint:
    """Counts of batches at one service that have not been ingested.

    `ended` have ended and can be ingested now; `waiting` have ended, but their files were incomplete at the last look, and the
    next look is at `next_look_at`. `live_requests` counts the requests of the batches that have not ended.
    """

    endpoint: str
    batches: int
    ended: int
    waiting: int
    next_look_at: datetime | None
    live_requests: int


@dataclass(frozen=True)
class IdleCompany:
    """A company that is neither ACTIVE nor TRIAL, and the number of its waiting requests."""

    company: str
    status: str
    requests: int


@dataclass(frozen=True)
class FailingCompany:
    """A company whose imports fail: how many in a row, and when the next one is due."""

    company: str
    failures: int
    next_import_at: datetime | None


def unprocessed_batches(connection: Connection, company_id: UUID | None, *, now: datetime) -> list[BatchesAtEndpoint]:
    """Batches that have not been ingested, by endpoint."""
    table = ai_batch_requests.c
    waits = table.status.in_(ENDED_BATCHES) & func.coalesce(table.next_ingest_at > now, false())
    query = (
        select(
            table.endpoint,
            func.count().label("batches"),
            func.count().filter(table.status.in_(ENDED_BATCHES), ~waits).label("ended"),
            func.count().filter(waits).label("waiting"),
            func.min(table.next_ingest_at).filter(waits).label("next_look_at"),
            func.coalesce(func.sum(table.request_count).filter(table.status.not_in(ENDED_BATCHES)), 0).label(
                "live_requests"
            ),
        )
        .where(table.processed_at.is_(None), _of(table.company_id, company_id))
        .group_by(table.endpoint)
        .order_by(table.endpoint)
    )
    return [BatchesAtEndpoint(**row) for row in connection.execute(query).mappings()]


def idle_companies(connection: Connection, company_id: UUID | None) -> list[IdleCompany]:
    """Returns companies that are neither ACTIVE nor TRIAL and have waiting requests."""
    table = ai_processing_requests.c
    query = (
        select(companies.c.slug.label("company"), companies.c.status, func.count().label("requests"))
        .join(ai_processing_requests, table.company_id == companies.c.id)
        .where(
            companies.c.status.not_in(WORKING_COMPANIES),
            table.processing_status == RequestStatus.PENDING_BATCHING,
            _of(companies.c.id, company_id),
        )
        .group_by(companies.c.slug, companies.c.status)
        .order_by(companies.c.slug)
    )
    return [IdleCompany(**row) for row in connection.execute(query).mappings()]


def failing_companies(connection: Connection, company_id: UUID | None) -> list[FailingCompany]:
    """Working companies whose last import failed."""
    query = (
        select(
            companies.c.slug.label("company"),
            companies.c.import_failures.label("failures"),
            companies.c.next_import_at,
        )
        .where(
            companies.c.import_failures > 0,
            companies.c.status.in_(WORKING_COMPANIES),
            _of(companies.c.id, company_id),
        )
        .order_by(companies.c.slug)
    )
    return [FailingCompany(**row) for row in connection.execute(query).mappings()]


def pending_requests(connection: Connection, company_id: UUID | None) -> int:
    """Counts requests that wait to be sent, of companies of every status."""
    table = ai_processing_requests.c
    query = (
        select(func.count())
        .select_from(ai_processing_requests)
        .where(table.processing_status == RequestStatus.PENDING_BATCHING, _of(table.company_id, company_id))
    )
    return connection.execute(query).scalar_one()


def _of(column: ColumnElement[UUID], company_id: UUID | None) -> ColumnElement[bool]:
    return true() if company_id is None else column == company_id
