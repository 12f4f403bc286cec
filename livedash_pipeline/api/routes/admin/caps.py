"""Admin routes about caps and budgets: where spending stands, and what a company has of its own.

Add a figure to `overview.steps.caps` and to the shape here. Companies read their own with `api.routes.companies.caps`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from livedash_pipeline.api.access import ADMIN_READ, admin_write
from livedash_pipeline.api.guard import allow, guarded_router, note
from livedash_pipeline.api.http.parameters import Body, OfCompany
from livedash_pipeline.api.http.responses import answer
from livedash_pipeline.api.problems import not_found
from livedash_pipeline.api.routes.admin.schemas import Answered, Shape, answers
from livedash_pipeline.api.services import services_of
from livedash_pipeline.base.rules.values import NO_LIMIT
from livedash_pipeline.base.steps.companies import change_company, limit_values, require_company
from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.errors import UsageError
from livedash_pipeline.overview.steps.caps import report_caps

_WRITE = admin_write("set_caps", body="json")
_AMOUNT = r"^[0-9]{1,8}(\.[0-9]{1,12})?$"

_OPEN = "Charged, or perhaps charged, at a cost not known yet; null without a known limit."
_IN_FLIGHT = "Null without a known limit."


class LimitStanding(Shape):
    """A cap or a budget, and what counts against it in its day or month (UTC)."""

    kind: Literal["cap", "budget"]
    period: Literal["day", "month"]
    eur: str = Field(examples=["50"])
    source: Literal["company", "setting"]
    setting: str | None = Field(description="The setting that says so; null for a company's own.", examples=[None])
    spent_eur: str = Field(examples=["31.4"])
    open_at_most_eur: str | None = Field(description=_OPEN, examples=["0"])
    in_flight_at_most_eur: str | None = Field(description=_IN_FLIGHT, examples=["4.2"])
    without_limit: int = Field(
        ge=0, description="Entries of both without a known limit; no sum has them.", examples=[0]
    )
    share_percent: float | None = Field(description="Cut after one decimal; null of a limit of 0.", examples=[71.2])
    reached_share: int | None = Field(description="The highest of `warnShares` that is reached.", examples=[50])
    left_eur: str = Field(examples=["14.4"])
    reached_on: date | None = Field(description="The day on which it is reached at this pace.", examples=["2025-05-24"])


class MonthForecast(Shape):
    """Euro at the month's end, if no cap stood in the way."""

    low_eur: str = Field(examples=["31.4"])
    expected_eur: str = Field(examples=["57.1"])
    high_eur: str | None = Field(description="Null where the price of what waits is unknown.", examples=["68.3"])


class SpendingStanding(Shape):
    """The month of a company, or of all together (`company` is null)."""

    company: str | None = Field(examples=["acme"])
    limits: list[LimitStanding]
    spent_eur: str = Field(examples=["31.4"])
    open_at_most_eur: str | None = Field(description=_OPEN, examples=["0"])
    in_flight_at_most_eur: str | None = Field(description=_IN_FLIGHT, examples=["4.2"])
    waiting_requests: int = Field(ge=0, examples=[1200])
    waiting_at_most_eur: str | None = Field(description="Null where a price is unknown.", examples=["5.1"])
    forecast: MonthForecast | None = Field(description="Null with less than a day to go by.")


class Caps(Answered):
    """Caps and budgets, with what counts against each."""

    at: datetime
    month: str = Field(examples=["2025-05"])
    warn_shares: list[int] = Field(examples=[[50, 80, 100]])
    total: SpendingStanding | None = Field(description="All companies together; null where one is asked about.")
    companies: list[SpendingStanding]


class CompanyLimits(Answered):
    """A company's own caps and budget in euro; null where the settings count."""

    company: str = Field(examples=["acme"])
    monthly_cap_eur: str | None = Field(examples=["50"])
    daily_cap_eur: str | None = Field(examples=[None])
    monthly_budget_eur: str | None = Field(examples=["40"])


class CompanyLimitsBody(Body):
    """All three, as they are to be from now on: euro as text, null where the settings count. A cap of 0 lets nothing be sent."""

    monthly_cap_eur: str | None = Field(pattern=_AMOUNT, examples=["50"])
    daily_cap_eur: str | None = Field(pattern=_AMOUNT, examples=[None])
    monthly_budget_eur: str | None = Field(pattern=_AMOUNT, examples=["40"])


def router() -> APIRouter:
    """Routes about caps and budgets."""
    routes = guarded_router("/api/admin", ["caps"])
    _add_standings(routes)
    _add_own(routes)
    return routes


def _add_standings(routes: APIRouter) -> None:
    @routes.get("/caps", responses=answers(Caps), summary="Show caps and budgets", operation_id="get_caps")
    @allow(ADMIN_READ)
    def get_caps(request: Request, query: Annotated[OfCompany, Query()]) -> Response:
        """Each cap and budget with what is spent, in flight, left and foreseen; all companies together, unless one is named."""
        services = services_of(request)
        return answer(report_caps(services.engine, services.settings, query.company))


def _add_own(routes: APIRouter) -> None:
    @routes.get(
        "/companies/{slug}/caps",
        responses=answers(CompanyLimits),
        summary="Show a company's own caps and budget",
        operation_id="get_company_caps",
    )
    @allow(ADMIN_READ)
    def get_company_caps(request: Request, slug: str) -> Response:
        """Null where the settings count."""
        return answer(_own(request, slug))

    @routes.put(
        "/companies/{slug}/caps",
        responses=answers(CompanyLimits),
        summary="Set a company's own caps and budget",
        operation_id="set_company_caps",
    )
    @allow(_WRITE)
    def put_company_caps(request: Request, slug: str, body: CompanyLimitsBody) -> Response:
        """All three are replaced, and count from the next purchase on."""
        engine = services_of(request).engine
        try:
            require_company(engine, slug)
        except UsageError:
            raise _no_company(slug) from None
        changes = CompanyChanges(
            monthly_cap=body.monthly_cap_eur or NO_LIMIT,
            daily_cap=body.daily_cap_eur or NO_LIMIT,
            monthly_budget=body.monthly_budget_eur or NO_LIMIT,
        )
        change_company(engine, slug, changes)
        document = _own(request, slug)
        note(request, **{name: value for name, value in document.items() if name != "ok"})
        return answer(document)


def _own(request: Request, slug: str) -> dict[str, Any]:
    try:
        with services_of(request).engine.connect() as connection:
            company = get_company(connection, slug)
    except UsageError:
        raise _no_company(slug) from None
    return {"ok": True, "company": company.slug, **limit_values(company)}


def _no_company(slug: str) -> Exception:
    return not_found(f"company {slug[:64]!r}")
