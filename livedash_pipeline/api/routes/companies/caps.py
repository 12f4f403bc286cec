"""What a company may know of its own caps and budget: never what other companies spend, nor all together.

Add nothing here that sums over companies; platform administrators read that with `api.routes.admin.caps`.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import allow, caller_of, company_of, guarded_router
from livedash_pipeline.api.http.responses import answer
from livedash_pipeline.api.problems import internal
from livedash_pipeline.api.routes.admin.caps import Caps
from livedash_pipeline.api.routes.admin.schemas import answers
from livedash_pipeline.api.services import services_of
from livedash_pipeline.overview.steps.caps import report_caps

_READ = Access(Role.COMPANY, Scope.SPEND_READ)


def router() -> APIRouter:
    """The route of companies about their spending."""
    routes = guarded_router("/api/v1", ["caps"])

    @routes.get("/caps", responses=answers(Caps), summary="Show own caps and budget", operation_id="get_own_caps")
    @allow(_READ)
    def get_own_caps(request: Request) -> Response:
        """The caps and the budget of the token's company, with what is spent, in flight, left and foreseen."""
        company_of(request)
        services, slug = services_of(request), caller_of(request).company
        if slug is None:
            raise internal()
        return answer(report_caps(services.engine, services.settings, slug))

    return routes
