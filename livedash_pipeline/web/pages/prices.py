"""Prices of models and exchange rates, as costs are worked out with them; nothing here changes them.

`livedash price` and `livedash rate` set them at the server. What is listed is decided in `money.steps.listings`.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.routing import APIRouter
from pydantic import Field
from starlette.responses import Response

from livedash_pipeline.api.guard import allow
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.money.steps.listings import list_prices, list_rates
from livedash_pipeline.web.guard import READ, page_router, services_of
from livedash_pipeline.web.kept import kept
from livedash_pipeline.web.queries import PAGE_ROWS, PageQuery, Words
from livedash_pipeline.web.rendering import render

Page = Annotated[int, Field(ge=1, le=1_000_000)]


class PricesQuery(PageQuery):
    """Of which model, whether past ones too, and which page of prices and of rates."""

    model: Words | None = None
    every: bool = False
    page: Page = 1
    rates: Page = 1


def router() -> APIRouter:
    """The route of prices and rates."""
    routes = page_router("/prices")

    @routes.get("")
    @allow(READ)
    def prices(request: Request, query: Annotated[PricesQuery, Query()]) -> Response:
        usd_eur = services_of(request).settings.livedash_usd_eur
        found = kept(
            request,
            ("prices", query.model, query.every),
            lambda engine: (list_prices(engine, model=query.model, every=query.every), list_rates(engine, usd_eur)),
        )
        nothing: tuple[Document, Document] = ({"prices": []}, {"rates": [], "newest": [], "setting": None})
        priced, rated = found.value or nothing
        return render(
            request,
            "prices/page.html",
            title="Prices and rates",
            query=query,
            found=found,
            priced=priced,
            rated=rated,
            prices=_cut(priced["prices"], query.page),
            rates=_cut(rated["rates"], query.rates),
            more_prices=len(priced["prices"]) > query.page * PAGE_ROWS,
            more_rates=len(rated["rates"]) > query.rates * PAGE_ROWS,
        )

    return routes


def _cut(rows: list[Any], page: int) -> list[Any]:
    return rows[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
