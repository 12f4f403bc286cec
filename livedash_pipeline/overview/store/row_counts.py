"""Counts the rows that a table holds, of one company or in all.

Add a table that assets are about, by the column that leads to its company. Of the largest tables that name their company there
are kept counts, and of tries kept sums; the others are counted through indexes (`docs/performance.md` has what that takes).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import BindParameter, Column, Connection, Select, Table, TextClause, bindparam, func, select

from livedash_pipeline.base.store.companies import slug_of
from livedash_pipeline.base.store.kept_counts import count_differences
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_processing_requests,
    chat_batches,
    chat_interactions,
    kept_counts,
    messages,
    session_imports,
    session_questions,
    sessions,
    transcripts,
)

_COMPANY: BindParameter[UUID] = bindparam("company_id")


def _own(table: Table) -> Select[int]:
    return select(func.count()).select_from(table).where(table.c.company_id == _COMPANY)


def _kept(table: Table) -> Select[int]:
    """The count that triggers keep."""
    kept = kept_counts.c
    return select(func.coalesce(func.sum(kept.found), 0)).where(
        kept.table_name == table.name, kept.company_id == _COMPANY
    )


def _below(parent: Table, reference: Column[UUID]) -> Select[int]:
    """Rows of a table that name their company's row of another one."""
    joined = reference.table.join(parent, reference == parent.c.id)
    return select(func.count()).select_from(joined).where(parent.c.company_id == _COMPANY)


# Each try is one entry.
_TRIES: TextClause = statement("overview/count_company_tries")

# The quickest first: those that name their company, then those that name a row of it.
_OF_COMPANY: Mapping[str, Select[int] | TextClause] = {
    "ai_batch_requests": _own(ai_batch_requests),
    "chat_batches": _own(chat_batches),
    "sessions": _kept(sessions),
    "session_imports": _kept(session_imports),
    "ai_processing_requests": _kept(ai_processing_requests),
    "chat_interactions": _below(chat_batches, chat_interactions.c.batch_id),
    "ai_request_attempts": _TRIES,
    "transcripts": _below(session_imports, transcripts.c.import_id),
    "session_questions": _below(sessions, session_questions.c.session_id),
    "messages": _below(sessions, messages.c.session_id),
}
# As often as the health checks run.
_TURN_SECONDS = 1_800
_COMPARED_ROWS = 1_000_000
COUNTED = tuple(_OF_COMPANY)


def count_company_rows(connection: Connection, table: str, company_id: UUID) -> int:
    """Returns how many rows of a table are one company's."""
    return int(connection.execute(_OF_COMPANY[table], {"company_id": company_id}).scalar_one())


def differing_counts(connection: Connection, *, now: datetime) -> list[dict[str, object]]:
    """Returns kept counts that are not those of the rows, of some companies, which come in turn from half hour to half hour."""
    compared = {"turn": int(now.timestamp() // _TURN_SECONDS), "most": _COMPARED_ROWS}
    found = connection.execute(statement("overview/find_companies_to_compare"), compared).scalars()
    return [
        {
            "company": slug_of(connection, company_id),
            "table": row.table_name,
            "status": row.status,
            "missing": row.found,
        }
        for company_id in list(found)
        for row in count_differences(connection, company_id)
    ]


def count_batches(connection: Connection) -> int:
    """Returns how many batches all companies have."""
    return connection.execute(select(func.count()).select_from(ai_batch_requests)).scalar_one()
