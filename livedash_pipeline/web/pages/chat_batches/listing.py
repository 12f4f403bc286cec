"""The list of chat batches, newest first, with progress and cost.

Add a filter to `ListQuery`; the step is `chats.steps.documents`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livedash_pipeline.api.guard import allow
from livedash_pipeline.api.routes.chats.callers import viewer_of
from livedash_pipeline.base.rules.chat_states import ChatBatchStatus
from livedash_pipeline.base.rules.ids import read_ids
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.chats.steps.documents import cost_documents, list_document
from livedash_pipeline.web.guard import company_named, services_of
from livedash_pipeline.web.kept import looked_at
from livedash_pipeline.web.pages.chat_batches.shared import READ_BATCHES
from livedash_pipeline.web.queries import Company, Cursor, PageQuery
from livedash_pipeline.web.rendering import render
from livedash_pipeline.web.zones import zone_of

STATUSES = [("", "any"), *((status.lower(), status.lower().replace("_", " ")) for status in ChatBatchStatus)]
# Rows of a page; each has a bar, times and money.
_ROWS = 30
_OPEN = ("processing", "cancelling")
StatusWord = Literal[
    "created", "processing", "cancelling", "completed", "completed_with_failures", "failed", "cancelled"
]


class ListQuery(PageQuery):
    """Which batches."""

    status: StatusWord | None = None
    company: Company | None = None
    cursor: Cursor | None = None


def add_listing(routes: APIRouter) -> None:
    """Adds the list."""

    @routes.get("")
    @allow(READ_BATCHES)
    def batches(request: Request, query: Annotated[ListQuery, Query()]) -> Response:
        document = list_document(
            services_of(request).engine,
            status=query.status,
            company=company_named(request, query.company),
            limit=_ROWS,
            cursor=query.cursor,
            viewer=viewer_of(request),
            with_costs=False,
        )
        return _page(request, query, document)


def _page(request: Request, query: ListQuery, document: Document) -> Response:
    rows = document["batches"]
    ids = tuple(row["id"] for row in rows if row["startedAt"])
    # All tries of all questions are summed, which takes seconds where there are many.
    costs = looked_at(request, ("chat batch costs", ids), lambda engine: cost_documents(engine, read_ids(ids)[0]))
    return render(
        request,
        "chat_batches/list.html",
        title="Chat batches",
        zone=zone_of(request, company_named(request, query.company)),
        query=query,
        batches=rows,
        next_cursor=document["nextCursor"],
        costs=costs,
        statuses=STATUSES,
        goes_on=any(row["status"] in _OPEN for row in rows) or (not costs.is_known and costs.failure is None),
    )
