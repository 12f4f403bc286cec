"""Batches in full, and rejected records: what people look at when something went wrong.

Add reads of one thing with all that belongs to it. Requests and their tries are in `ledger.store.batches.request_history`,
batches as they are listed in `ledger.store.batches.listing`.
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
# A record can be a whole broken file; its beginning shows what is wrong with it.
RAW_TEXT = 500


def read_batch(connection: Connection, batch_id: UUID) -> RowMapping | None:
    """A batch's row."""
    return connection.execute(select(ai_batch_requests).where(_batches.id == batch_id)).mappings().one_or_none()


def read_batch_outcomes(connection: Connection, batch_id: UUID) -> Sequence[RowMapping]:
    """How the tries of a batch ended and what they cost, per outcome; null stands for those that have not ended."""
    query = (
        select(_attempts.outcome, func.count().label("attempts"), func.sum(_attempts.total_cost_eur).label("eur"))
        .where(_attempts.batch_id == batch_id)
        .group_by(_attempts.outcome)
        .order_by(_attempts.outcome)
    )
    return connection.execute(query).mappings().all()


def list_rejects(
    connection: Connection, *, limit: int, after_id: UUID | None = None, company_id: UUID | None = None
) -> Sequence[RowMapping]:
    """Records that could not be read: the newest first, after one of them where one is given."""
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
