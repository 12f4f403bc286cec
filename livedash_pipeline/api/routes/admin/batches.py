"""Admin routes about batches: what was sent, ending it, and comparing both sides.

Add a route about batches. Cancelling and reconciling call the service, so that they need its key and take as long as it takes.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livedash_pipeline.api.access import ADMIN_READ, admin_write
from livedash_pipeline.api.guard import allow, guarded_router, note
from livedash_pipeline.api.http.parameters import CancelBody, PageOf, ReconcileBody
from livedash_pipeline.api.http.responses import answer
from livedash_pipeline.api.openapi import may_answer
from livedash_pipeline.api.problems import Problem, not_found
from livedash_pipeline.api.routes.admin.requests import PREFIX
from livedash_pipeline.api.routes.admin.schemas import Batches, Cancelled, OneBatch, Reconciled, answers
from livedash_pipeline.api.services import services_of
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches import listing
from livedash_pipeline.ledger.steps.batches.cancel import cancel_batches, cancel_document
from livedash_pipeline.ledger.steps.batches.context import configured_endpoint
from livedash_pipeline.ledger.steps.batches.service_context import service_context
from livedash_pipeline.ledger.steps.recovery.reconcile import reconcile_batches, reconcile_document
from livedash_pipeline.overview.steps import inspections

_CANCEL = admin_write("cancel", body="optional json")
_RECONCILE = admin_write("reconcile", body="optional json")
# The wish is written down first; what the service does not ingest this time, the next poll repeats.
_CANCEL_SECONDS = 10.0
_TO_ONE = {
    "batch": {"operationId": "describe_batch", "parameters": {"batch_id": "$response.body#/batches/0/id"}},
    "cancel": {"operationId": "cancel_batch", "parameters": {"batch_id": "$response.body#/batches/0/id"}},
}


def router() -> APIRouter:
    """Routes below `/api/admin/legacy`."""
    routes = guarded_router(PREFIX, ["batches"])
    _add_batches(routes)
    _add_cancel(routes)
    _add_reconcile(routes)
    return routes


def _add_batches(routes: APIRouter) -> None:
    @routes.get(
        "/batches", responses=answers(Batches, links=_TO_ONE), summary="List batches", operation_id="list_batches"
    )
    @allow(ADMIN_READ)
    def list_batches(request: Request, query: Annotated[PageOf, Query()]) -> Response:
        """Newest first, each with why it stands still, if it does."""
        services = services_of(request)
        document = listing.list_batches(
            services.engine,
            limit=query.limit,
            cursor=query.cursor,
            company=query.company,
            endpoint=configured_endpoint(services.settings),
        )
        return answer(document)

    @routes.get(
        "/batches/{batch_id}", responses=answers(OneBatch), summary="Show a batch", operation_id="describe_batch"
    )
    @allow(ADMIN_READ)
    def describe_batch(request: Request, batch_id: str) -> Response:
        """By our id or OpenAI's: its files, times, counts, outcomes and cost."""
        services = services_of(request)
        endpoint = configured_endpoint(services.settings)
        document = inspections.describe_batch(services.engine, batch_id, endpoint=endpoint)
        if document is None:
            raise _no_batch(batch_id)
        return answer(document)


def _add_cancel(routes: APIRouter) -> None:
    @routes.post(
        "/batches/{batch_id}/cancel",
        responses=answers(Cancelled),
        summary="Cancel a batch",
        operation_id="cancel_batch",
    )
    @may_answer(502)
    @allow(_CANCEL)
    def cancel_batch(request: Request, batch_id: str, body: CancelBody | None = None) -> Response:
        """The wish is written down and repeated by every poll until the batch has ended; what was finished is kept and paid."""
        services = services_of(request)
        found = inspections.find_batch(services.engine, batch_id)
        if found is None:
            raise _no_batch(batch_id)
        unfinished = (body or CancelBody()).unfinished
        end = services.monotonic() + _CANCEL_SECONDS
        with service_context(services.engine, services.settings, KINDS) as context:
            report = cancel_batches(
                context,
                [str(found)],
                unfinished=unfinished,
                timeout=_CANCEL_SECONDS,
                time_left=lambda: services.monotonic() < end,
            )
        document = cancel_document(report)
        note(request, batchId=str(found), unfinished=unfinished, cancelRequestedCount=document["cancelRequestedCount"])
        return answer(document)


def _add_reconcile(routes: APIRouter) -> None:
    @routes.post(
        "/reconcile",
        responses=answers(Reconciled),
        summary="Compare everything at the service with our tables",
        operation_id="reconcile",
    )
    @may_answer(409, 502)
    @allow(_RECONCILE)
    def reconcile(request: Request, body: ReconcileBody | None = None) -> Response:
        """Reads all that the service lists, which may take minutes; one at a time in a process."""
        services = services_of(request)
        if not services.reconciling.acquire(blocking=False):
            raise Problem("conflict", "A reconcile is running already.", remedy="Wait for its end.")
        try:
            with service_context(services.engine, services.settings, KINDS) as context:
                wanted = body or ReconcileBody()
                believed = None if wanted.believe_absence is None else str(wanted.believe_absence)
                report = reconcile_batches(context, accept_vanished=wanted.accept_vanished, believe_absence=believed)
        finally:
            services.reconciling.release()
        document = reconcile_document(report)
        note(request, **{name: value for name, value in document.items() if isinstance(value, int)})
        return answer(document)


def _no_batch(name: str) -> Problem:
    return not_found(f"batch {name[:64]!r}")
