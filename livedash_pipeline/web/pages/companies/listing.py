"""The list of companies, and one company with its imports and what is set for it.

Add what is shown of companies; forms that change one are in `settings` and `profiles`.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.routing import APIRouter
from pydantic import BeforeValidator
from starlette.responses import Response

from livedash_pipeline.api.guard import allow
from livedash_pipeline.api.problems import not_found
from livedash_pipeline.base.rules.states import CompanyStatus
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.steps.companies import show_company
from livedash_pipeline.errors import UsageError
from livedash_pipeline.overview.steps.pages.companies import count_sessions, page_companies, recent_imports
from livedash_pipeline.web.guard import READ, services_of
from livedash_pipeline.web.kept import looked_at
from livedash_pipeline.web.links import address
from livedash_pipeline.web.queries import PAGE_ROWS, Cursor, PageQuery, Words
from livedash_pipeline.web.rendering import render

STATUSES = [(status.lower(), status.lower()) for status in CompanyStatus]


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


class CompaniesQuery(PageQuery):
    """Which companies, from where on."""

    status: Annotated[CompanyStatus | None, BeforeValidator(_upper)] = None
    words: Words | None = None
    cursor: Cursor | None = None


def add(routes: APIRouter) -> None:
    """Adds the list, and the page of one company. `/new` is added by `settings`, before `/{slug}` takes it for one."""

    @routes.get("")
    @allow(READ)
    def companies(request: Request, query: Annotated[CompaniesQuery, Query()]) -> Response:
        listed = page_companies(
            services_of(request).engine,
            limit=PAGE_ROWS,
            cursor=query.cursor,
            status=query.status,
            words=query.words,
        )
        return render(
            request,
            "companies/list.html",
            title="Companies",
            query=query,
            listed=listed,
            statuses=[("", "any"), *STATUSES],
            counts=looked_at(request, ("company sessions",), count_sessions),
        )


def add_one(routes: APIRouter) -> None:
    """Adds the page of one company."""

    @routes.get("/{slug}")
    @allow(READ)
    def company(request: Request, slug: str) -> Response:
        found = company_of_page(request, slug)
        counts = looked_at(request, ("company sessions",), count_sessions)
        return render(
            request,
            "companies/one.html",
            title=found["name"],
            zone=found["timeZone"],
            company=found,
            imports=recent_imports(services_of(request).engine, slug)["imports"],
            counts=counts,
            statuses=[name for name, _ in STATUSES if name != found["status"]],
            links=_links(slug),
        )


def company_of_page(request: Request, slug: str) -> Document:
    """What is set for a company.

    Raises:
        Problem: 404: there is none.
    """
    try:
        found: Document = show_company(services_of(request).engine, slug)["company"]
    except UsageError:
        raise not_found(f"company {slug[:64]!r}") from None
    return found


def _links(slug: str) -> list[tuple[str, str]]:
    """Pages that show rows of a company."""
    pages = (
        *(("Results", "/results"), ("Sessions", "/sessions"), ("Requests", "/requests"), ("Batches", "/batches")),
        *(("Rejects", "/rejects"), ("Spend", "/spend"), ("Chat batches", "/chat-batches"), ("Tokens", "/tokens")),
    )
    return [(name, address(path, company=slug)) for name, path in pages]
