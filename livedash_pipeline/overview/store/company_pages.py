"""Companies as pages list them: a page of them with their last imports, the imports of one, and how many sessions each has.

Add what is shown of many companies. `base.store.companies` reads and changes a single one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select

from livedash_pipeline.base.rules.states import CompanyStatus
from livedash_pipeline.base.store.looking import Condition, Looked, look_through
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import companies, import_runs


def look_at_companies(
    connection: Connection,
    *,
    limit: int,
    after_slug: str | None = None,
    status: CompanyStatus | None = None,
    words: str | None = None,
) -> Looked:
    """A page of companies by slug: of a status, or with words in slug or name; out of a bounded number of them."""
    query = select(
        companies.c.id,
        companies.c.slug,
        companies.c.name,
        companies.c.status,
        (companies.c.csv_url != "").label("has_csv"),
        companies.c.next_import_at,
        companies.c.import_failures,
        companies.c.time_zone,
    ).order_by(companies.c.slug)
    if after_slug is not None:
        query = query.where(companies.c.slug > after_slug)
    conditions: list[Condition] = []
    if status is not None:
        conditions.append(lambda row: row.status == status)
    if words is not None:
        wanted = words.lower()
        conditions.append(
            lambda row: or_(
                func.lower(row.name).contains(wanted, autoescape=True), row.slug.contains(wanted, autoescape=True)
            )
        )
    return look_through(connection, query, conditions, limit=limit, order=lambda row: [row.slug])


def last_imports(connection: Connection, company_ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """The newest import of each company that has one."""
    found = connection.execute(statement("overview/find_last_imports"), {"company_ids": list(company_ids)})
    return {row.company_id: row for row in found}


def imports_of(connection: Connection, company_id: UUID, *, limit: int) -> Sequence[Row[Any]]:
    """The newest imports of a company."""
    runs = import_runs.c
    columns: tuple[ColumnElement[Any], ...] = (
        *(runs.id, runs.status, runs.started_at, runs.finished_at, runs.rows, runs.rows_new, runs.rows_changed),
        *(runs.rows_unchanged, runs.rows_rejected, runs.not_modified, runs.error_code, runs.dagster_run_id),
    )
    query = select(*columns).where(runs.company_id == company_id)
    return connection.execute(query.order_by(runs.started_at.desc(), runs.id.desc()).limit(limit)).all()


def session_counts(connection: Connection) -> dict[str, int]:
    """Sessions by company; counts all of them, which takes a while."""
    return {row.slug: row.sessions for row in connection.execute(statement("overview/count_company_sessions"))}
