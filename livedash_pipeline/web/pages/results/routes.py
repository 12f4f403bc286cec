"""The page of results, and the CSV of what it shows.

Add a figure in `overview.steps.results`, whose one document the page, the CSV and the API share, and show it in
`web.pages.results.pictures` or in the template.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from pydantic import Field
from sqlalchemy import Engine
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api.guard import allow, caller_of
from livedash_pipeline.api.http.kept import Kept
from livedash_pipeline.api.problems import unavailable
from livedash_pipeline.api.services import services_of
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.errors import UsageError
from livedash_pipeline.overview.rules.results import Fault, Period, Step, quick_periods, read_period, readable_step
from livedash_pipeline.overview.rules.results_csv import results_csv
from livedash_pipeline.overview.steps.results import last_days, summarise_results
from livedash_pipeline.web.guard import company_named, company_too, page_router
from livedash_pipeline.web.kept import kept
from livedash_pipeline.web.links import address
from livedash_pipeline.web.pages.results.pictures import Links, pictures_of
from livedash_pipeline.web.queries import Company, Day, PageQuery
from livedash_pipeline.web.rendering import HEADERS, render

_READ = company_too(Scope.RESULTS_READ)
# A CSV is waited for: nobody looks at a half of one.
_CSV_SECONDS = 60.0


class ResultsQuery(PageQuery):
    """Which days, of which company, and what they are compared with."""

    company: Company | None = None
    start: Day | None = Field(None, alias="from")
    end: Day | None = Field(None, alias="to")
    compare: Annotated[str, Field(pattern=r"^(none|previous|year|\d{4}-\d{2}-\d{2})$")] | None = None
    by: Literal["day", "week", "month"] | None = None


@dataclass(frozen=True)
class _Asked:
    """A question that was understood: the company, its days, and the answer as far as there is one."""

    company: str | None
    zone: str | None
    today: date
    period: Period
    step: Step
    is_coarser: bool
    compare: str


def router() -> APIRouter:
    """Routes below `/console`."""
    routes = page_router("")

    @routes.get("/results")
    @allow(_READ)
    def results(request: Request, query: Annotated[ResultsQuery, Query()]) -> Response:
        asked = _understood(request, query)
        found = _answer(request, asked)
        return render(
            request,
            "results/summary.html",
            title="Results" if asked.company is None else f"Results of {asked.company}",
            zone=asked.zone,
            query=query,
            asked=asked,
            found=found,
            quick=_quick(asked),
            chooses_company=caller_of(request).role is not Role.COMPANY,
            shows_questions=caller_of(request).may_see_questions,
            csv=address("/results.csv", **_parameters(query)),
            **_shown(request, asked, found),
        )

    @routes.get("/results.csv")
    @allow(_READ)
    def results_file(request: Request, query: Annotated[ResultsQuery, Query()]) -> Response:
        asked = _understood(request, query)
        found = _answer(request, asked, patience=_CSV_SECONDS)
        if not found.is_known:
            raise unavailable("The results are still being counted.")
        name = f"results-{asked.company or 'all'}-{asked.period.first}-{asked.period.last}.csv"
        headers = HEADERS | {"content-disposition": f'attachment; filename="{name}"'}
        return Response(results_csv(found.value).encode(), headers=headers, media_type="text/csv; charset=utf-8")

    return routes


def _understood(request: Request, query: ResultsQuery) -> _Asked:
    """Reads the question.

    Raises:
        UsageError: Days that cannot be summed, or an unknown company.
    """
    services, slug = services_of(request), company_named(request, query.company)
    zone = None
    if slug is not None:
        with services.engine.connect() as connection:
            zone = get_company(connection, slug).time_zone
    today = services.now().astimezone(ZoneInfo(zone or "UTC")).date()
    period = read_period(_text(query.start), _text(query.end), today=today)
    if isinstance(period, Fault):
        raise UsageError(period.message, remedy="Choose the first day and then the last one, two years at most.")
    step, is_coarser = readable_step(query.by, period)
    return _Asked(slug, zone, today, period, step, is_coarser, query.compare or "previous")


def _answer(request: Request, asked: _Asked, *, patience: float | None = None) -> Kept:
    first, last = asked.period.first.isoformat(), asked.period.last.isoformat()
    with_questions = caller_of(request).may_see_questions

    def work(engine: Engine) -> Document:
        return summarise_results(
            engine,
            company=asked.company,
            start=first,
            end=last,
            compare=asked.compare,
            by=asked.step.value,
            with_questions=with_questions,
        )

    key = ("results", asked.company, first, last, asked.compare, asked.step, with_questions)
    if patience is None:
        return kept(request, key, work)
    services = services_of(request)
    found = services.kept.look(key, lambda: work(services.patient), patience=patience)
    if not found.is_known and found.failure is not None:
        raise found.failure.with_traceback(None)
    return found


def _shown(request: Request, asked: _Asked, found: Kept) -> dict[str, Any]:
    """The charts, and the links of numbers for readers who may see the sessions behind them."""
    caller = caller_of(request)
    needed = Scope.SESSIONS_READ if caller.role is Role.COMPANY else Scope.ADMIN_READ
    # A company's own pages need not name it.
    named = asked.company if caller.role is not Role.COMPANY else None
    links = Links(named, may_look=needed in caller.scopes)
    pictures = pictures_of(found.value, links) if found.is_known else []
    is_empty = found.is_known and not found.value["period"]["totals"]["sessions"]
    last = last_days(services_of(request).engine, asked.company) if is_empty else None
    return {"links": links, "document": found.value, "pictures": pictures, "last_days": last}


def _quick(asked: _Asked) -> list[tuple[str, Period, bool]]:
    """Periods to choose with one click, and whether each is the present one."""
    return [(name, period, period == asked.period) for name, period in quick_periods(asked.today).items()]


def _parameters(query: ResultsQuery) -> dict[str, object]:
    return {f"{name}_": value for name, value in query.model_dump(by_alias=True).items()}


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
