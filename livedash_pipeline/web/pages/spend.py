"""The page about money: what was spent, for whom and on what, where caps stand, and what a download of it holds.

The figures are those of `livedash spend` and `livedash caps`, which add up the ledger. Add a figure to their steps; how it is
shown is decided here and in `templates/spend`.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.routing import APIRouter
from pydantic import Field
from sqlalchemy import Engine
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api.guard import allow, caller_of
from livedash_pipeline.api.http.kept import Kept
from livedash_pipeline.api.problems import Problem
from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.overview.rules.spend import Days, Dimension
from livedash_pipeline.overview.rules.spend_charts import (
    daily_chart,
    is_of_one_month,
    limit_chart,
    monthly_limit,
    running_chart,
    step_of,
)
from livedash_pipeline.overview.rules.spend_table import csv_text, group_columns
from livedash_pipeline.overview.steps.caps import report_caps
from livedash_pipeline.overview.steps.pages.spend import spend_with_days
from livedash_pipeline.web.charts import Figure, figure
from livedash_pipeline.web.guard import company_named, company_too, page_router, services_of
from livedash_pipeline.web.kept import kept
from livedash_pipeline.web.links import address
from livedash_pipeline.web.queries import PAGE_ROWS, Company, Day, PageQuery
from livedash_pipeline.web.rendering import render

_READ = company_too(Scope.SPEND_READ)
_OF_OUTCOME = {"parsed": {"status": "processing_complete"}, "in_flight": {"status": "batching_in_progress"}}
# A download waits for what a page would be refreshed for.
_DOWNLOAD_SECONDS = 60.0


class SpendQuery(PageQuery):
    """Which days, of whom, grouped by what, and which page of the groups."""

    start: Annotated[Day | None, Field(alias="from")] = None
    end: Annotated[Day | None, Field(alias="to")] = None
    company: Company | None = None
    by: Dimension | None = None
    then: Dimension | None = None
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1


@dataclass(frozen=True)
class _Asked:
    """A question about spending, as it is kept: everything that its answer depends on."""

    company: str | None
    start: str | None
    end: str | None
    by: tuple[Dimension, ...]

    def answer(self, request: Request) -> Kept:
        return kept(request, ("spend", self), lambda engine: self._work(engine, request))

    def waited_for(self, request: Request) -> Kept:
        """The answer for a download, which waits for the first one."""
        services = services_of(request)
        return services.kept.look(
            ("spend", self), lambda: self._work(services.patient, request), patience=_DOWNLOAD_SECONDS
        )

    def _work(self, engine: Engine, request: Request) -> Any:
        return spend_with_days(
            engine,
            currency=services_of(request).settings.livedash_currency,
            by=self.by,
            start=self.start,
            end=self.end,
            company=self.company,
        )


def router() -> APIRouter:
    """Routes about spending."""
    routes = page_router("")

    @routes.get("/spend")
    @allow(_READ)
    def spend(request: Request, query: Annotated[SpendQuery, Query()]) -> Response:
        asked = _asked(request, query)
        # Both are begun before one of them is waited for.
        _caps(request, asked.company)
        found = asked.answer(request)
        caps = _caps(request, asked.company)
        if caps.failure is not None and not caps.is_known:
            raise caps.failure.with_traceback(None)
        standing = _standing(caps, asked.company)
        return render(
            request,
            "spend/page.html",
            title="Spend",
            query=query,
            company=asked.company,
            is_operator=_is_operator(request),
            dimensions=_choices(request),
            by=asked.by,
            found=found,
            caps=caps,
            standing=standing,
            limits=_limit_figures(standing),
            **_shown(request, query, found, standing),
        )

    @routes.get("/spend.csv")
    @allow(_READ)
    def spend_csv(request: Request, query: Annotated[SpendQuery, Query()]) -> Response:
        found = _asked(request, query).waited_for(request)
        if not found.is_known:
            if found.failure is not None:
                raise found.failure.with_traceback(None)
            raise Problem("unavailable", "The sums take longer than a download waits.", remedy="Try again in a minute.")
        if found.value["tooManyGroups"]:
            raise Problem(
                "bad_argument",
                f"There are more than {found.value['tooManyGroups']:,} groups.",
                remedy="Choose fewer days, one company or another grouping; `livedash spend --csv` writes all of them.",
            )
        report = found.value["report"]
        name = f"spend-{report['from']}-{report['to']}.csv"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(csv_text(report), headers=headers, media_type="text/csv; charset=utf-8")

    return routes


def _caps(request: Request, company: str | None) -> Kept:
    """Where caps stand, as far as that is known by now."""
    services = services_of(request)
    return services.kept.look(
        ("caps", company), lambda: report_caps(services.patient, services.settings, company), patience=0.0
    )


def _asked(request: Request, query: SpendQuery) -> _Asked:
    company = company_named(request, query.company)
    given = [each for each in (query.by, query.then) if each is not None]
    usual = [Dimension.COMPANY, Dimension.MODEL] if company is None else [Dimension.DAY, Dimension.MODEL]
    by = tuple(dimension for dimension in Dimension if dimension in (given or usual))
    return _Asked(company, _text(query.start), _text(query.end), by)


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _is_operator(request: Request) -> bool:
    return caller_of(request).role is not Role.COMPANY


def _choices(request: Request) -> list[tuple[str, str]]:
    """What can be grouped by; a company has no others to be told apart from."""
    named = [each for each in Dimension if _is_operator(request) or each is not Dimension.COMPANY]
    return [("", "as usual"), *((each.value, each.value) for each in named)]


def _standing(caps: Kept, company: str | None) -> dict[str, Any] | None:
    """Where the company stands, or all together; None while that is not known."""
    if not caps.is_known:
        return None
    found: dict[str, Any] | None = caps.value["total"] if company is None else next(iter(caps.value["companies"]), None)
    return found


def _limit_figures(standing: dict[str, Any] | None) -> list[tuple[dict[str, Any], Figure | None]]:
    limits = standing["limits"] if standing else []
    return [(limit, figure(limit_chart(limit), f"limit-{number}")) for number, limit in enumerate(limits)]


def _shown(request: Request, query: SpendQuery, found: Kept, standing: dict[str, Any] | None) -> dict[str, Any]:
    """What the template shows of a report: its figures, one page of its groups, and its charts."""
    if not found.is_known:
        return {"report": None, "rows": [], "pages": 0, "columns": [], "figures": [], "too_many": None}
    report = found.value["report"]
    start = (query.page - 1) * PAGE_ROWS
    rows = report["rows"][start : start + PAGE_ROWS]
    return {
        "report": report,
        "rows": [(row, *_links_of(request, query, row, group_columns(report))) for row in rows],
        "pages": -(-len(report["rows"]) // PAGE_ROWS),
        "columns": group_columns(report),
        "figures": _figures(request, query, found.value, standing),
        "too_many": found.value["tooManyGroups"],
    }


def _figures(
    request: Request, query: SpendQuery, value: dict[str, Any], standing: dict[str, Any] | None
) -> list[Figure]:
    report, drawn = value["report"], value["drawn"]["rows"]
    days = Days(date.fromisoformat(report["from"]), date.fromisoformat(report["to"]))
    step = step_of(days)
    charts = [figure(daily_chart(drawn, days, step, lambda label: address_of_step(query, label)), "daily")]
    if drawn and step == "day" and is_of_one_month(days):
        marker = monthly_limit(standing["limits"]) if standing else None
        today = services_of(request).now().astimezone(UTC).date()
        charts.append(figure(running_chart(drawn, days, today, marker), "running"))
    return [each for each in charts if each is not None]


def address_of_step(query: SpendQuery, label: str) -> str | None:
    """The address of one day by what was spent on it; a month leads to its days, as far as they are asked about."""
    if len(label) == len("2025-05-01"):
        return address("/spend", from_=label, to=label, company=query.company, by="outcome", then="model")
    first = date.fromisoformat(f"{label}-01")
    last = first.replace(day=monthrange(first.year, first.month)[1])
    start, end = max(first, query.start or first), min(last, query.end or last)
    return address("/spend", from_=start, to=end, company=query.company, by="day", then="model")


def _requests_of(request: Request, query: SpendQuery, row: dict[str, Any]) -> tuple[str, str | None]:
    """The column that leads to requests, and the address of those of its group, whatever their day."""
    column = next((name for name in ("outcome", "model", "company") if name in row), "")
    found = _OF_OUTCOME.get(row.get("outcome", ""), {})
    if "outcome" in row and not found:
        found = {"status": "processing_failed", "error_code": row["outcome"]} if row["outcome"] in set(Outcome) else {}
    elif "outcome" not in row:
        found = {"status": "processing_complete"}
    if not column or not found or not _is_operator(request):
        return column, None
    return column, address("/requests", company=row.get("company") or query.company, model=row.get("model"), **found)


def _links_of(
    request: Request, query: SpendQuery, row: dict[str, Any], columns: Sequence[str]
) -> tuple[str | None, dict[str, str]]:
    """The address of what a group's euro are made of, and addresses of what its columns name.

    A day or a company leads to all that was spent in or for it. Only where the group is that, its euro lead there: those of one
    model are fewer.
    """
    behind, (column, requests) = _rows_behind(request, query, row), _requests_of(request, query, row)
    links = {} if requests is None else {column: requests}
    if behind is None:
        return None, links
    step = next((name for name in ("day", "month", "company") if name in row), "")
    if set(columns) <= {step, "company"}:
        return behind, links
    return None, links | {step: behind}


def _rows_behind(request: Request, query: SpendQuery, row: dict[str, Any]) -> str | None:
    """The address of what a group is made of: its days, or of one day its outcomes."""
    company = row.get("company") or query.company
    step = row.get("day") or row.get("month")
    if step is not None:
        return address_of_step(query.model_copy(update={"company": company if _is_operator(request) else None}), step)
    if "company" in row and _is_operator(request):
        return address("/spend", from_=query.start, to=query.end, company=company, by="day", then="model")
    return None
