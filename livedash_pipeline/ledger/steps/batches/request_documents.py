"""Makes JSON documents of requests and tries, the same wherever one is shown.

Keys that callers rely on come first and keep their order. Add a key here when `ledger.store.batches.request_history` reads
another column.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from livedash_pipeline.base.rules.values import Document, moment, money
from livedash_pipeline.ledger.store.batches.request_history import AttemptRow, RequestRow


def requests_document(requests: Iterable[RequestRow], next_cursor: str | None) -> Document:
    """The document of one page of requests."""
    return {"ok": True, "requests": [request_document(request) for request in requests], "nextCursor": next_cursor}


def request_document(request: RequestRow) -> Document:
    """The document of a listed request."""
    return {
        "id": str(request.id),
        "sessionId": _text(request.session_id),
        "status": request.status.lower(),
        "companyId": str(request.company_id),
        "model": request.model,
        "batchId": _text(request.batch_id),
        "attempts": request.attempts,
        "errorCode": request.error_code,
        "errorMessage": request.error_message,
        "requestedAt": moment(request.requested_at),
        "completedAt": moment(request.completed_at),
    }


def whole_request_document(request: RequestRow) -> Document:
    """The document of a single request: the keys of a listed one, and then further ones."""
    return request_document(request) | {
        "processingType": request.processing_type,
        "promptVersion": request.prompt_version,
        "tokenEstimate": request.token_estimate,
        "maxOutputTokens": request.max_output_tokens,
        "releases": request.releases,
        "updatedAt": moment(request.updated_at),
    }


def attempt_document(attempt: AttemptRow) -> Document:
    """The document of a try of a request."""
    return {
        "id": str(attempt.id),
        "batchId": _text(attempt.batch_id),
        "openaiBatchId": attempt.remote_batch_id,
        "outcome": attempt.outcome,
        "errorCode": attempt.error_code,
        "errorMessage": attempt.error_message,
        "httpStatus": attempt.http_status,
        "finishReason": attempt.finish_reason,
        "model": attempt.model,
        "promptTokens": attempt.prompt_tokens,
        "completionTokens": attempt.completion_tokens,
        "totalTokens": attempt.total_tokens,
        "cachedTokens": attempt.cached_tokens,
        "reasoningTokens": attempt.reasoning_tokens,
        "totalCostEur": money(attempt.total_cost_eur),
        "createdAt": moment(attempt.created_at),
        "settledAt": moment(attempt.settled_at),
    }


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
