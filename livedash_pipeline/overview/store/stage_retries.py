"""Stages that are tried again, prepared in tables of one transaction: what was asked for, what may be, and what becomes of it.

Add what a retry of a stage has to set back besides its row. Every function runs on the caller's transaction, after
`stage_retries`; what is asked for, and what is said about it, is decided in `overview.steps.stages`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_pipeline.base.rules.states import Stage, StageStatus
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.ledger.store.batches.request_kind import Kinds
from livedash_pipeline.ledger.store.batches.requests import requeue


@dataclass(frozen=True)
class RetryCounts:
    """Distinct ids that were given, how many name a session, and how many of those may be tried again."""

    asked: int
    found: int
    eligible: int


@dataclass(frozen=True)
class RetryEstimate:
    """Input of one company's analyses that are bought again; `unknown` of its sessions have none that was measured."""

    company: str
    sessions: int
    token_estimate: int
    unknown: int


def stage_retries(
    connection: Connection,
    stage: str,
    *,
    ids: Iterable[UUID],
    filtered: bool,
    company_id: UUID | None,
    reanalyse: bool,
    lock: bool,
) -> RetryCounts:
    """Stages what is asked for and what of it may be tried again; with `lock`, nobody else moves it meanwhile.

    Args:
        connection: In a transaction.
        stage: Its name.
        ids: Of sessions, or of their imports.
        filtered: Instead of ids, everything at the stage, of one company where `company_id` is given.
        company_id: Restricts the filter.
        reanalyse: Completed ones as well.
        lock: Wait for deletions of texts, and take the rows.
    """
    statuses = [StageStatus.FAILED.value] + ([StageStatus.COMPLETED.value] if reanalyse else [])
    values = {"stage": stage, "statuses": statuses}
    given = {"ids": list(ids), "filtered": filtered, "company_id": company_id}
    connection.execute(statement("overview/create_scratch_retries"), values | given)
    if lock:
        connection.execute(statement("overview/lock_retried_companies"))
        connection.execute(statement("overview/lock_retried_sessions"))
        connection.execute(statement("overview/lock_retried_stages"), {"stage": stage})
    connection.execute(statement("overview/create_scratch_eligible_retries"), values)
    return RetryCounts(**connection.execute(statement("overview/count_scratch_retries")).mappings().one())


def reset_retried_stages(connection: Connection, stage: str, kinds: Kinds, *, now: datetime) -> None:
    """Sets what is staged back to PENDING, with what the stage needs for its next try."""
    if stage == Stage.AI_ANALYSIS:
        # Behind an earlier stage nothing is asked yet: the messages may be older than the chat.
        failed = text(
            "SELECT request_id FROM scratch_eligible_retries"
            " WHERE status = 'FAILED' AND request_status = 'PROCESSING_FAILED' AND is_ready"
        )
        requeue(connection, connection.execute(failed).scalars(), kinds, now=now, dry_run=False)
    if stage == Stage.TRANSCRIPT_FETCH:
        connection.execute(statement("overview/free_retried_transcripts"), {"now": now})
    connection.execute(statement("overview/reset_retried_stages"), {"stage": stage, "now": now})


def retry_estimates(connection: Connection) -> list[RetryEstimate]:
    """What the staged analyses have for input, per company."""
    return [RetryEstimate(**row) for row in connection.execute(statement("overview/sum_retry_estimates")).mappings()]


def unmeasured_sessions(connection: Connection, company: str, *, chunk_size: int = 1000) -> Iterator[list[UUID]]:
    """The staged sessions of a company whose input nobody has measured, in chunks."""
    after = UUID(int=0)
    while True:
        values = {"company": company, "after_id": after, "chunk_size": chunk_size}
        chunk = list(connection.execute(statement("overview/find_unmeasured_retries"), values).scalars())
        if not chunk:
            return
        yield chunk
        after = chunk[-1]
