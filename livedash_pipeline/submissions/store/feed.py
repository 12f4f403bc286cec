"""Results of one company, as it reads them itself: in the order of their analysis, and by the ids of its own sessions.

Add reads that a company's token may do. Every one of them names the company, so that nobody else's rows can be met.
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
    """The moment up to which no result can come any more, at the latest `before`."""
    horizon: datetime = connection.execute(
        statement("submissions/find_results_horizon"), {"before": before}
    ).scalar_one()
    return horizon


def find_company_results(
    connection: Connection, company_id: UUID, *, after: tuple[datetime, UUID], horizon: datetime, page_size: int
) -> list[CompanyResult]:
    """Results after a place (moment and session id) and before the horizon, in order."""
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
    """What the analysis of one session says in words: its summary, and its questions, most important first."""
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
    """The import of a session that a company names by its own id."""
    known = session_imports.c
    found: UUID | None = connection.execute(
        select(known.id).where(known.company_id == company_id, known.external_session_id == external_id)
    ).scalar_one_or_none()
    return found
