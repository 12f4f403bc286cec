"""Settles a batch: all its requests and attempts, and what its kind of request writes, in one transaction of the caller.

The order is: `lock_batch`, `open_scratch`, `copy_results` and `add_unanswered`, then `settle`. `base.rules.outcomes` decides what
each outcome leads to; this module applies it to all rows at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Text, cast, select, text

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.base.store.copying import copy_rows
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_processing_requests, ai_request_attempts
from livedash_pipeline.ledger.store.batches.request_kind import Kinds, RequestKind
from livedash_pipeline.ledger.store.costs.entries import batch_costs


@dataclass(frozen=True)
class LockedBatch:
    """An unsettled batch, locked by this transaction with its subjects and requests."""

    id: UUID
    company_id: UUID
    kind: RequestKind
    status: BatchStatus
    remote_status: str | None
    error_code: str | None
    error_message: str | None
    cancel_requested_at: datetime | None
    cancel_unfinished: str | None


@dataclass(frozen=True)
class Allowances:
    """How often a request is tried and released before it fails."""

    max_attempts: int
    max_releases: int


def lock_batch(connection: Connection, batch_id: UUID, kinds: Kinds) -> LockedBatch | None:
    """Locks a batch that has ended and is not settled; None if it is settled, or if another process is settling it."""
    row = connection.execute(statement("ledger/lock_batch_to_settle"), {"batch_id": batch_id}).mappings().one_or_none()
    if row is None:
        return None
    values = dict(row)
    kind = kinds[values.pop("processing_type")]
    kind.lock_subjects(connection, batch_id)
    connection.execute(statement("ledger/lock_batch_requests"), {"batch_id": batch_id})
    return LockedBatch(**(values | {"kind": kind, "status": BatchStatus(row["status"])}))


def submitted_subjects(connection: Connection, batch_id: UUID) -> dict[str, str]:
    """Returns request id → subject id, as text, of everything that was submitted in a batch."""
    requests = ai_processing_requests.c
    query = (
        select(cast(requests.id, Text), cast(requests.subject_id, Text))
        .join(ai_request_attempts, ai_request_attempts.c.request_id == requests.id)
        .where(ai_request_attempts.c.batch_id == batch_id)
    )
    return {request_id: subject_id for request_id, subject_id in connection.execute(query)}  # noqa: C416 - rows are not pairs to a type checker


def open_scratch(connection: Connection) -> None:
    """Creates the temporary table of staged results."""
    connection.execute(statement("ledger/create_scratch_results"))


def copy_results(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> int:
    """Stages results by COPY and returns how many; columns as `copy_scratch_results.sql` has them."""
    return copy_rows(connection, "ledger/copy_scratch_results", rows)


def drop_repeated(connection: Connection, batch_id: UUID) -> tuple[int, int]:
    """Leaves one line per request; returns how many lines named no request of the batch, and how many repeated one."""
    connection.execute(text("ANALYZE scratch_results (request_id, outcome)"))
    row = connection.execute(statement("ledger/drop_repeated_results"), {"batch_id": batch_id}).one()
    return row.unknown, row.repeated


@dataclass(frozen=True)
class ScratchAnswers:
    """Counts of requests with a paid line, and of those whose line cannot be read."""

    paid: int
    unreadable: int


def count_answers(connection: Connection) -> ScratchAnswers:
    """Counts staged answers; call it after `drop_repeated`."""
    row = connection.execute(statement("ledger/count_scratch_answers")).one()
    return ScratchAnswers(row.paid, row.unreadable)


def add_unanswered(
    connection: Connection,
    batch_id: UUID,
    outcome: Outcome,
    *,
    error_code: str | None,
    error_message: str | None,
    counted_release: bool = False,
) -> int:
    """Stages for every request without a line the outcome that follows from its batch's end; returns how many."""
    return connection.execute(
        statement("ledger/add_unanswered_requests"),
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
    """Applies the staged results to all rows of the batch, closes it, and returns the number of requests per outcome."""
    batch_id = batch.id
    connection.execute(statement("ledger/erase_scratch_results"))
    connection.execute(
        statement("ledger/settle_attempts"),
        {"batch_id": batch_id, "now": now, "pricing_id": pricing_id, "usd_eur": usd_eur},
    )
    connection.execute(
        statement("ledger/settle_requests"),
        {
            "batch_id": batch_id,
            "now": now,
            "max_attempts": allowances.max_attempts,
            "max_releases": allowances.max_releases,
            "missing_is_failure": missing_is_failure,
            "fails_unfinished": batch.cancel_requested_at is not None and batch.cancel_unfinished == "failed",
        },
    )
    batch.kind.apply_batch(connection, batch_id, now=now)
    counted = {row.outcome: row.requests for row in connection.execute(statement("ledger/count_outcomes"))}
    connection.execute(statement("ledger/finish_batch"), {"batch_id": batch_id, "now": now})
    drop_scratch(connection)
    return counted


def drop_scratch(connection: Connection) -> None:
    """Removes the temporary table of staged results."""
    connection.execute(text("DROP TABLE scratch_results"))


def batch_cost(connection: Connection, batch_id: UUID) -> Decimal | None:
    """Returns what a batch costs in euro, what no line states included; None where any of it is unknown."""
    return batch_costs(connection, [batch_id])[batch_id].cost_eur
