"""Sessions that have to be analysed, and the requests that ask about them.

Add reads and writes of requests that depend on what they ask about; what holds for requests of every kind is in
`ledger.store.batches.requests`. Every function runs on the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select

from livedash_pipeline.base.rules.states import RequestStatus, Stage
from livedash_pipeline.base.store.stages import has_added_stages
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_processing_requests


@dataclass(frozen=True)
class SessionToRequest:
    """A session that waits for analysis; `kept_request_id` is a request whose answer fits its messages already."""

    session_id: UUID
    import_id: UUID
    transcript_hash: str | None
    kept_request_id: UUID | None


@dataclass(frozen=True)
class RequestToRewrite:
    """An unclaimed request whose input is not the current one any more.

    `kept_request_id` is a request whose answer fits the session's messages already.
    """

    request_id: UUID
    session_id: UUID
    transcript_hash: str
    kept_request_id: UUID | None


@dataclass(frozen=True)
class SessionWithoutQuestions:
    """A session whose analysis is over and whose questions nobody has looked for.

    `kept_request_id` is the request whose answer holds them; it is None where none was kept, or the analysis was skipped.
    """

    session_id: UUID
    import_id: UUID
    analysis_status: str
    analysis_reason: str | None
    kept_request_id: UUID | None


@dataclass(frozen=True)
class BuiltRequest:
    """A request ready to be stored; `owner_id` is the session's id for a new one, the request's for a rewritten one."""

    owner_id: UUID
    transcript_hash: str
    input_hash: str
    body_bytes: int
    token_estimate: int
    max_output_tokens: int


def find_sessions_to_request(
    connection: Connection, company_id: UUID, *, after_id: UUID, chunk_size: int
) -> list[SessionToRequest]:
    """The next sessions without a request, locked until the transaction ends."""
    rows = connection.execute(
        statement("analysis/find_sessions_to_request"),
        {
            "company_id": company_id,
            "after_id": after_id,
            "chunk_size": chunk_size,
            "stages_added": has_added_stages(connection, before=Stage.AI_ANALYSIS),
        },
    )
    return [SessionToRequest(**row) for row in rows.mappings()]


def find_requests_to_rewrite(
    connection: Connection, company_id: UUID, *, model: str, prompt_version: str, after_id: UUID, chunk_size: int
) -> list[RequestToRewrite]:
    """The next unclaimed requests whose input is outdated, locked until the transaction ends."""
    rows = connection.execute(
        statement("analysis/find_requests_to_rewrite"),
        {
            "company_id": company_id,
            "model": model,
            "prompt_version": prompt_version,
            "after_id": after_id,
            "chunk_size": chunk_size,
        },
    )
    return [RequestToRewrite(**row) for row in rows.mappings()]


def find_companies_to_rewrite(
    connection: Connection, *, default_model: str, prompt_version: str, company_id: UUID | None = None
) -> list[str]:
    """Slugs of working companies with unclaimed requests that name another model or prompt than the present ones."""
    values = {"default_model": default_model, "prompt_version": prompt_version, "company_id": company_id}
    return list(connection.execute(statement("analysis/find_companies_to_rewrite"), values).scalars())


def find_sessions_without_questions(
    connection: Connection, company_id: UUID, *, after_id: UUID, chunk_size: int
) -> list[SessionWithoutQuestions]:
    """The next sessions that were analysed without questions, locked until the transaction ends."""
    rows = connection.execute(
        statement("analysis/find_sessions_without_questions"),
        {"company_id": company_id, "after_id": after_id, "chunk_size": chunk_size},
    )
    return [SessionWithoutQuestions(**row) for row in rows.mappings()]


def insert_requests(
    connection: Connection,
    company_id: UUID,
    built: Sequence[BuiltRequest],
    *,
    model: str,
    prompt_version: str,
    now: datetime,
) -> int:
    """Stores new pending requests and returns how many; a session with an open request, or analysed by now, is left alone."""
    values = _columns("session_ids", built) | {
        "company_id": company_id,
        "model": model,
        "prompt_version": prompt_version,
        "now": now,
    }
    return connection.execute(statement("analysis/insert_requests"), values).rowcount


def rewrite_requests(
    connection: Connection, built: Sequence[BuiltRequest], *, model: str, prompt_version: str, now: datetime
) -> int:
    """Gives unclaimed requests their current input and returns how many."""
    values = _columns("request_ids", built) | {"model": model, "prompt_version": prompt_version, "now": now}
    return connection.execute(statement("analysis/rewrite_requests"), values).rowcount


def _columns(owner: str, built: Sequence[BuiltRequest]) -> dict[str, Any]:
    return {
        owner: [request.owner_id for request in built],
        "transcript_hashes": [request.transcript_hash for request in built],
        "input_hashes": [request.input_hash for request in built],
        "body_bytes": [request.body_bytes for request in built],
        "token_estimates": [request.token_estimate for request in built],
        "max_output_tokens": [request.max_output_tokens for request in built],
    }


def skip_analysis(connection: Connection, import_ids: Sequence[UUID], *, reason: str, now: datetime) -> int:
    """Marks AI_ANALYSIS and QUESTION_EXTRACTION as SKIPPED with a reason; returns of how many imports the first one."""
    values = {"import_ids": list(import_ids), "reason": reason, "now": now}
    return sum(
        stage == Stage.AI_ANALYSIS
        for stage in connection.execute(statement("analysis/skip_analysis"), values).scalars()
    )


def skip_questions(connection: Connection, reasons: Mapping[UUID, str], *, now: datetime) -> None:
    """Marks QUESTION_EXTRACTION of imports as SKIPPED, each with its reason."""
    values = {"import_ids": list(reasons), "reasons": list(reasons.values()), "now": now}
    connection.execute(statement("analysis/skip_questions"), values)


def close_requests_without_messages(
    connection: Connection, request_ids: Sequence[UUID], *, reason: str, now: datetime
) -> int:
    """Fails unclaimed requests whose sessions have lost their messages, and skips the sessions' analysis."""
    values = {"request_ids": list(request_ids), "reason": reason, "now": now}
    import_ids = list(connection.execute(statement("analysis/close_requests_without_messages"), values).scalars())
    skip_analysis(connection, import_ids, reason=reason, now=now)
    return len(import_ids)


def close_answered_requests(connection: Connection, request_ids: Sequence[UUID], *, reason: str, now: datetime) -> None:
    """Ends unclaimed requests about messages whose answer is known (`answered_before`)."""
    connection.execute(
        statement("analysis/close_answered_requests"), {"request_ids": list(request_ids), "reason": reason, "now": now}
    )


def count_waiting(connection: Connection, company_id: UUID) -> int:
    """How many requests of a company, of every kind, wait for a batch."""
    requests = ai_processing_requests.c
    waiting = (requests.company_id == company_id) & (requests.processing_status == RequestStatus.PENDING_BATCHING)
    return connection.execute(select(func.count()).select_from(ai_processing_requests).where(waiting)).scalar_one()
