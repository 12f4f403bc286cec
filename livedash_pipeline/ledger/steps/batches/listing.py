"""Lists batches as documents, for commands and HTTP.

Checks the arguments, so that its callers need not.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine

from livedash_pipeline.base.rules.cursors import make_cursor, read_cursor
from livedash_pipeline.base.rules.values import Document, moment, money
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, cut_page, page_start
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.ledger.rules.admission.standstill import why_it_stands_still
from livedash_pipeline.ledger.store.batches import listing
from livedash_pipeline.ledger.store.batches.listing import ListedBatch
from livedash_pipeline.ledger.store.costs.entries import BatchCost, batch_costs


def list_batches(
    engine: Engine,
    *,
    limit: int = DEFAULT_PAGE,
    cursor: str | None = None,
    company: str | None = None,
    endpoint: str | None = None,
) -> Document:
    """Returns one page of batches, newest first, each with the reason why it stands still.

    Args:
        engine: Our database.
        limit: Batches a page.
        cursor: `nextCursor` of the page before.
        company: Only this company's.
        endpoint: The service that the settings name; batches of another service are marked as such.

    Raises:
        UsageError: Unknown company, a limit out of range, or a cursor of another query.
    """
    filters = {"list": "batches", "company": company}
    after = page_start(cursor, filters, limit=limit, read=read_cursor)
    with engine.connect() as connection:
        company_id = optional_company_id(connection, company)
        now = database_now(connection)
        found = listing.list_batches(connection, limit=limit + 1, after_id=after, company_id=company_id)
        page, following = cut_page(found, limit, lambda row: make_cursor(row.id, filters))
        costs = batch_costs(connection, [batch.id for batch in page])
    return {
        "ok": True,
        "batches": [batch_document(batch, costs.get(batch.id, BatchCost()), endpoint, now) for batch in page],
        "nextCursor": following,
    }


def batch_document(batch: ListedBatch, cost: BatchCost, endpoint: str | None, now: datetime) -> Document:
    """Returns the document of a listed batch with what it costs."""
    document = listed_document(batch, endpoint, now)
    reason = document.pop("standsStillBecause")
    return document | {
        "estimatedCostEur": money(cost.estimated_eur),
        "costUsd": money(cost.cost_usd),
        "costEur": money(cost.cost_eur),
        "unattributedEur": money(cost.unattributed_eur),
        "surplusEur": money(cost.surplus_eur),
        "openEntries": cost.open_entries,
        "standsStillBecause": reason,
    }


def listed_document(batch: ListedBatch, endpoint: str | None, now: datetime) -> Document:
    """Returns the document of a listed batch without what it costs."""
    changed = batch.situation.status_changed_at
    return {
        "id": str(batch.id),
        "openaiBatchId": batch.remote_batch_id,
        "company": batch.company,
        "model": batch.model,
        "status": batch.status.lower(),
        "openaiStatus": batch.remote_status,
        "requests": batch.requests,
        "createdAt": moment(batch.created_at),
        "processedAt": moment(batch.processed_at),
        "errorCode": batch.error_code,
        "errorMessage": batch.error_message,
        "completed": batch.completed,
        "failed": batch.failed,
        "ageSeconds": _seconds(now - batch.created_at),
        "statusChangedAt": moment(changed),
        "secondsInStatus": _seconds(now - changed),
        "purchaseGuard": batch.purchase_guard,
        "standsStillBecause": why_it_stands_still(batch.situation, endpoint=endpoint, now=now),
    }


def _seconds(span: timedelta) -> int:
    return max(int(span.total_seconds()), 0)
