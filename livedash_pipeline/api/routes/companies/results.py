"""The route about results in sums: what a company's sessions were about, by day, and compared with another period.

A company's token sees its own company alone, a platform administrator one company or all together. Add a route that sums
results; single results are listed by `api.routes.companies.submissions`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import allow, caller_of, guarded_router
from livedash_pipeline.api.http.parameters import OfCompany
from livedash_pipeline.api.routes.admin.requests import counted, wants_fresh
from livedash_pipeline.api.routes.admin.schemas import answers
from livedash_pipeline.api.routes.admin.spend import own_company
from livedash_pipeline.api.routes.companies.result_schemas import ResultsSummary
from livedash_pipeline.api.services import services_of
from livedash_pipeline.overview.steps.results import summarise_results

_READ = Access(Role.COMPANY, Scope.RESULTS_READ, also=(Role.PLATFORM_ADMIN,), also_scope=Scope.ADMIN_READ)
_DAY = r"\d{4}-\d{2}-\d{2}"


class SummaryQuery(OfCompany):
    """Which days, and what they are compared with."""

    start: str | None = Field(
        None,
        alias="from",
        pattern=f"^{_DAY}$",
        description="First day, in the company's zone; without it thirty days until the last one.",
        examples=["2025-05-01"],
    )
    end: str | None = Field(
        None,
        alias="to",
        pattern=f"^{_DAY}$",
        description="Last day, included; without it today.",
        examples=["2025-05-31"],
    )
    compare: str | None = Field(
        None,
        pattern=f"^(none|previous|year|{_DAY})$",
        description="As many days before, the same days a year before, or the first of as many days.",
        examples=["previous"],
    )
    by: Literal["day", "week", "month"] | None = Field(
        None, description="The step of the series; without it the finest that stays readable.", examples=["day"]
    )


def router() -> APIRouter:
    """The route below `/api/v1`."""
    routes = guarded_router("/api/v1", ["sessions"])

    @routes.get(
        "/results/summary",
        responses=answers(ResultsSummary),
        summary="Sum results by day, category and language",
        operation_id="results_summary",
    )
    @allow(_READ)
    def results_summary(request: Request, query: Annotated[SummaryQuery, Query()]) -> Response:
        """Sessions that began in some days of the company's own calendar, at most two years. May be some seconds old (`Age`).

        A `platform_admin` token sees questions only with the scope `texts:read`; without it their lists are empty.
        """
        services, company = services_of(request), own_company(request, query.company)
        with_questions = caller_of(request).may_see_questions
        document, age = services.recent.get(
            ("results", query.start, query.end, query.compare, query.by, company, with_questions),
            lambda: summarise_results(
                services.engine,
                company=company,
                start=query.start,
                end=query.end,
                compare=query.compare,
                by=query.by,
                with_questions=with_questions,
            ),
            fresh=wants_fresh(request),
        )
        return counted(document, age)

    return routes
