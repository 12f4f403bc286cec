"""Counts requests, and lists those of a status, for jobs, commands and HTTP.

All of them answer with these documents. Checks the arguments, so that callers need not. `request_search` finds requests by more
than their status, `requeues` puts failed ones back.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine

from livedash_pipeline.base.rules.cursors import make_cursor, read_cursor
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, cut_page, page_start
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.connect import autocommitted
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.steps.batches.request_documents import requests_document
from livedash_pipeline.ledger.store.batches import requests
from livedash_pipeline.ledger.store.batches.request_history import read_requests


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


def summary_document(counts: Mapping[RequestStatus, int]) -> Document:
    """The counts of requests per status as a document, in the order of their life."""
    return {"ok": True, "summary": {status.lower(): counts[status] for status in RequestStatus}}
