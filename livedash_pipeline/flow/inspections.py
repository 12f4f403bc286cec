"""What an engineer asks about one request, one batch, or the records that could not be read; the answers are documents.

HTTP calls these. Arguments are checked here, once; None stands for a thing that does not exist.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.core.cursors import make_cursor, read_cursor
from livedash_pipeline.core.outcomes import Outcome
from livedash_pipeline.db import batch_listing, inspections
from livedash_pipeline.db.companies import get_company
from livedash_pipeline.db.connect import database_now
from livedash_pipeline.db.ingesting import batch_id_of
from livedash_pipeline.errors import UsageError
from livedash_pipeline.flow.batch_operations import batch_document
from livedash_pipeline.flow.documents import Document, moment, money
from livedash_pipeline.flow.operations import DEFAULT_PAGE, MAX_PAGE


def describe_request(engine: Engine, request_id: str) -> Document | None:
    """A request with all its tries; answers of the model are not shown."""
    try:
        wanted = UUID(request_id)
    except ValueError:
        return None
    with engine.connect() as connection:
        row = inspections.read_request(connection, wanted)
        if row is None:
            return None
        attempts = inspections.read_attempts(connection, wanted)
    return {"ok": True, "request": _request(row), "attempts": [_attempt(attempt) for attempt in attempts]}


def _request(row: Any) -> Document:
    """The keys of a listed request, in their order, and then what only one is asked for."""
    return {
        "id": str(row["id"]),
        "sessionId": str(row["session_id"]),
        "status": row["processing_status"].lower(),
        "companyId": str(row["company_id"]),
        "model": row["model"],
        "batchId": _text(row["batch_id"]),
        "attempts": row["attempts"],
        "errorCode": row["error_code"],
        "errorMessage": row["error_message"],
        "requestedAt": moment(row["requested_at"]),
        "completedAt": moment(row["completed_at"]),
        "processingType": row["processing_type"],
        "promptVersion": row["prompt_version"],
        "tokenEstimate": row["token_estimate"],
        "maxOutputTokens": row["max_output_tokens"],
        "releases": row["releases"],
        "updatedAt": moment(row["updated_at"]),
    }


def _attempt(row: Any) -> Document:
    return {
        "id": str(row["id"]),
        "batchId": _text(row["batch_id"]),
        "openaiBatchId": row["openai_batch_id"],
        "outcome": row["outcome"],
        "errorCode": row["error_code"],
        "errorMessage": row["error_message"],
        "httpStatus": row["http_status"],
        "finishReason": row["finish_reason"],
        "model": row["model"],
        "promptTokens": row["prompt_tokens"],
        "completionTokens": row["completion_tokens"],
        "totalTokens": row["total_tokens"],
        "cachedTokens": row["cached_tokens"],
        "reasoningTokens": row["reasoning_tokens"],
        "totalCostEur": money(row["total_cost_eur"]),
        "createdAt": moment(row["created_at"]),
        "settledAt": moment(row["settled_at"]),
    }


def find_batch(engine: Engine, name: str) -> UUID | None:
    """Our id of a batch that is named by it, or by the service's id."""
    with engine.connect() as connection:
        return batch_id_of(connection, name)


def describe_batch(engine: Engine, name: str, *, endpoint: str | None = None) -> Document | None:
    """A batch with its files, times, counts, outcomes and cost.

    Args:
        engine: Our database.
        name: Our id, or the service's.
        endpoint: The service that the settings name; a batch of another one is said to be its.
    """
    with engine.connect() as connection:
        batch_id = batch_id_of(connection, name)
        row = None if batch_id is None else inspections.read_batch(connection, batch_id)
        if row is None or batch_id is None:
            return None
        (listed,) = batch_listing.list_batches(connection, limit=1, batch_id=batch_id)
        document = batch_document(listed, endpoint, database_now(connection))
        return {"ok": True, "batch": document | _batch_details(connection, row)}


def _batch_details(connection: Connection, row: Any) -> Document:
    outcomes = inspections.read_batch_outcomes(connection, row["id"])
    counted = {one["outcome"]: one["attempts"] for one in outcomes}
    costs = [one["eur"] for one in outcomes if one["eur"] is not None]
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
        "totalCostEur": money(sum(costs)) if costs else None,
    }


def list_rejects(
    engine: Engine, *, limit: int = DEFAULT_PAGE, cursor: str | None = None, company: str | None = None
) -> Document:
    """One page of records that could not be read, the newest first.

    Raises:
        UsageError: Unknown company, a limit out of range, or a cursor of another query.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise UsageError(f"limit is {limit}.", remedy=f"Use 1 to {MAX_PAGE}.")
    filters = {"list": "rejects", "company": company}
    after = read_cursor(cursor, filters) if cursor else None
    if cursor and after is None:
        raise UsageError(
            f"{cursor!r} is not a cursor of this query.",
            remedy="Use nextCursor of the page before, with the same filter.",
        )
    with engine.connect() as connection:
        company_id = get_company(connection, company).id if company else None
        found = inspections.list_rejects(connection, limit=limit + 1, after_id=after, company_id=company_id)
    page = found[:limit]
    return {
        "ok": True,
        "rejects": [_reject(row) for row in page],
        "nextCursor": make_cursor(page[-1]["id"], filters) if len(found) > limit else None,
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
        "rawText": row["raw_text"],
    }


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
