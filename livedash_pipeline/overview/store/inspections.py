"""Reads single batches in full, and rejected records, for people who look for a fault.

Add reads of one thing with all that belongs to it. `ledger.store.batches.request_history` reads requests and their tries,
`ledger.store.batches.listing` lists batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, RowMapping, func, select

from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_request_attempts,
    companies,
    import_rejects,
    import_runs,
)

_attempts = ai_request_attempts.c
_batches = ai_batch_requests.c
_rejects = import_rejects.c
# A record can be a whole broken file; its beginning shows its fault.
RAW_TEXT = 500


def read_batch(connection: Connection, batch_id: UUID) -> RowMapping | None:
    """Reads a batch's row."""
    return connection.execute(select(ai_batch_requests).where(_batches.id == batch_id)).mappings().one_or_none()


def read_batch_outcomes(connection: Connection, batch_id: UUID) -> Sequence[RowMapping]:
    """Returns the number of a batch's tries per outcome; null stands for tries that have not ended."""
    query = (
        select(_attempts.outcome, func.count().label("attempts"))
        .where(_attempts.batch_id == batch_id)
        .group_by(_attempts.outcome)
        .order_by(_attempts.outcome)
    )
    return connection.execute(query).mappings().all()


def list_rejects(
    connection: Connection, *, limit: int, after_id: UUID | None = None, company_id: UUID | None = None
) -> Sequence[RowMapping]:
    """Lists rejected records, the newest first, and only those after a given one."""
    query = (
        select(
            _rejects.id,
            companies.c.slug.label("company"),
            _rejects.import_run_id,
            import_runs.c.started_at,
            _rejects.line_number,
            _rejects.reason,
            _rejects.detail,
            func.left(_rejects.raw_text, RAW_TEXT).label("raw_text"),
        )
        .join(companies, companies.c.id == _rejects.company_id)
        .join(import_runs, import_runs.c.id == _rejects.import_run_id)
        .order_by(_rejects.id.desc())
        .limit(limit)
    )
    if after_id is not None:
        query = query.where(_rejects.id < after_id)
    if company_id is not None:
        query = query.where(_rejects.company_id == company_id)
    return connection.execute(query).mappings().all()
