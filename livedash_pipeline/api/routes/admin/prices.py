"""Admin routes about money: prices, exchange rates, and costs that were unknown when they were written.

Add a route about prices or rates. All of them need a platform administrator's token.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livedash_pipeline.api.access import ADMIN_READ, admin_write
from livedash_pipeline.api.guard import allow, guarded_router, note
from livedash_pipeline.api.http.parameters import BackfillBody, WhichPrices, WhichRates
from livedash_pipeline.api.http.responses import answer
from livedash_pipeline.api.routes.admin.price_schemas import Backfilled, Prices, Rates
from livedash_pipeline.api.routes.admin.schemas import answers
from livedash_pipeline.api.services import services_of
from livedash_pipeline.ledger.steps.costs.backfill import BackfillRequest, backfill_costs, read_charge
from livedash_pipeline.money.steps import listings

PREFIX = "/api/admin"
_BACKFILL = admin_write("price backfill", body="json")


def router() -> APIRouter:
    """Routes `/api/admin/prices` and `/api/admin/rates`."""
    routes = guarded_router(PREFIX, ["prices"])
    _add_lists(routes)
    _add_backfill(routes)
    return routes


def _add_lists(routes: APIRouter) -> None:
    @routes.get("/prices", responses=answers(Prices), summary="List prices of models", operation_id="list_prices")
    @allow(ADMIN_READ)
    def list_prices(request: Request, query: Annotated[WhichPrices, Query()]) -> Response:
        """In US dollars per million tokens, with their sources; `counts` marks those that costs are worked out with."""
        at = None if query.at is None else datetime.combine(query.at, time(), UTC)
        return answer(listings.list_prices(services_of(request).engine, model=query.model, at=at, every=query.every))

    @routes.get("/rates", responses=answers(Rates), summary="List exchange rates", operation_id="list_rates")
    @allow(ADMIN_READ)
    def list_rates(request: Request, query: Annotated[WhichRates, Query()]) -> Response:
        """What one US dollar buys, by currency and day, and when the setting LIVEDASH_USD_EUR counts."""
        services = services_of(request)
        return answer(listings.list_rates(services.engine, services.settings.livedash_usd_eur, currency=query.currency))


def _add_backfill(routes: APIRouter) -> None:
    @routes.post(
        "/prices/backfill",
        responses=answers(Backfilled),
        summary="Fill in costs that were unknown",
        operation_id="price_backfill",
    )
    @allow(_BACKFILL)
    def backfill(request: Request, body: BackfillBody) -> Response:
        """Only counts, unless `dryRun` is false. By the price and the rate of their time; what was written stays as it is."""
        services = services_of(request)
        which = BackfillRequest(body.company, body.model, body.batch, read_charge(body.usd), body.request)
        document = backfill_costs(services.engine, services.settings, which, dry_run=body.dry_run)
        note(request, **{name: value for name, value in document.items() if name not in ("ok", "stillOpen")})
        return answer(document)
