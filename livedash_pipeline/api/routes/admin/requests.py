"""Admin routes about requests and where sessions stand: summary, pages and requeue, and one request in full.

Add a route about requests, stages or rejects. All of them need a platform administrator's token.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livedash_pipeline.analysis.steps.reread import reread_answers
from livedash_pipeline.api.access import ADMIN_READ, admin_write
from livedash_pipeline.api.guard import allow, guarded_router, note
from livedash_pipeline.api.http.parameters import OfCompany, PageOf, PageOfRequests, RequeueBody, RereadBody
from livedash_pipeline.api.http.responses import answer
from livedash_pipeline.api.problems import not_found
from livedash_pipeline.api.routes.admin.schemas import (
    OneRequest,
    Rejects,
    Requests,
    Requeued,
    Reread,
    Stages,
    Summary,
    answers,
)
from livedash_pipeline.api.services import services_of
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches import requests as operations
from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests
from livedash_pipeline.overview.steps import inspections
from livedash_pipeline.overview.steps.pipeline_report import report_status

PREFIX = "/api/admin/legacy"
_REQUEUE = admin_write("requeue", body="json")
_REREAD = admin_write("reread", body="json")
_TO_ONE = {
    "request": {"operationId": "describe_request", "parameters": {"request_id": "$response.body#/requests/0/id"}}
}


def router() -> APIRouter:
    """Routes below `/api/admin/legacy`."""
    routes = guarded_router(PREFIX, ["requests"])
    _add_counts(routes)
    _add_requests(routes)
    _add_requeue(routes)
    _add_reread(routes)
    _add_rejects(routes)
    return routes


def counted(document: Document, age: float) -> Response:
    """Counts, which may be a moment old: `Age` says how many seconds."""
    return answer(document, headers={"Age": str(int(age))})


def wants_fresh(request: Request) -> bool:
    """`Cache-Control: no-cache`: what is kept will not do."""
    return "no-cache" in request.headers.get("cache-control", "").lower()


def _add_counts(routes: APIRouter) -> None:
    @routes.get("/summary", responses=answers(Summary), summary="Count requests per status", operation_id="summary")
    @allow(ADMIN_READ)
    def summary(request: Request, query: Annotated[OfCompany, Query()]) -> Response:
        """On a large database the counts may be some seconds old (`Age`); `Cache-Control: no-cache` has them counted anew."""
        services = services_of(request)
        document, age = services.recent.get(
            ("summary", query.company),
            lambda: operations.summarise(services.engine, query.company),
            fresh=wants_fresh(request),
        )
        return counted(document, age)

    @routes.get("/stages", responses=answers(Stages), summary="Count sessions per stage", operation_id="stages")
    @allow(ADMIN_READ)
    def stages(request: Request, query: Annotated[OfCompany, Query()]) -> Response:
        """Sessions per stage and status, and what stands in the way of those that wait; as fresh as the summary."""
        services = services_of(request)
        document, age = services.recent.get(
            ("stages", query.company),
            lambda: report_status(services.engine, services.settings, KINDS, query.company),
            fresh=wants_fresh(request),
        )
        return counted(document, age)


def _add_requests(routes: APIRouter) -> None:
    @routes.get(
        "/requests",
        responses=answers(Requests, links=_TO_ONE),
        summary="List requests of a status",
        operation_id="list_requests",
    )
    @allow(ADMIN_READ)
    def list_requests(request: Request, query: Annotated[PageOfRequests, Query()]) -> Response:
        """In the order of their ids, so that a page stays what it is while requests come and go."""
        document = operations.list_requests(
            services_of(request).engine,
            status=query.status,
            limit=query.limit,
            cursor=query.cursor,
            company=query.company,
        )
        return answer(document)

    @routes.get(
        "/requests/{request_id}",
        responses=answers(OneRequest),
        summary="Show a request with its tries",
        operation_id="describe_request",
    )
    @allow(ADMIN_READ)
    def describe_request(request: Request, request_id: str) -> Response:
        """Its state, and every try with outcome, tokens and cost; what the model answered is not shown."""
        document = inspections.describe_request(services_of(request).engine, request_id)
        if document is None:
            raise not_found(f"request {request_id[:64]!r}")
        return answer(document)


def _add_requeue(routes: APIRouter) -> None:
    @routes.post(
        "/requests/requeue",
        responses=answers(Requeued),
        summary="Try failed requests again",
        operation_id="requeue",
    )
    @allow(_REQUEUE)
    def requeue(request: Request, body: RequeueBody) -> Response:
        """By id at once; by a filter only counted, with the cost at most, unless `dryRun` is false."""
        services = services_of(request)
        document = requeue_requests(
            services.engine,
            KINDS,
            request_ids=body.request_ids,
            company=body.company,
            error_code=body.error_code,
            older_than_hours=body.older_than_hours,
            model=body.model,
            batch=body.batch,
            dry_run=body.dry_run,
            settings=services.settings,
        )
        note(request, **{name: value for name, value in document.items() if name != "ok"})
        return answer(document)


def _add_reread(routes: APIRouter) -> None:
    @routes.post(
        "/requests/reread",
        responses=answers(Reread),
        summary="Judge kept answers again",
        operation_id="reread",
    )
    @allow(_REREAD)
    def reread(request: Request, body: RereadBody) -> Response:
        """Only counts, unless `dryRun` is false. Nothing is bought; an answer that is taken is written to its session."""
        document = reread_answers(
            services_of(request).engine, company=body.company, outcome=body.outcome, dry_run=body.dry_run
        )
        note(request, **{name: value for name, value in document.items() if name != "ok"})
        return answer(document)


def _add_rejects(routes: APIRouter) -> None:
    @routes.get(
        "/rejects", responses=answers(Rejects), summary="List records that could not be read", operation_id="rejects"
    )
    @allow(ADMIN_READ)
    def rejects(request: Request, query: Annotated[PageOf, Query()]) -> Response:
        """Newest first, with line, reason and the beginning of the record, which may hold personal data."""
        document = inspections.list_rejects(
            services_of(request).engine,
            limit=query.limit,
            cursor=query.cursor,
            company=query.company,
            show_text=True,
        )
        return answer(document)
