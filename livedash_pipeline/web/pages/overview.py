"""The overview: where everything stands, what keeps it, what it costs, and how the last days went.

Add a part to `_PARTS` and show it in `overview/page.html`. Each part is computed and kept by itself, so that one that takes long,
or fails, holds up no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Engine
from starlette.responses import Response

from livedash_pipeline.api.guard import allow
from livedash_pipeline.api.http.kept import PATIENCE, Kept
from livedash_pipeline.api.services import Services, services_of
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.batch_search import list_open_batches
from livedash_pipeline.ledger.steps.batches.context import configured_endpoint
from livedash_pipeline.ledger.steps.batches.requests import summarise
from livedash_pipeline.overview.rules.operations.nearest_limits import share_of
from livedash_pipeline.overview.rules.operations.trend_charts import TrendLinks, trend_charts
from livedash_pipeline.overview.steps.operations import pulse
from livedash_pipeline.overview.steps.pipeline_report import count_stages, list_obstacles
from livedash_pipeline.web.charts import Figure, figure
from livedash_pipeline.web.guard import READ, page_router
from livedash_pipeline.web.links import address
from livedash_pipeline.web.rendering import render

# Rows of the lists of the page; each says how many there are, and where the others are found.
_BATCHES, _IMPORTS, _COMPANIES = 10, 12, 8
MOST_OBSTACLES = 15
# How often the page looks again: while something is counted, and while something is open.
_COUNTING_SECONDS, _OPEN_SECONDS = 1, 10

SUMMARY = "requests by status"
"""The key of the counts that the list of requests shows as well."""

_Work = Callable[[Engine], Any]


def router() -> APIRouter:
    """The route of the overview."""
    routes = page_router("/overview")

    @routes.get("")
    @allow(READ)
    def overview(request: Request) -> Response:
        services = services_of(request)
        parts = _look_at_all(services)
        return render(
            request,
            "overview/page.html",
            title="Overview",
            parts=parts,
            charts=_charts(parts["trend"]),
            shares={each["company"]: share_of(each) for each in _companies(parts["caps"])},
            refresh=_refresh(parts),
            most_obstacles=MOST_OBSTACLES,
        )

    return routes


def summary_of(services: Services) -> Kept:
    """The kept counts of requests per status."""
    return _look(services, SUMMARY, summarise)


def _parts(services: Services) -> Mapping[str, _Work]:
    settings = services.settings
    endpoint = configured_endpoint(settings)
    return {
        "stages": count_stages,
        SUMMARY: summarise,
        "batches": lambda engine: list_open_batches(engine, limit=_BATCHES, endpoint=endpoint),
        "obstacles": lambda engine: list_obstacles(engine, settings, KINDS),
        "imports": lambda engine: pulse.report_imports(engine, most=_IMPORTS),
        "caps": lambda engine: pulse.report_nearest_caps(engine, settings, most=_COMPANIES),
        "trend": pulse.report_trend,
        "endpoints": pulse.report_endpoints,
    }


def _look_at_all(services: Services) -> dict[str, Kept]:
    """All parts; those that are not there yet are waited for together, as long as a page waits for one."""
    end = services.monotonic() + PATIENCE
    works = _parts(services)
    parts = {name: _look(services, name, work, patience=0) for name, work in works.items()}
    for name, part in parts.items():
        if not part.is_known and part.failure is None:
            parts[name] = _look(services, name, works[name], patience=max(end - services.monotonic(), 0))
    return parts


def _look(services: Services, name: str, work: _Work, *, patience: float | None = None) -> Kept:
    """A part with its failure, if it has one: `web.kept` would end the whole page with it."""
    return services.kept.look(("overview", name), lambda: work(services.patient), patience=patience)


def _refresh(parts: Mapping[str, Kept]) -> int | None:
    """Seconds after which the page looks again; None where nothing is counted and nothing is open."""
    if any(not part.is_known and part.failure is None for part in parts.values()):
        return _COUNTING_SECONDS
    batches, requests = parts["batches"].value, parts[SUMMARY].value
    open_requests = 0
    if requests is not None:
        counts = requests["summary"]
        open_requests = counts["pending_batching"] + counts["batching_in_progress"]
    return _OPEN_SECONDS if open_requests or (batches is not None and batches["total"]) else None


def _companies(caps: Kept) -> list[Document]:
    return caps.value["companies"] if caps.is_known else []


def _charts(trend: Kept) -> list[tuple[str, Figure | None]]:
    """The charts of the trend by their titles; None where there is nothing to draw."""
    if not trend.is_known:
        return []
    links = TrendLinks(
        completed=address("/requests", status="processing_complete"),
        failed=address("/requests", status="processing_failed"),
        batches=lambda day: address("/batches", first=day, last=day),
        sessions=address("/sessions"),
        costs=lambda day: address("/spend", from_=day, to=day),
    )
    charts = trend_charts(trend.value, links)
    return [(chart.title, figure(chart, f"trend-{number}")) for number, chart in enumerate(charts)]
