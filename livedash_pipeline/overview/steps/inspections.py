"""Describes one request, one batch, or rejected records as documents, for commands and HTTP.

Checks the arguments, so that callers need not; returns None for a thing that does not exist.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.cursors import make_cursor, read_cursor
from livedash_pipeline.base.rules.ids import read_id
from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.values import Document, moment
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, cut_page, page_start
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.ledger.steps.batches.listing import batch_document
from livedash_pipeline.ledger.steps.batches.request_documents import attempt_document, whole_request_document
from livedash_pipeline.ledger.store.batches import listing, request_history
from livedash_pipeline.ledger.store.costs.entries import BatchCost, batch_costs
from livedash_pipeline.ledger.store.results.finished import batch_id_of
from livedash_pipeline.overview.store import inspections


def describe_request(engine: Engine, request_id: str, *, show_text: bool = False) -> Document | None:
    """Describes a request with all its tries.

    Args:
        engine: Our database.
        request_id: Its id.
        show_text: Include the model's answer: as it came where it could not be used, and as it was read.
    """
    wanted = read_id(request_id)
    if wanted is None:
        return None
    with engine.connect() as connection:
        found = request_history.read_requests(connection, request_id=wanted)
        attempts = request_history.read_attempts(connection, [wanted])
        kept = request_history.read_kept_texts(connection, wanted) if show_text else None
    if not found:
        return None
    texts = {} if kept is None else {"texts": {"rawAnswer": kept[0], "parsedAnswer": kept[1]}}
    return {
        "ok": True,
        "request": whole_request_document(found[0]),
        "attempts": [attempt_document(attempt) for attempt in attempts],
    } | texts


def find_batch(engine: Engine, name: str) -> UUID | None:
    """Returns our id of a batch, which is named by it or by the service's id."""
    with engine.connect() as connection:
        return batch_id_of(connection, name)


def describe_batch(engine: Engine, name: str, *, endpoint: str | None = None) -> Document | None:
    """Describes a batch with its files, times, counts, outcomes and cost.

    Args:
        engine: Our database.
        name: Our id, or the service's.
        endpoint: The service that the settings name; a batch of another service is marked as such.
    """
    with engine.connect() as connection:
        batch_id = batch_id_of(connection, name)
        row = None if batch_id is None else inspections.read_batch(connection, batch_id)
        if row is None or batch_id is None:
            return None
        (listed,) = listing.list_batches(connection, limit=1, batch_id=batch_id)
        cost = batch_costs(connection, [batch_id]).get(batch_id, BatchCost())
        document = batch_document(listed, cost, endpoint, database_now(connection))
        return {"ok": True, "batch": document | _batch_details(connection, row) | {"totalCostEur": document["costEur"]}}


def _batch_details(connection: Connection, row: Any) -> Document:
    outcomes = inspections.read_batch_outcomes(connection, row["id"])
    counted = {one["outcome"]: one["attempts"] for one in outcomes}
    return {
        "endpoint": row["endpoint"],
        "inputFileId": row["input_file_id"],
        "outputFileId": row["output_file_id"],
        "errorFileId": row["error_file_id"],
        "tokenEstimate": row["token_estimate"],
        "submittedAt": moment(row["submitted_at"]),
        "expiresAt": moment(row["expires_at"]),
        "completedAt": moment(row["completed_at"]),
        "cancelRequestedAt": moment(row["cancel_requested_at"]),
        "reported": {word: row[f"reported_{word}"] for word in ("total", "completed", "failed")},
        "lines": {word: row[f"lines_{word}"] for word in ("succeeded", "failed")},
        "outcomes": {outcome.value: counted.get(outcome.value, 0) for outcome in Outcome},
    }


def list_rejects(
    engine: Engine,
    *,
    limit: int = DEFAULT_PAGE,
    cursor: str | None = None,
    company: str | None = None,
    show_text: bool = False,
) -> Document:
    """Returns one page of rejected records, the newest first.

    Args:
        engine: Our database.
        limit: Records per page.
        cursor: `nextCursor` of the page before.
        company: Only this company's.
        show_text: Include the beginning of each record, which may hold people's data.

    Raises:
        UsageError: Unknown company, a limit out of range, or a cursor of another query.
    """
    filters = {"list": "rejects", "company": company}
    after = page_start(cursor, filters, limit=limit, read=read_cursor)
    with engine.connect() as connection:
        company_id = optional_company_id(connection, company)
        found = inspections.list_rejects(connection, limit=limit + 1, after_id=after, company_id=company_id)
    page, following = cut_page(found, limit, lambda row: make_cursor(row["id"], filters))
    return {
        "ok": True,
        "rejects": [_reject(row) | ({"rawText": row["raw_text"]} if show_text else {}) for row in page],
        "nextCursor": following,
    }


def _reject(row: Any) -> Document:
    return {
        "id": str(row["id"]),
        "company": row["company"],
        "importRunId": str(row["import_run_id"]),
        "importedAt": moment(row["started_at"]),
        "lineNumber": row["line_number"],
        "reason": row["reason"],
        "detail": row["detail"],
    }
