"""The admin routes about prices, exchange rates and open costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.money.store.rates import set_rate
from tests.api.world import Api, add_batch, add_requests
from tests.conftest import NOW
from tests.support.prices import have_prices
from tests.support.rows import insert_company

PRICES, RATES, BACKFILL = "/api/admin/prices", "/api/admin/rates", "/api/admin/prices/backfill"
_TRY = text(
    "INSERT INTO ai_request_attempts (request_id, batch_id, created_at, settled_at, outcome, prompt_tokens,"
    " completion_tokens) VALUES (:request, :batch, :at, :at, 'parsed', 1000, 100)"
)


@pytest.fixture
def priced(api: Api) -> Iterator[Api]:
    """A server with prices and a rate of long ago."""
    with api.engine.begin() as connection:
        now = database_now(connection)
        have_prices(connection, now=now)
        set_rate(connection, now.date() - timedelta(days=40), Decimal("0.9"), "test", now)
    yield api


def test_prices_are_listed_as_a_look_up_finds_them(priced: Api) -> None:
    found = priced.get(PRICES, params={"model": "gpt-5-mini-2025-08-07"}).json()
    assert (found["foundAs"], found["prices"][0]["counts"]) == ("gpt-5-mini", True)
    assert priced.get(PRICES, params={"model": "gpt-5-mini", "at": "2001-01-01"}).json()["prices"] == []
    every = priced.get(PRICES, params={"all": "true"}).json()["prices"]
    assert len(every) > len(priced.get(PRICES).json()["prices"]) > 10


@pytest.mark.parametrize("query", [{"at": "soon"}, {"at": "0"}, {"model": ""}, {"every": "true"}, {"all": "perhaps"}])
def test_an_unknown_or_wrong_parameter_is_refused(api: Api, query: dict[str, str]) -> None:
    assert api.get(PRICES, params=query).status_code == 400


def test_rates_are_listed_with_their_age(priced: Api) -> None:
    found = priced.get(RATES).json()
    assert (found["rates"][0]["usdRate"], found["newest"][0]["daysOld"]) == ("0.9", 40)
    assert found["newest"][0]["isOld"] is True
    assert priced.get(RATES, params={"currency": "chf"}).json()["rates"] == []
    for wrong in ("USD", "francs"):
        assert priced.get(RATES, params={"currency": wrong}).status_code == 400


def test_open_costs_are_filled_in_and_audited(priced: Api) -> None:
    (request,) = add_requests(priced.engine, {"PROCESSING_COMPLETE": 1})
    with priced.engine.begin() as connection:
        company = connection.execute(text("SELECT id FROM companies")).scalar_one()
        batch = add_batch(connection, company)
        # Prices are looked up for the time of the batch.
        now = database_now(connection)
        connection.execute(text("UPDATE ai_batch_requests SET submitted_at = :now, model = 'gpt-5-mini'"), {"now": now})
        connection.execute(_TRY, {"request": request, "batch": batch, "at": NOW})
    counted = priced.post(BACKFILL, {}).json()
    assert (counted["filledCount"], counted["dryRun"]) == (1, True)
    done = priced.post(BACKFILL, {"batch": str(batch), "dryRun": False}).json()
    assert done == {name: value for name, value in counted.items() if name != "dryRun"}
    assert priced.post(BACKFILL, {"dryRun": False}).json()["filledCount"] == 0
    lines = [(line.action, line.outcome, line.detail["filledCount"]) for line in priced.audit()]
    assert lines == [("price backfill", "done", count) for count in (1, 1, 0)]
    stated = priced.post(BACKFILL, {"batch": str(batch), "usd": "0.25"})
    assert stated.status_code == 400 and "Nothing of this batch" in stated.json()["detail"]
    asked = priced.post(BACKFILL, {"request": str(request), "usd": "0.25"})
    assert asked.status_code == 400 and "Nothing of this request" in asked.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [{"usd": 0.25}, {"usd": "-1"}, {"usd": "1e3"}, {"which": 1}, {"dryRun": "no"}, {"usd": "1"}, {"request": "r"}],
)
def test_a_body_that_cannot_be_is_refused(api: Api, body: dict[str, object]) -> None:
    assert api.post(BACKFILL, body).status_code in (400, 422)


def test_prices_are_an_administrators_business(api: Api) -> None:
    with api.engine.begin() as connection:
        insert_company(connection)
    company = api.token(company="acme")
    assert {api.get(path, token=company).status_code for path in (PRICES, RATES)} == {403}
    assert api.post(BACKFILL, {}, token=company).status_code == 403


@pytest.mark.parametrize("field", ["batch", "model", "company", "usd"])
def test_a_name_with_a_nul_is_refused_at_its_field(api: Api, field: str) -> None:
    answered = api.post(BACKFILL, {field: "a\0b"})
    assert (answered.status_code, answered.json()["errors"][0]["pointer"]) == (422, f"/{field}")
