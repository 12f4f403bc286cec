"""Reads the results of one company for that company: in the order of their analysis, and by the ids of its own sessions.

Add reads that a company's token may do. Every read names the company, so that it never returns rows of another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import questions, session_imports, session_questions, sessions


@dataclass(frozen=True, slots=True)
class CompanyResult:
    """One analysed session."""

    session_id: UUID
    external_session_id: str
    start_time: datetime
    end_time: datetime
    analysed_at: datetime
    language: str | None
    sentiment: str | None
    escalated: bool | None
    forwarded_hr: bool | None
    category: str | None
    summary: str | None
    questions: Sequence[str]


def find_results_horizon(connection: Connection, *, before: datetime) -> datetime:
    """Returns the moment up to which no further result can come, at the latest `before`."""
    horizon: datetime = connection.execute(
        statement("submissions/find_results_horizon"), {"before": before}
    ).scalar_one()
    return horizon


def find_company_results(
    connection: Connection, company_id: UUID, *, after: tuple[datetime, UUID], horizon: datetime, page_size: int
) -> list[CompanyResult]:
    """Returns results after a place (moment and session id) and before the horizon, in order."""
    rows = connection.execute(
        statement("submissions/find_company_results"),
        {
            "company_id": company_id,
            "after_at": after[0],
            "after_id": after[1],
            "horizon": horizon,
            "page_size": page_size,
        },
    )
    return [CompanyResult(**row) for row in rows.mappings()]


def find_summary(connection: Connection, import_id: UUID) -> tuple[str | None, Sequence[str]]:
    """Returns the texts of one session's analysis: its summary, and its questions, most important first."""
    summary = connection.execute(select(sessions.c.summary).where(sessions.c.import_id == import_id)).scalar()
    asked = (
        select(questions.c.content)
        .join(session_questions, session_questions.c.question_id == questions.c.id)
        .join(sessions, sessions.c.id == session_questions.c.session_id)
        .where(sessions.c.import_id == import_id)
        .order_by(session_questions.c.position)
    )
    return summary, connection.execute(asked).scalars().all()


def find_import_id(connection: Connection, company_id: UUID, external_id: str) -> UUID | None:
    """Finds the import of a session that a company names by its own id."""
    known = session_imports.c
    found: UUID | None = connection.execute(
        select(known.id).where(known.company_id == company_id, known.external_session_id == external_id)
    ).scalar_one_or_none()
    return found
