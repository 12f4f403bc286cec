"""Companies for pages, as documents: a page of them, the imports of one, and the sessions of each.

Add what pages show of companies. Adding and changing them is `base.steps.companies`' business.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, Row

from livedash_pipeline.base.rules.cursors import make_cursor, read_cursor
from livedash_pipeline.base.rules.states import CompanyStatus
from livedash_pipeline.base.rules.values import Document, moment
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, page_start
from livedash_pipeline.base.store.companies import get_company, slug_of
from livedash_pipeline.overview.store import company_pages as store

_SHOWN_IMPORTS = 10


def page_companies(
    engine: Engine,
    *,
    limit: int = DEFAULT_PAGE,
    cursor: str | None = None,
    status: CompanyStatus | None = None,
    words: str | None = None,
) -> Document:
    """One page of the companies by slug, each with its newest import.

    `lookedThrough` says how many were looked through where that ended the page before it was full.

    Raises:
        UsageError: A cursor of another query.
    """
    filters = {"list": "companies", "status": status, "words": words}
    after = page_start(cursor, filters, limit=limit, read=read_cursor)
    with engine.connect() as connection:
        after_slug = None if after is None else slug_of(connection, after)
        found = store.look_at_companies(connection, limit=limit, after_slug=after_slug, status=status, words=words)
        newest = store.last_imports(connection, [row.id for row in found.rows])
    return {
        "ok": True,
        "companies": [_listed(row, newest.get(row.id)) for row in found.rows],
        "nextCursor": None if found.follows is None else make_cursor(found.follows.id, filters),
        "lookedThrough": found.looked,
    }


def recent_imports(engine: Engine, slug: str) -> Document:
    """The newest imports of a company.

    Raises:
        UsageError: There is no such company.
    """
    with engine.connect() as connection:
        runs = store.imports_of(connection, get_company(connection, slug).id, limit=_SHOWN_IMPORTS)
    return {"ok": True, "imports": [_import(run) for run in runs]}


def count_sessions(engine: Engine) -> dict[str, int]:
    """Sessions by company; companies without any are missing."""
    with engine.connect() as connection:
        return store.session_counts(connection)


def _listed(row: Row[Any], newest: Row[Any] | None) -> Document:
    return {
        "slug": row.slug,
        "name": row.name,
        "status": row.status.lower(),
        "hasCsv": row.has_csv,
        "nextImportAt": moment(row.next_import_at),
        "importFailures": row.import_failures,
        "timeZone": row.time_zone,
        "lastImport": None
        if newest is None
        else {
            "id": str(newest.id),
            "status": newest.status.lower(),
            "startedAt": moment(newest.started_at),
            "rows": newest.rows,
            "rejected": newest.rows_rejected,
            "errorCode": newest.error_code,
        },
    }


def _import(run: Row[Any]) -> Document:
    return {
        "id": str(run.id),
        "status": run.status.lower(),
        "startedAt": moment(run.started_at),
        "finishedAt": moment(run.finished_at),
        "rows": run.rows,
        "new": run.rows_new,
        "changed": run.rows_changed,
        "unchanged": run.rows_unchanged,
        "rejected": run.rows_rejected,
        "notModified": run.not_modified,
        "errorCode": run.error_code,
        "dagsterRunId": run.dagster_run_id,
    }
