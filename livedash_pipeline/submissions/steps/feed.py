"""A company's own feed of results: every session that was analysed, in the order of analysis, each page where the last one ended.

The feed holds back results that are younger than the oldest transaction that may still add to it, so that a client that follows
the cursor misses nothing. A session that is analysed again comes again. Add what a company may know of a result here and to
`submissions.steps.submitted_session`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.analysis.steps.document import analysis_document
from livedash_pipeline.base.rules.cursors import make_moment_cursor, read_moment_cursor
from livedash_pipeline.base.rules.values import Document, moment
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, page_start
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.submissions.store.feed import CompanyResult, find_company_results, find_results_horizon

# Nobody can see a settlement that has read the clock and holds no lock yet.
_MARGIN = timedelta(seconds=5)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = UUID(int=0)


def list_results(
    engine: Engine,
    company_id: UUID,
    *,
    since: datetime | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_PAGE,
    clock: Callable[[Connection], datetime] = database_now,
) -> Document:
    """Returns one page of a company's results.

    Args:
        engine: Our database.
        company_id: The company.
        since: Only results analysed then or later; an aware time.
        cursor: `nextCursor` of an earlier page, with the same `since`.
        limit: Results of a page.
        clock: The time.

    Raises:
        UsageError: The limit is out of range, or the cursor is none of this feed.
    """
    filters = {"feed": "results", "company": str(company_id), "since": moment(since and since.astimezone(UTC))}
    after = page_start(cursor, filters, limit=limit, read=read_moment_cursor) or (since or _BEGINNING, _FIRST)
    with engine.connect() as connection:
        horizon = find_results_horizon(connection, before=clock(connection) - _MARGIN)
        found_results = find_company_results(connection, company_id, after=after, horizon=horizon, page_size=limit + 1)
    page = found_results[:limit]
    last = (page[-1].analysed_at, page[-1].session_id) if page else None
    return {
        "ok": True,
        "results": [_result(result) for result in page],
        # Given also on the last page, since later results come after it.
        "nextCursor": make_moment_cursor(*last, filters) if last else cursor,
        "hasMore": len(found_results) > limit,
    }


def _result(result: CompanyResult) -> Document:
    return {
        "externalId": result.external_session_id,
        "startTime": moment(result.start_time),
        "endTime": moment(result.end_time),
        **_values(result),
    }


def _values(result: CompanyResult) -> Document:
    """The values of the analysis."""
    return {
        **analysis_document(asdict(result)),
        "summary": result.summary,
        "questions": list(result.questions),
    }
