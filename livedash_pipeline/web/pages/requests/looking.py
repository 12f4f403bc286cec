"""The list of requests, one request with its tries, and what the model answered to it.

Add what is only looked at. What changes requests is in `putting_back` and `rereading`.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sqlalchemy import Engine
from starlette.responses import Response

from livedash_pipeline.api.guard import allow
from livedash_pipeline.api.http.kept import Kept
from livedash_pipeline.api.problems import not_found
from livedash_pipeline.api.services import services_of
from livedash_pipeline.ledger.steps.batches.request_search import count_requests, search_requests
from livedash_pipeline.overview.steps.inspections import describe_request
from livedash_pipeline.overview.steps.operations.requests import inspect_request
from livedash_pipeline.web.guard import READ
from livedash_pipeline.web.pages.overview import summary_of
from livedash_pipeline.web.pages.requests.query import ANY, FAILED, STATUSES, RequestsQuery
from livedash_pipeline.web.pages.texts import TEXTS, require_reader
from livedash_pipeline.web.queries import PAGE_ROWS
from livedash_pipeline.web.rendering import render
from livedash_pipeline.web.zones import zone_of

_PATIENCE = 0.01


def add(routes: APIRouter) -> None:
    """Adds the routes to those of requests."""

    @routes.get("")
    @allow(READ)
    def list_requests(request: Request, query: Annotated[RequestsQuery, Query()]) -> Response:
        status = None if query.tab == ANY else query.tab
        page = search_requests(services_of(request).engine, query.search(status), limit=PAGE_ROWS, cursor=query.cursor)
        return render(
            request,
            "requests/list.html",
            title="Requests",
            zone=zone_of(request, query.company),
            page=page,
            query=query,
            tabs=STATUSES + ((ANY,) if query.batch is not None else ()),
            counts=_counts(request, query),
            failed=FAILED,
        )

    @routes.get("/{request_id}")
    @allow(READ)
    def one_request(request: Request, request_id: str) -> Response:
        found = inspect_request(services_of(request).engine, request_id)
        if found is None:
            raise not_found(f"request {request_id[:64]!r}")
        return render(
            request,
            "requests/one.html",
            title=f"Request {found['request']['id']}",
            zone=zone_of(request, found["company"]),
            one=found["request"],
            attempts=found["attempts"],
            company=found["company"],
            has_answer=found["hasAnswer"],
            failed=FAILED,
        )

    @routes.get("/{request_id}/answer")
    @allow(TEXTS)
    def answer_of(request: Request, request_id: str) -> Response:
        require_reader(request)
        found = describe_request(services_of(request).engine, request_id, show_text=True)
        if found is None:
            raise not_found(f"request {request_id[:64]!r}")
        return render(
            request,
            "requests/answer.html",
            title="What the model answered",
            one=found["request"],
            texts=found["texts"],
        )


def _counts(request: Request, query: RequestsQuery) -> Kept:
    """Counts by status under the filters: all where there are none, and otherwise as many as are counted quickly."""
    if not query.given:
        return summary_of(services_of(request))

    def work(engine: Engine) -> dict[str, Any]:
        tabs = (*STATUSES, ANY) if query.batch is not None else STATUSES
        return {tab: count_requests(engine, query.search(None if tab == ANY else tab)) for tab in tabs}

    services = services_of(request)
    key = ("requests by filter", tuple(sorted(query.given.items())))
    # Not as long as pages wait elsewhere: the list has taken its time already, and the tabs look again by themselves.
    return services.kept.look(key, lambda: work(services.patient), patience=_PATIENCE)
