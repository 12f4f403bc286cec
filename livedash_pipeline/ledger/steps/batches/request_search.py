"""Reads what people write to find requests, and answers with a page of them, newest first.

Add a filter as a field of `Search`, which is what a person writes, and of `RequestFilter`, which is what it means.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.cursors import make_cursor, read_cursor
from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.rules.values import Document, moment
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, page_start
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.connect import autocommitted, database_now
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.rules.admission.request_filters import RequestFilter
from livedash_pipeline.ledger.steps.batches.requests import read_status
from livedash_pipeline.ledger.store.batches import request_search
from livedash_pipeline.ledger.store.results.finished import batch_id_of

# Over a hundred years; longer ago than a database can tell is no filter.
MAX_HOURS = 1_000_000
MOST_COUNTED = 10_000
"""Requests of a filter that are counted; more are said to be more."""


@dataclass(frozen=True, slots=True)
class Search:
    """What a person asks for, as text and numbers; None is anything.

    Attributes:
        status: A status in either case; may be missing where a batch is given.
        company: A slug.
        error_code: The code that they failed with, in either case.
        model: The model that they ask.
        older_than_hours: They ended, or last changed where they have not, longer ago.
        batch: Our id of a batch, or the service's.
        outcome: What became of them in that batch, in either case.
    """

    status: str | None = None
    company: str | None = None
    error_code: str | None = None
    model: str | None = None
    older_than_hours: float | None = None
    batch: str | None = None
    outcome: str | None = None

    @property
    def as_text(self) -> dict[str, str | None]:
        """What a cursor is bound to."""
        return {name: None if value is None else str(value) for name, value in asdict(self).items()}


def search_requests(
    engine: Engine, search: Search, *, limit: int = DEFAULT_PAGE, cursor: str | None = None
) -> Document:
    """Returns one page of the requests that a search finds, by descending id.

    `lookedThrough` is null where the page is full or the list ends; otherwise so many requests were looked through, and
    `nextCursor` goes on after them.

    Raises:
        UsageError: An unknown status, company, batch or outcome, hours or a limit out of range, or a cursor of another search.
    """
    before_id = page_start(cursor, {"list": "found", **search.as_text}, limit=limit, read=read_cursor)
    with autocommitted(engine) as connection:
        wanted = read_search(connection, search)
        found = request_search.find_requests(connection, wanted, limit=limit, before_id=before_id)
        slugs = request_search.company_slugs(connection, [row.company_id for row in found.rows])
    following = None if found.follows is None else make_cursor(found.follows.id, {"list": "found", **search.as_text})
    return {
        "ok": True,
        "requests": [_document(row, slugs[row.company_id]) for row in found.rows],
        "nextCursor": following,
        "lookedThrough": found.looked,
    }


def count_requests(engine: Engine, search: Search) -> Document:
    """Counts the requests of a search, up to `MOST_COUNTED`; `isCapped` says that there may be more.

    Raises:
        UsageError: As `search_requests`.
    """
    with autocommitted(engine) as connection:
        wanted = read_search(connection, search)
        count, is_whole = request_search.count_requests(connection, wanted, most=MOST_COUNTED)
    return {"ok": True, "count": count, "isCapped": not is_whole}


def read_search(connection: Connection, search: Search) -> RequestFilter:
    """Reads what a person wrote, with the ids and the moment that it means.

    Raises:
        UsageError: As `search_requests`.
    """
    if search.status is None and search.batch is None:
        allowed = ", ".join(status.lower() for status in RequestStatus)
        raise UsageError("Neither a status nor a batch is given.", remedy=f"Give a batch, or one of {allowed}.")
    hours = checked_hours(search.older_than_hours)
    return RequestFilter(
        status=None if search.status is None else read_status(search.status),
        company_id=optional_company_id(connection, search.company),
        error_code=search.error_code,
        model=search.model,
        before=None if hours is None else _moment_before(database_now(connection), hours),
        batch_id=None if search.batch is None else _batch(connection, search.batch),
        outcome=None if search.outcome is None else _outcome(search),
    )


def checked_hours(hours: float | None) -> float | None:
    """Returns hours that are a span of time.

    Raises:
        UsageError: They are less than none, more than `MAX_HOURS`, or no number.
    """
    # Also refuses not-a-number, which no comparison lets pass.
    if hours is not None and not 0 <= hours <= MAX_HOURS:
        raise UsageError(f"older_than_hours is {hours:g}.", remedy=f"Use 0 to {MAX_HOURS}.")
    return hours


def _moment_before(now: datetime, hours: float) -> datetime:
    return now - timedelta(hours=hours)


def _batch(connection: Connection, name: str) -> Any:
    found = batch_id_of(connection, name.strip())
    if found is None:
        raise UsageError(f"There is no batch {name[:80]!r}.", remedy="Give an id that `livedash batches` shows.")
    return found


def _outcome(search: Search) -> Outcome:
    if search.batch is None:
        raise UsageError("An outcome is given without a batch.", remedy="Give the batch in which it came about.")
    try:
        return Outcome((search.outcome or "").strip().lower())
    except ValueError:
        allowed = ", ".join(Outcome)
        raise UsageError(f"{search.outcome!r} is no outcome.", remedy=f"Use one of {allowed}.") from None


def _document(row: Any, company: str) -> Document:
    return {
        "id": str(row.id),
        "sessionId": None if row.session_id is None else str(row.session_id),
        "processingType": row.processing_type,
        "status": row.processing_status.lower(),
        "companyId": str(row.company_id),
        "company": company,
        "model": row.model,
        "batchId": None if row.batch_id is None else str(row.batch_id),
        "attempts": row.attempts,
        "errorCode": row.error_code,
        "errorMessage": row.error_message,
        "requestedAt": moment(row.requested_at),
        "completedAt": moment(row.completed_at),
        "updatedAt": moment(row.updated_at),
    }
