"""Rejected records for people who mend a file or a profile: which, why, and what cures it.

Add what is said of a rejected record. Its text is read by `read_record` alone, so that who shows it asks for the right to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from livedash_pipeline.base.rules.cursors import make_cursor, make_row_cursor, read_cursor, read_row_cursor
from livedash_pipeline.base.rules.ids import read_id
from livedash_pipeline.base.rules.values import Document, moment
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, page_start
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.connect import autocommitted
from livedash_pipeline.base.store.looking import Looked
from livedash_pipeline.errors import UsageError
from livedash_pipeline.intake.rules.csv_rejects import RejectReason
from livedash_pipeline.intake.rules.reject_cures import cure_of
from livedash_pipeline.overview.store.operations import rejects


@dataclass(frozen=True, slots=True)
class RejectSearch:
    """What a person asks for, as text; None is anything.

    Attributes:
        company: A slug; of no effect beside an import, which is one company's.
        run: The id of an import.
        reason: A reason, in either case.
    """

    company: str | None = None
    run: str | None = None
    reason: str | None = None

    @property
    def as_text(self) -> dict[str, str | None]:
        """What a cursor is bound to."""
        return {"list": "found rejects", "company": self.company, "run": self.run, "reason": self.reason}


def search_rejects(
    engine: Engine, search: RejectSearch, *, limit: int = DEFAULT_PAGE, cursor: str | None = None
) -> Document:
    """Returns one page of rejected records, without their texts: an import's in the order of its file, others newest first.

    `lookedThrough` is null where the page is full or the list ends; otherwise so many records were looked through, and
    `nextCursor` goes on after them.

    Raises:
        UsageError: Unknown company, import or reason, a limit out of range, or a cursor of another search.
    """
    reason = None if search.reason is None else _reason(search.reason)
    if search.run is not None:
        return _of_run(engine, search, reason, limit, cursor)
    before_id = page_start(cursor, search.as_text, limit=limit, read=read_cursor)
    with autocommitted(engine) as connection:
        company_id = optional_company_id(connection, search.company)
        found = rejects.find_rejects(connection, limit=limit, company_id=company_id, reason=reason, before_id=before_id)
        names = rejects.names_of(connection, list(found.rows))
    last = found.follows
    return _page(found, names, None if last is None else make_cursor(last.id, search.as_text))


def describe_run(engine: Engine, run: str) -> Document | None:
    """Describes an import with its counts; None if there is none with this id."""
    run_id = read_id(run)
    if run_id is None:
        return None
    with autocommitted(engine) as connection:
        row = rejects.read_run(connection, run_id)
    if row is None:
        return None
    return {
        "id": str(row["id"]),
        "company": row["company"],
        "status": row["status"].lower(),
        "startedAt": moment(row["started_at"]),
        "finishedAt": moment(row["finished_at"]),
        "dagsterRunId": row["dagster_run_id"],
        "rows": row["rows"],
        "new": row["rows_new"],
        "changed": row["rows_changed"],
        "unchanged": row["rows_unchanged"],
        "rejected": row["rows_rejected"],
        "errorCode": row["error_code"],
        "errorMessage": row["error_message"],
    }


def count_reasons(engine: Engine, run: str) -> Document:
    """Counts an import's rejected records by reason, the most frequent first; an unknown import has none.

    Of an import that was refused for its rejects, the first hundred are kept.
    """
    run_id = read_id(run)
    if run_id is None:
        return {"ok": True, "reasons": {}}
    with autocommitted(engine) as connection:
        return {"ok": True, "reasons": rejects.count_reasons(connection, run_id)}


def read_record(engine: Engine, reject_id: str) -> Document | None:
    """Returns a rejected record with its text, which may hold people's data; None if there is none with this id."""
    wanted = read_id(reject_id)
    if wanted is None:
        return None
    with autocommitted(engine) as connection:
        row = rejects.read_record(connection, wanted)
    if row is None:
        return None
    return _document(row, row["company"], row["started_at"]) | {"rawText": row["raw_text"]}


def _of_run(engine: Engine, search: RejectSearch, reason: str | None, limit: int, cursor: str | None) -> Document:
    run_id = read_id(search.run or "")
    after = page_start(cursor, search.as_text, limit=limit, read=read_row_cursor)
    with autocommitted(engine) as connection:
        run = None if run_id is None else rejects.read_run(connection, run_id)
        if run is None or run_id is None:
            raise UsageError(
                f"There is no import {(search.run or '')[:80]!r}.", remedy="Choose one of the imports on the overview."
            )
        if search.company is not None and search.company != run["company"]:
            raise UsageError(
                f"The import is of {run['company']} and not of {search.company}.", remedy="Leave one of the two out."
            )
        found = rejects.find_rejects_of_run(connection, run_id, limit=limit, reason=reason, after=after)
    last = found.follows
    names: tuple[dict[UUID, str], dict[UUID, Any]] = (
        {run["company_id"]: run["company"]},
        {run_id: run["started_at"]},
    )
    return _page(found, names, None if last is None else make_row_cursor(last.id, last.line_number, search.as_text))


def _page(found: Looked, names: tuple[dict[UUID, str], dict[UUID, Any]], following: str | None) -> Document:
    slugs, starts = names
    return {
        "ok": True,
        "rejects": [_document(row._mapping, slugs[row.company_id], starts[row.import_run_id]) for row in found.rows],
        "nextCursor": following,
        "lookedThrough": found.looked,
    }


def _document(row: Any, company: str, started_at: Any) -> Document:
    return {
        "id": str(row["id"]),
        "company": company,
        "importRunId": str(row["import_run_id"]),
        "importedAt": moment(started_at),
        "lineNumber": row["line_number"],
        "reason": row["reason"],
        "detail": row["detail"],
        "cure": cure_of(row["reason"], company=company),
    }


def _reason(text: str) -> str:
    try:
        return RejectReason(text.strip().lower()).value
    except ValueError:
        allowed = ", ".join(RejectReason)
        raise UsageError(f"{text[:80]!r} is no reason.", remedy=f"Use one of {allowed}.") from None
