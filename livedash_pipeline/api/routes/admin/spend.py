"""The admin route about money: what was spent, for whom and on what.

A platform administrator sees all companies, a company's token its own alone. Add a route that reads money; none here changes it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import allow, caller_of, guarded_router
from livedash_pipeline.api.http.parameters import OfCompany
from livedash_pipeline.api.problems import internal, not_found
from livedash_pipeline.api.routes.admin.requests import counted, wants_fresh
from livedash_pipeline.api.routes.admin.schemas import Spending, answers
from livedash_pipeline.api.services import services_of
from livedash_pipeline.overview.steps.spend import BY_DEFAULT, report_spend

_READ = Access(Role.PLATFORM_ADMIN, Scope.ADMIN_READ, also=(Role.COMPANY,), also_scope=Scope.SPEND_READ)
_DAY = r"^\d{4}-\d{2}-\d{2}$"


class SpendQuery(OfCompany):
    """Which days, and what they are grouped by."""

    by: str = Field(
        ",".join(BY_DEFAULT),
        max_length=100,
        pattern=r"^[A-Za-z, ]*$",
        description="Any of day, month, company, model, kind and outcome, with commas between them.",
        examples=["day,model"],
    )
    start: str | None = Field(
        None,
        alias="from",
        pattern=_DAY,
        description="First day (UTC); without it the first of the month.",
        examples=["2025-05-01"],
    )
    end: str | None = Field(
        None,
        alias="to",
        pattern=_DAY,
        description="Last day (UTC), included; without it today.",
        examples=["2025-05-31"],
    )


def router() -> APIRouter:
    """Routes below `/api/admin`."""
    routes = guarded_router("/api/admin", ["spend"])

    @routes.get("/spend", responses=answers(Spending), summary="Sum what was spent", operation_id="spend")
    @allow(_READ)
    def spend(request: Request, query: Annotated[SpendQuery, Query()]) -> Response:
        """Costs of the ledger per group, what they were spent on, and what batches saved. May be some seconds old (`Age`)."""
        services, company = services_of(request), own_company(request, query.company)
        document, age = services.recent.get(
            ("spend", query.by, query.start, query.end, company),
            lambda: report_spend(
                services.engine,
                currency=services.settings.livedash_currency,
                by=query.by.split(","),
                start=query.start,
                end=query.end,
                company=company,
            ),
            fresh=wants_fresh(request),
        )
        return counted(document, age)

    return routes


def own_company(request: Request, named: str | None) -> str | None:
    """Returns the company that is reported: that of the token, for which others do not exist, or the one named."""
    caller = caller_of(request)
    if caller.role is not Role.COMPANY:
        return named
    if caller.company is None:
        # Without a company it would read as all of them.
        raise internal()
    if named not in (None, caller.company):
        raise not_found(f"company {named!r}")
    return caller.company
