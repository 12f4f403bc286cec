"""Whether the server is up and ready, its metrics, and its description.

Add what machines that watch the server ask for. What concerns the pipeline itself is on the admin routes.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from livedash_pipeline.api.access import METRICS_READ, Access
from livedash_pipeline.api.docs_page import CONTENT_POLICY, render
from livedash_pipeline.api.guard import GuardedRoute, allow
from livedash_pipeline.api.http.responses import answer
from livedash_pipeline.api.metrics import MEDIA_TYPE
from livedash_pipeline.api.routes.admin.schemas import Health, answers
from livedash_pipeline.api.services import services_of
from livedash_pipeline.base.store.revisions import check_current
from livedash_pipeline.overview.steps.figures import read_figures

_ANYBODY = Access(None)


def router() -> APIRouter:
    """Routes outside the API proper; `/metrics` alone needs a token, unless LIVEDASH_METRICS_PUBLIC is true."""
    routes = APIRouter(tags=["server"], route_class=GuardedRoute)
    _add_probes(routes)
    _add_description(routes)
    _add_metrics(routes)
    return routes


def _add_probes(routes: APIRouter) -> None:
    @routes.get("/healthz", responses=answers(Health, "Up"), summary="Is the process up?")
    @allow(_ANYBODY)
    async def healthz() -> Response:
        """Asks nobody else, so that a database that is away does not get the process restarted."""
        return answer({"status": "up"})

    @routes.get("/readyz", responses=answers(Health, "Ready"), summary="Can it answer requests?")
    @allow(_ANYBODY)
    def readyz(request: Request) -> Response:
        """Whether the database is there and at this program's schema; 503 otherwise."""
        services = services_of(request)
        services.recent.get("ready", lambda: check_current(services.engine))
        return answer({"status": "ready"})


def _add_description(routes: APIRouter) -> None:
    @routes.get("/openapi.json", include_in_schema=False)
    @allow(_ANYBODY)
    async def openapi(request: Request) -> Response:
        return answer(_description(request))

    @routes.get("/docs", include_in_schema=False)
    @allow(_ANYBODY)
    async def docs(request: Request) -> Response:
        return HTMLResponse(render(_description(request)), headers={"Content-Security-Policy": CONTENT_POLICY})


def _description(request: Request) -> dict[str, Any]:
    described: dict[str, Any] = request.app.openapi()
    return described


def _add_metrics(routes: APIRouter) -> None:
    shown: dict[int | str, dict[str, Any]] = {
        200: {"description": "Prometheus' text format", "content": {"text/plain": {"schema": {"type": "string"}}}}
    }

    @routes.get("/metrics", responses=shown, response_class=Response, summary="Figures for Prometheus")
    @allow(METRICS_READ)
    def metrics(request: Request) -> Response:
        """Requests and batches by status, the oldest pending age, money, and latencies of this API."""
        services = services_of(request)
        figures, _ = services.recent.get("figures", lambda: read_figures(services.engine))
        return Response(services.metrics.render(figures), media_type=MEDIA_TYPE)
