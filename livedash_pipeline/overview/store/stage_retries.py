"""Retries of stages, prepared in temporary tables of one transaction: the requested ones, and the allowed ones among them.

Add what a retry of a stage has to set back besides its row. Every function runs on the caller's transaction, after
`stage_retries`; `overview.steps.stages` decides what is requested and reported.
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
    """Counts of distinct ids given, of those that name a session, and of those that may be tried again."""

    asked: int
    found: int
    eligible: int


@dataclass(frozen=True)
class RetryEstimate:
    """Input tokens of one company's analyses to buy again, and of the longest; of `unknown` sessions nobody measured them."""

    company: str
    sessions: int
    token_estimate: int
    body_bytes: int
    longest: int
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
    """Stages the requested retries and the allowed ones among them; `lock` keeps other transactions from moving them.

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
    """Sets the staged rows back to PENDING, and prepares what the stage needs for its next try."""
    if stage == Stage.AI_ANALYSIS:
        # Nothing is asked before the earlier stages are over, since the messages may be older than the chat.
        failed = text(
            "SELECT request_id FROM scratch_eligible_retries"
            " WHERE status = 'FAILED' AND request_status = 'PROCESSING_FAILED' AND is_ready"
        )
        requeue(connection, connection.execute(failed).scalars(), kinds, now=now, dry_run=False)
    if stage == Stage.TRANSCRIPT_FETCH:
        connection.execute(statement("overview/free_retried_transcripts"), {"now": now})
    connection.execute(statement("overview/reset_retried_stages"), {"stage": stage, "now": now})


def retry_estimates(connection: Connection) -> list[RetryEstimate]:
    """Returns the input tokens of the staged analyses, per company."""
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
