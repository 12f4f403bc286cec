"""Counts and lists requests, and puts failed ones back, for jobs, commands and HTTP.

All of them answer with these documents. Checks the arguments, so that callers need not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.cursors import make_cursor, read_cursor
from livedash_pipeline.base.rules.ids import read_ids
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, cut_page, page_start
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.connect import autocommitted, database_now, in_transaction
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.steps.batches.request_documents import requests_document
from livedash_pipeline.ledger.store.batches import requests
from livedash_pipeline.ledger.store.batches.request_history import read_requests
from livedash_pipeline.ledger.store.batches.request_kind import Kinds
from livedash_pipeline.ledger.store.batches.requests import Requeued

# Over a hundred years; longer ago than a database can tell is no filter.
MAX_HOURS = 1_000_000


def summarise(engine: Engine, company: str | None = None) -> Document:
    """Counts requests per status, over all companies or of one."""
    with autocommitted(engine) as connection:
        company_id = optional_company_id(connection, company)
        return summary_document(requests.count_by_status(connection, company_id))


def read_status(text: str) -> RequestStatus:
    """Reads a request status in either case.

    Raises:
        UsageError: There is no such status.
    """
    try:
        return RequestStatus(text.strip().upper())
    except ValueError:
        allowed = ", ".join(status.lower() for status in RequestStatus)
        raise UsageError(f"{text!r} is not a status of requests.", remedy=f"Use one of {allowed}.") from None


def list_requests(
    engine: Engine, *, status: str, limit: int = DEFAULT_PAGE, cursor: str | None = None, company: str | None = None
) -> Document:
    """Returns one page of requests of a status, in id order.

    Raises:
        UsageError: Unknown status or company, a limit out of range, or a cursor of another query.
    """
    wanted = read_status(status)
    filters = {"status": wanted.value, "company": company}
    after = page_start(cursor, filters, limit=limit, read=read_cursor)
    with autocommitted(engine) as connection:
        company_id = optional_company_id(connection, company)
        found = read_requests(connection, status=wanted, limit=limit + 1, after_id=after, company_id=company_id)
    page, following = cut_page(found, limit, lambda row: make_cursor(row.id, filters))
    return requests_document(page, following)


def requeue_requests(
    engine: Engine,
    kinds: Kinds,
    *,
    request_ids: Iterable[str] = (),
    company: str | None = None,
    error_code: str | None = None,
    older_than_hours: float | None = None,
    dry_run: bool | None = None,
) -> Document:
    """Puts failed requests back to pending: those named, or those that a filter names.

    Args:
        engine: Our database.
        kinds: The kinds of request.
        request_ids: Ids as text; a text that is not an id counts as not found.
        company: Only this company's.
        error_code: Only those that failed with this code, in either case.
        older_than_hours: Only those that failed longer ago.
        dry_run: Count and change nothing; unless given, true with a filter and false with ids.

    Raises:
        UsageError: Ids together with a filter, an unknown company, or hours that are no span of time.
    """
    # Also refuses not-a-number, which no comparison lets pass.
    if older_than_hours is not None and not 0 <= older_than_hours <= MAX_HOURS:
        raise UsageError(f"older_than_hours is {older_than_hours:g}.", remedy=f"Use 0 to {MAX_HOURS}.")
    given = list(dict.fromkeys(request_ids))
    filtered = any(value is not None for value in (company, error_code, older_than_hours))
    if given and filtered:
        raise UsageError("Both ids and a filter are given.", remedy="Give ids, or a filter, not both.")
    if not given and not filtered:
        return requeue_document(Requeued(0, 0, 0), dry_run=bool(dry_run))
    only_count = filtered if dry_run is None else dry_run
    ids, unreadable = read_ids(given)

    def work(connection: Connection) -> Requeued:
        now = database_now(connection)
        chosen = ids
        if filtered:
            company_id = optional_company_id(connection, company)
            before = None if older_than_hours is None else now - timedelta(hours=older_than_hours)
            chosen = requests.failed_request_ids(
                connection, company_id=company_id, error_code=error_code, completed_before=before
            )
        return requests.requeue(connection, chosen, kinds, now=now, dry_run=only_count)

    done = in_transaction(engine, work)
    counted = Requeued(done.requeued, done.not_found + unreadable, done.not_failed)
    return requeue_document(counted, dry_run=only_count)


def summary_document(counts: Mapping[RequestStatus, int]) -> Document:
    """The counts of requests per status as a document, in the order of their life."""
    return {"ok": True, "summary": {status.lower(): counts[status] for status in RequestStatus}}


def requeue_document(requeued: Requeued, *, dry_run: bool) -> Document:
    """The document of a requeue or its dry run."""
    document: Document = {
        "ok": True,
        "requeuedCount": requeued.requeued,
        "notFoundCount": requeued.not_found,
        "notFailedCount": requeued.not_failed,
    }
    return document | ({"dryRun": True} if dry_run else {})
