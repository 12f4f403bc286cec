"""Counts the rows that a table holds, of one company or in all.

Add a table that assets are about, by the column that leads to its company. Counts read indexes and no rows; `docs/performance.md`
has what they take for a company with a million sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import BindParameter, Column, Connection, Select, Table, bindparam, func, select

from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_processing_requests,
    ai_request_attempts,
    chat_batches,
    chat_interactions,
    messages,
    session_imports,
    session_questions,
    sessions,
    transcripts,
)

_COMPANY: BindParameter[UUID] = bindparam("company_id")


def _own(table: Table) -> Select[int]:
    return select(func.count()).select_from(table).where(table.c.company_id == _COMPANY)


def _below(parent: Table, reference: Column[UUID]) -> Select[int]:
    """Rows of a table that name their company's row of another one."""
    joined = reference.table.join(parent, reference == parent.c.id)
    return select(func.count()).select_from(joined).where(parent.c.company_id == _COMPANY)


# The quickest first: those that name their company, then those that name a row of it.
_OF_COMPANY: Mapping[str, Select[int]] = {
    "ai_batch_requests": _own(ai_batch_requests),
    "chat_batches": _own(chat_batches),
    "sessions": _own(sessions),
    "session_imports": _own(session_imports),
    "ai_processing_requests": _own(ai_processing_requests),
    "chat_interactions": _below(chat_batches, chat_interactions.c.batch_id),
    "ai_request_attempts": _below(ai_processing_requests, ai_request_attempts.c.request_id),
    "transcripts": _below(session_imports, transcripts.c.import_id),
    "session_questions": _below(sessions, session_questions.c.session_id),
    "messages": _below(sessions, messages.c.session_id),
}
COUNTED = tuple(_OF_COMPANY)


def count_company_rows(connection: Connection, table: str, company_id: UUID) -> int:
    """Returns how many rows of a table are one company's."""
    return connection.execute(_OF_COMPANY[table], {"company_id": company_id}).scalar_one()


def count_batches(connection: Connection) -> int:
    """Returns how many batches all companies have."""
    return connection.execute(select(func.count()).select_from(ai_batch_requests)).scalar_one()
