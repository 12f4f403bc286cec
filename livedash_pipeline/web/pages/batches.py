"""Pages about batches: the list, one batch with its course and counts, and cancelling one.

Add what is shown of batches, or done with one. What a cancel means is said in `ledger.rules.admission.cancelling`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livedash_pipeline.api.guard import allow, note
from livedash_pipeline.api.problems import Problem, not_found
from livedash_pipeline.api.services import Services, services_of
from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.rules.admission.cancelling import CONSEQUENCES, FOR_ALL
from livedash_pipeline.ledger.steps.batches.batch_search import BatchSearch, search_batches
from livedash_pipeline.ledger.steps.batches.cancel import Unfinished, cancel_batches, cancel_document
from livedash_pipeline.ledger.steps.batches.context import configured_endpoint
from livedash_pipeline.ledger.steps.batches.service_context import service_context
from livedash_pipeline.overview.rules.operations.batch_course import NOT_STORED
from livedash_pipeline.overview.steps.operations.batches import count_batch, inspect_batch
from livedash_pipeline.web.guard import READ, change, form_of, page_router
from livedash_pipeline.web.kept import kept, looked_at
from livedash_pipeline.web.pages.dagster_links import run_page
from livedash_pipeline.web.pages.requests.putting_back import ACT
from livedash_pipeline.web.queries import PAGE_ROWS, Company, Cursor, Day, PageQuery, Words
from livedash_pipeline.web.rendering import redirect, render
from livedash_pipeline.web.zones import zone_of

_CHOICES = [("", "any"), *((status.lower(), status.lower().replace("_", " ")) for status in BatchStatus)]
_Status = Literal[
    "pending",
    "uploading",
    "validating",
    "in_progress",
    "finalizing",
    "completed",
    "processed",
    "failed",
    "cancelled",
]
# The request is written down first; what the service does not take within this, the next poll repeats.
_CANCEL_SECONDS = 10.0
# How often the page of an open batch looks again.
_OPEN_SECONDS = 10


class BatchesQuery(PageQuery):
    """Filters and page of the list."""

    company: Company | None = None
    model: Words | None = None
    status: _Status | None = None
    open: bool = False
    first: Day | None = None
    last: Day | None = None
    cursor: Cursor | None = None


class CancelQuery(PageQuery):
    """What the unfinished requests are to become."""

    unfinished: Unfinished = "pending"


def router() -> APIRouter:
    """Routes below `/console/batches`."""
    routes = page_router("/batches")
    _add_list(routes)
    _add_one(routes)
    _add_cancel(routes)
    return routes


def _add_list(routes: APIRouter) -> None:
    @routes.get("")
    @allow(READ)
    def list_batches(request: Request, query: Annotated[BatchesQuery, Query()]) -> Response:
        services = services_of(request)
        page = search_batches(
            services.engine,
            BatchSearch(query.company, query.model, query.status, query.open, query.first, query.last),
            limit=PAGE_ROWS,
            cursor=query.cursor,
            endpoint=configured_endpoint(services.settings),
        )
        return render(
            request,
            "batches/list.html",
            title="Batches",
            zone=zone_of(request, query.company),
            page=page,
            query=query,
            choices=_CHOICES,
        )


def _add_one(routes: APIRouter) -> None:
    @routes.get("/{batch_id}")
    @allow(READ)
    def one_batch(request: Request, batch_id: str) -> Response:
        services = services_of(request)
        found = _inspected(services, batch_id)
        name = found["batch"]["id"]
        is_open = found["batch"]["processedAt"] is None
        counts = looked_at(request, ("batch", name), lambda engine: count_batch(engine, name))
        return render(
            request,
            "batches/one.html",
            title=f"Batch {found['batch']['openaiBatchId'] or name}",
            zone=zone_of(request, found["batch"]["company"]),
            found=found,
            batch=found["batch"],
            counts=counts,
            refresh=1 if not counts.is_known and counts.failure is None else _OPEN_SECONDS if is_open else None,
            not_stored=NOT_STORED,
            run_page=run_page(services.settings, found["batch"]["dagsterRunId"]),
            no_cancel=_why_not_here(services, found),
        )


def _add_cancel(routes: APIRouter) -> None:
    @routes.get("/{batch_id}/cancel")
    @allow(ACT)
    def preview(request: Request, batch_id: str, query: Annotated[CancelQuery, Query()]) -> Response:
        """What a cancel would mean for the batch and for its requests."""
        services = services_of(request)
        found = _inspected(services, batch_id)
        name = found["batch"]["id"]
        return render(
            request,
            "batches/cancel.html",
            title=f"Cancel batch {found['batch']['openaiBatchId'] or name}",
            batch=found["batch"],
            counts=kept(request, ("batch", name), lambda engine: count_batch(engine, name)),
            no_cancel=_why_not_here(services, found),
            unfinished=query.unfinished,
            consequences=CONSEQUENCES,
            for_all=FOR_ALL,
        )

    @routes.post("/{batch_id}/cancel")
    @allow(change("cancel"))
    def cancel(request: Request, batch_id: str) -> Response:
        """Writes the cancel down, and asks the service for it."""
        services = services_of(request)
        found = _inspected(services, batch_id)
        unfinished = form_of(request).one("unfinished")
        if unfinished not in CONSEQUENCES:
            raise Problem(
                "bad_argument",
                f"{unfinished[:40]!r} is nothing that unfinished requests can become.",
                remedy=f"Use {' or '.join(CONSEQUENCES)}.",
            )
        reason = _why_not_here(services, found)
        if reason is not None:
            raise Problem("conflict", reason, remedy="Look at the batch again.")
        document = _cancel(services, found["batch"]["id"], cast(Unfinished, unfinished))
        note(
            request,
            batchId=found["batch"]["id"],
            unfinished=unfinished,
            cancelRequestedCount=document["cancelRequestedCount"],
        )
        return redirect(f"/batches/{found['batch']['id']}")


def _cancel(services: Services, batch_id: str, unfinished: Unfinished) -> Document:
    end = services.monotonic() + _CANCEL_SECONDS
    with service_context(services.engine, services.settings, KINDS) as context:
        report = cancel_batches(
            context,
            [batch_id],
            unfinished=unfinished,
            timeout=_CANCEL_SECONDS,
            time_left=lambda: services.monotonic() < end,
        )
    return cancel_document(report)


def _inspected(services: Services, name: str) -> dict[str, Any]:
    found = inspect_batch(services.engine, name, endpoint=configured_endpoint(services.settings))
    if found is None:
        raise not_found(f"batch {name[:64]!r}")
    return found


def _why_not_here(services: Services, found: Document) -> str | None:
    """Why a cancel is not offered: by the batch's state, or since this server does not talk to its service."""
    reason: str | None = found["noCancelBecause"]
    if reason is not None:
        return reason
    endpoint = configured_endpoint(services.settings)
    if found["batch"]["endpoint"] != endpoint:
        return f"It was made at {found['batch']['endpoint']}, and OPENAI_BASE_URL is {endpoint}: nothing here could cancel it."
    if not services.settings.openai_api_key:
        return "OPENAI_API_KEY is not set where this server runs, so that it cannot ask for a cancel."
    return None
