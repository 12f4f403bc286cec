"""Settling a batch: every request, attempt, session, question and stage of it, in one transaction of the caller.

The order is: `lock_batch`, `open_stage`, `copy_results` and `stage_unanswered`, then `settle`. What each outcome leads to is
decided in `core.outcomes`; here it is applied to all rows at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg import Connection as PsycopgConnection
from sqlalchemy import Connection, func, select, text

from livedash_pipeline.core.outcomes import PAID_OUTCOMES, Outcome
from livedash_pipeline.core.states import BatchStatus, RequestStatus
from livedash_pipeline.db import answers
from livedash_pipeline.db.statements import statement
from livedash_pipeline.db.tables import ai_processing_requests, ai_request_attempts, session_questions

# The columns of a staged result in the order of `StagedResult.as_row`.
_COLUMNS = (
    "line_order, request_id, outcome, counted_release, error_code, error_message, http_status, finish_reason,"
    " openai_request_id, model, service_tier, system_fingerprint, prompt_tokens, completion_tokens, total_tokens,"
    " cached_tokens, cache_write_tokens, audio_tokens_prompt, reasoning_tokens, audio_tokens_completion,"
    " accepted_prediction_tokens, rejected_prediction_tokens, prompt_cost_usd, completion_cost_usd, total_cost_usd,"
    " total_cost_eur, raw_answer, answer_flags, parsed_answer"
)


@dataclass(frozen=True)
class LockedBatch:
    """An unsettled batch, locked by this transaction."""

    id: UUID
    company_id: UUID
    status: BatchStatus
    openai_status: str | None
    error_code: str | None
    error_message: str | None
    cancel_requested_at: datetime | None
    cancel_unfinished: str | None


@dataclass(frozen=True)
class Allowances:
    """How often a request is tried and released before it fails."""

    max_attempts: int
    max_releases: int


def lock_batch(connection: Connection, batch_id: UUID) -> LockedBatch | None:
    """Locks a batch that has ended and is not settled yet; None if it is, or if somebody else is settling it."""
    row = connection.execute(statement("lock_batch_to_settle"), {"batch_id": batch_id}).mappings().one_or_none()
    if row is None:
        return None
    connection.execute(statement("lock_batch_sessions"), {"batch_id": batch_id})
    connection.execute(statement("lock_batch_requests"), {"batch_id": batch_id})
    return LockedBatch(**(dict(row) | {"status": BatchStatus(row["status"])}))


def submitted_sessions(connection: Connection, batch_id: UUID) -> dict[UUID, UUID]:
    """Request id → session id of everything that was submitted in a batch."""
    query = (
        select(ai_processing_requests.c.id, ai_processing_requests.c.session_id)
        .join(ai_request_attempts, ai_request_attempts.c.request_id == ai_processing_requests.c.id)
        .where(ai_request_attempts.c.batch_id == batch_id)
    )
    return {request_id: session_id for request_id, session_id in connection.execute(query)}  # noqa: C416 - rows are not pairs to a type checker


def open_stage(connection: Connection) -> None:
    """Creates the temporary table of staged results."""
    connection.execute(statement("create_staged_results"))


def copy_results(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> int:
    """Stages results by COPY and returns how many."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, PsycopgConnection):
        raise TypeError("results are staged through psycopg 3")
    count = 0
    with driver.cursor().copy(f"COPY staged_results ({_COLUMNS}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def drop_repeated(connection: Connection, batch_id: UUID) -> tuple[int, int]:
    """Leaves one line per request; returns how many lines named strangers, and how many repeated a request."""
    connection.execute(text("ANALYZE staged_results"))
    row = connection.execute(statement("drop_repeated_results"), {"batch_id": batch_id}).one()
    return row.strangers, row.repeated


def stage_unanswered(
    connection: Connection,
    batch_id: UUID,
    outcome: Outcome,
    *,
    error_code: str | None,
    error_message: str | None,
    counted_release: bool = False,
) -> int:
    """Gives every request without a line the outcome that the end of its batch implies; returns how many."""
    return connection.execute(
        statement("stage_unanswered_requests"),
        {
            "batch_id": batch_id,
            "outcome": outcome,
            "error_code": error_code,
            "error_message": error_message,
            "counted_release": counted_release,
        },
    ).rowcount


def settle(
    connection: Connection,
    batch: LockedBatch,
    *,
    allowances: Allowances,
    now: datetime,
    pricing_id: UUID | None = None,
    usd_eur: Decimal | None = None,
    missing_is_failure: bool = False,
) -> dict[str, int]:
    """Applies what is staged to all rows of the batch, closes it, and returns the number of requests per outcome."""
    batch_id = batch.id
    connection.execute(
        statement("settle_attempts"),
        {"batch_id": batch_id, "now": now, "pricing_id": pricing_id, "usd_eur": usd_eur},
    )
    connection.execute(
        statement("settle_requests"),
        {
            "batch_id": batch_id,
            "now": now,
            "max_attempts": allowances.max_attempts,
            "max_releases": allowances.max_releases,
            "missing_is_failure": missing_is_failure,
            "cancel_unfinished": batch.cancel_unfinished if batch.cancel_requested_at else None,
        },
    )
    answers.stage_batch_answers(connection, batch_id)
    answers.write_staged_answers(connection, now=now)
    connection.execute(statement("settle_stages"), {"batch_id": batch_id, "now": now})
    counted = {row.outcome: row.requests for row in connection.execute(statement("count_outcomes"))}
    connection.execute(statement("finish_batch"), {"batch_id": batch_id, "now": now})
    connection.execute(text("DROP TABLE staged_answers"))
    drop_stage(connection)
    return counted


def drop_stage(connection: Connection) -> None:
    """Removes the temporary table of staged results."""
    connection.execute(text("DROP TABLE staged_results"))


def batch_cost(connection: Connection, batch_id: UUID) -> Decimal | None:
    """What a batch's answers cost in euro; None where the cost of any answer is unknown."""
    attempts = ai_request_attempts.c
    unknown = func.count().filter(attempts.outcome.in_(PAID_OUTCOMES), attempts.total_cost_eur.is_(None))
    query = select(unknown, func.coalesce(func.sum(attempts.total_cost_eur), 0)).where(attempts.batch_id == batch_id)
    missing, total = connection.execute(query).one()
    return None if missing else Decimal(total)


def batch_questions(connection: Connection, batch_id: UUID) -> int:
    """How many questions the sessions of a batch's answers have."""
    linked = session_questions.c
    requests = ai_processing_requests.c
    query = (
        select(func.count())
        .select_from(session_questions)
        .join(ai_processing_requests, requests.session_id == linked.session_id)
        .where(requests.batch_id == batch_id, requests.processing_status == RequestStatus.PROCESSING_COMPLETE)
    )
    return int(connection.execute(query).scalar_one())
