"""A page for tests of what all pages share: it shows its filter and a time, and has a form that changes something."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livedash_pipeline.api.guard import allow, caller_of
from livedash_pipeline.api.http.responses import answer
from livedash_pipeline.web import console
from livedash_pipeline.web.guard import READ, change, form_of, page_router
from livedash_pipeline.web.queries import PageQuery, Words
from livedash_pipeline.web.rendering import redirect, render

PAGE = "/console/probe"


class ProbeQuery(PageQuery):
    outcome: Words | None = None


def pages() -> list[APIRouter]:
    """The console with the probe."""
    routes = page_router("/probe")

    @routes.get("")
    @allow(READ)
    def probe(request: Request, query: Annotated[ProbeQuery, Query()]) -> Response:
        return render(request, "base.html", title=f"Probe {query.outcome}")

    @routes.post("")
    @allow(change("probe"))
    def send(request: Request) -> Response:
        return redirect("/probe", outcome=form_of(request).one("outcome"))

    @routes.get("/rights")
    @allow(READ)
    def rights(request: Request) -> Response:
        return answer({"scopes": sorted(caller_of(request).scopes)})

    return [*console.routers(), routes]
