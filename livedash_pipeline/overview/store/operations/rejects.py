"""Reads rejected records, newest first or in the order of their import's file, and counts them by their reason.

Add a read of rejected records for people. Records are in no list: `read_record` alone returns one, which holds people's data.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, Select, func, select, tuple_

from livedash_pipeline.base.store.looking import MOST_LOOKED, Condition, Looked, look_through
from livedash_pipeline.base.store.tables import companies, import_rejects, import_runs

_rejects = import_rejects.c
_runs = import_runs.c
_SHOWN = (
    _rejects.id,
    _rejects.company_id,
    _rejects.import_run_id,
    _rejects.line_number,
    _rejects.reason,
    _rejects.detail,
)


def find_rejects(
    connection: Connection,
    *,
    limit: int,
    company_id: UUID | None = None,
    reason: str | None = None,
    before_id: UUID | None = None,
    most: int = MOST_LOOKED,
) -> Looked:
    """Returns a page of rejected records, the newest first: of all companies, or of one."""
    query = select(*_SHOWN)
    if company_id is None:
        query = query.order_by(_rejects.id.desc())
    else:
        # As a range of one company, so that its index is read and not the records of all others.
        query = query.where(_rejects.company_id >= company_id, _rejects.company_id <= company_id)
        query = query.order_by(_rejects.company_id.desc(), _rejects.id.desc())
    if before_id is not None:
        query = query.where(_rejects.id < before_id)
    return look_through(
        connection, query, _because(reason), limit=limit, most=most, order=lambda rows: [rows.id.desc()]
    )


def find_rejects_of_run(
    connection: Connection,
    run_id: UUID,
    *,
    limit: int,
    reason: str | None = None,
    after: tuple[UUID, int] | None = None,
    most: int = MOST_LOOKED,
) -> Looked:
    """Returns a page of an import's rejected records in the order of its file, after an id and its line."""
    query: Select[Any] = select(*_SHOWN).where(_rejects.import_run_id == run_id)
    if after is not None:
        query = query.where(tuple_(_rejects.line_number, _rejects.id) > (after[1], after[0]))
    return look_through(
        connection,
        query.order_by(_rejects.line_number, _rejects.id),
        _because(reason),
        limit=limit,
        most=most,
        order=lambda rows: [rows.line_number, rows.id],
    )


def count_reasons(connection: Connection, run_id: UUID) -> dict[str, int]:
    """Returns how many records of an import were rejected for each reason, the most frequent first."""
    query = (
        select(_rejects.reason, func.count().label("records"))
        .where(_rejects.import_run_id == run_id)
        .group_by(_rejects.reason)
        .order_by(func.count().desc(), _rejects.reason)
    )
    return {row.reason: row.records for row in connection.execute(query)}


def read_run(connection: Connection, run_id: UUID) -> RowMapping | None:
    """Returns an import with the slug of its company."""
    query = select(import_runs, companies.c.slug.label("company")).join(companies, companies.c.id == _runs.company_id)
    return connection.execute(query.where(_runs.id == run_id)).mappings().one_or_none()


def read_record(connection: Connection, reject_id: UUID) -> RowMapping | None:
    """Returns a rejected record with its text and the slug of its company; for a person who asks for this record."""
    query = (
        select(*_SHOWN, _rejects.raw_text, companies.c.slug.label("company"), _runs.started_at)
        .join(companies, companies.c.id == _rejects.company_id)
        .join(import_runs, _runs.id == _rejects.import_run_id)
    )
    return connection.execute(query.where(_rejects.id == reject_id)).mappings().one_or_none()


def names_of(connection: Connection, rows: list[Any]) -> tuple[dict[UUID, str], dict[UUID, Any]]:
    """Returns slugs of the companies of some records, and when their imports began."""
    slugs = select(companies.c.id, companies.c.slug).where(companies.c.id.in_({row.company_id for row in rows}))
    starts = select(_runs.id, _runs.started_at).where(_runs.id.in_({row.import_run_id for row in rows}))
    return (
        {row.id: row.slug for row in connection.execute(slugs)},
        {row.id: row.started_at for row in connection.execute(starts)},
    )


def _because(reason: str | None) -> list[Condition]:
    return [] if reason is None else [lambda rows: rows.reason == reason]
