"""Raw answers that were paid for, kept, and of no use to the reader of their time: reading them, and accepting them later.

Add what a later judgement of kept texts needs. Verdicts are those of `ledger.rules.results.judgement`; sessions are written by
`analysis.store.answers`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.analysis.store import answers
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.statements import statement


@dataclass(frozen=True)
class KeptAnswer:
    """A request's text, if it is still there; `is_current`: an answer would still be written to the session."""

    request_id: UUID
    session_id: UUID
    text: str | None
    is_current: bool


@dataclass(frozen=True)
class AcceptedAnswer:
    """A usable answer; `analysis` is JSON of the eight keys."""

    request_id: UUID
    analysis: str
    flags: tuple[str, ...]


def find_requests(
    connection: Connection, *, outcomes: Sequence[str], company_id: UUID | None, after_id: UUID, chunk_size: int
) -> list[UUID]:
    """The next failed requests whose last try ended so."""
    values = {"outcomes": list(outcomes), "company_id": company_id, "after_id": after_id, "chunk_size": chunk_size}
    return list(connection.execute(statement("analysis/find_requests_to_reread"), values).scalars())


def find_pending(connection: Connection, company_id: UUID, *, after_id: UUID, chunk_size: int) -> list[UUID]:
    """A company's next pending requests that have a kept answer about the messages that they ask about."""
    values = {"company_id": company_id, "after_id": after_id, "chunk_size": chunk_size}
    return list(connection.execute(statement("analysis/find_answered_pending_requests"), values).scalars())


def lock_requests(connection: Connection, request_ids: Sequence[UUID], status: RequestStatus) -> None:
    """Locks requests and their sessions until the transaction ends, in the order of a settlement."""
    values = {"request_ids": list(request_ids)}
    connection.execute(statement("analysis/lock_reread_sessions"), values)
    connection.execute(statement("analysis/lock_reread_requests"), values | {"status": status})


def read_answers(connection: Connection, request_ids: Sequence[UUID], status: RequestStatus) -> list[KeptAnswer]:
    """What was kept of requests in a state; others are left out."""
    rows = connection.execute(
        statement("analysis/read_kept_answers"), {"request_ids": list(request_ids), "status": status}
    )
    return [KeptAnswer(row.id, row.session_id, row.raw_answer, row.is_current) for row in rows]


def accept_answers(
    connection: Connection, accepted: Sequence[AcceptedAnswer], status: RequestStatus, *, now: datetime
) -> int:
    """Completes requests in a state with their answers, writes these to the sessions, and returns how many took one."""
    values = [
        {"id": str(each.request_id), "answer": json.loads(each.analysis), "flags": each.flags} for each in accepted
    ]
    connection.execute(
        statement("analysis/accept_kept_answers"), {"accepted": json.dumps(values), "status": status, "now": now}
    )
    return answers.apply_kept_answers(connection, [each.request_id for each in accepted], now=now)
