"""Reads what people write to find batches, and answers with a page of them, newest first.

Add a filter as a field of `BatchSearch`, which is what a person writes, and of `BatchFilter`, which is what it means.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.cursors import make_moment_cursor, read_moment_cursor
from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, page_start
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.connect import autocommitted, database_now
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.rules.admission.batch_filters import BatchFilter
from livedash_pipeline.ledger.steps.batches.listing import listed_document
from livedash_pipeline.ledger.store.batches import batch_search
from livedash_pipeline.ledger.store.batches.listing import listed_batch

# Later than what people write by mistake, and a day before the last that a date can be.
_LAST_DAY = date(9999, 12, 30)


@dataclass(frozen=True, slots=True)
class BatchSearch:
    """What a person asks for, as text; None is anything.

    Attributes:
        company: A slug.
        model: The model that their requests ask.
        status: A status of batches, in either case.
        is_open: Only those whose results have not been ingested.
        first: Made on this UTC day or later.
        last: Made on this UTC day or earlier.
    """

    company: str | None = None
    model: str | None = None
    status: str | None = None
    is_open: bool = False
    first: date | None = None
    last: date | None = None

    @property
    def as_text(self) -> dict[str, str | None]:
        """What a cursor is bound to."""
        return {name: None if value is None else str(value) for name, value in asdict(self).items()}


def search_batches(
    engine: Engine,
    search: BatchSearch,
    *,
    limit: int = DEFAULT_PAGE,
    cursor: str | None = None,
    endpoint: str | None = None,
) -> Document:
    """Returns one page of the batches that a search finds, each with the reason why it stands still.

    What a batch costs is left out: it is the sum of up to 50,000 lines, which would be added up for each of a page.
    `lookedThrough` is null where the page is full or the list ends; otherwise so many batches were looked through, and
    `nextCursor` goes on after them.

    Args:
        engine: Our database.
        search: What is asked for.
        limit: Batches a page.
        cursor: `nextCursor` of the page before.
        endpoint: The service that the settings name; batches of another service are marked as such.

    Raises:
        UsageError: Unknown company or status, days in the wrong order, a limit out of range, or a cursor of another search.
    """
    filters = {"list": "found batches", **search.as_text}
    before = page_start(cursor, filters, limit=limit, read=read_moment_cursor)
    with autocommitted(engine) as connection:
        wanted = read_batch_search(connection, search)
        found = batch_search.find_batches(connection, wanted, limit=limit, before=before)
        now = database_now(connection)
    last = found.follows
    return {
        "ok": True,
        "batches": [listed_document(listed_batch(row._mapping), endpoint, now) for row in found.rows],
        "nextCursor": None if last is None else make_moment_cursor(last.created_at, last.id, filters),
        "lookedThrough": found.looked,
    }


def list_open_batches(engine: Engine, *, limit: int, endpoint: str | None = None) -> Document:
    """Returns the open batches that were made first, and how many are open in all."""
    with autocommitted(engine) as connection:
        rows, total = batch_search.oldest_open(connection, limit=limit)
        now = database_now(connection)
    return {
        "ok": True,
        "batches": [listed_document(listed_batch(row), endpoint, now) for row in rows],
        "total": total,
    }


def read_batch_search(connection: Connection, search: BatchSearch) -> BatchFilter:
    """Reads what a person wrote, with the id and the moments that it means.

    Raises:
        UsageError: Unknown company or status, or days in the wrong order.
    """
    first, last = search.first, search.last
    if first is not None and last is not None and first > last:
        raise UsageError(f"{first} is later than {last}.", remedy="Give the first day and then the last.")
    return BatchFilter(
        company_id=optional_company_id(connection, search.company),
        model=search.model,
        status=None if search.status is None else _status(search.status),
        is_open=search.is_open,
        since=None if first is None else _start(first),
        until=None if last is None else _start(min(last, _LAST_DAY)) + timedelta(days=1),
    )


def _status(text: str) -> BatchStatus:
    try:
        return BatchStatus(text.strip().upper())
    except ValueError:
        allowed = ", ".join(status.lower() for status in BatchStatus)
        raise UsageError(f"{text!r} is not a status of batches.", remedy=f"Use one of {allowed}.") from None


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
