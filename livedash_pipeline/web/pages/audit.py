"""The audit log: what was changed, refused and looked at, by whom, newest first.

Nothing here changes it. Add a filter to `access.steps.pages`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request
from fastapi.routing import APIRouter
from starlette.responses import Response

from livedash_pipeline.access.steps.pages import page_audit
from livedash_pipeline.api.guard import allow
from livedash_pipeline.web.guard import READ, page_router, services_of
from livedash_pipeline.web.queries import PAGE_ROWS, Company, Cursor, PageQuery, Words
from livedash_pipeline.web.rendering import render


class AuditQuery(PageQuery):
    """Which lines, from where on."""

    company: Company | None = None
    outcome: Literal["done", "refused", "failed"] | None = None
    action: Words | None = None
    actor: Words | None = None
    cursor: Cursor | None = None


def router() -> APIRouter:
    """The route of the audit log."""
    routes = page_router("/audit")

    @routes.get("")
    @allow(READ)
    def audit(request: Request, query: Annotated[AuditQuery, Query()]) -> Response:
        listed = page_audit(services_of(request).engine, limit=PAGE_ROWS, **query.model_dump())
        return render(request, "audit/list.html", title="Audit log", query=query, listed=listed)

    return routes
