"""The page about money: its sums are the ledger's, a company sees its own, and the download holds what is shown."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.overview.steps.pages import spend as pages
from livedash_pipeline.overview.steps.spend import report_spend
from livedash_pipeline.web.pages.spend import SpendQuery, address_of_step
from tests.api.world import Api, api_settings, running_api
from tests.support.spent import spend_something
from tests.web.person import Page, signed_in

SPEND = "/console/spend"


@pytest.fixture
def api(engine: Engine, tmp_path: Path) -> Iterator[Api]:
    """A server whose companies acme and globex have spent something today and yesterday."""
    with engine.connect() as connection:
        now = database_now(connection)
    spend_something(engine, "acme", days=(now, now - timedelta(days=1)))
    spend_something(engine, "globex", days=(now,))
    with running_api(api_settings(tmp_path, livedash_total_monthly_cap_eur="1000"), engine) as running:
        yield running


def shown_eur(page: Page) -> Decimal:
    found = re.search(r"€\s*([\d.,]+)", page.text)
    assert found
    return Decimal(found[1].replace(",", ""))


def test_the_total_is_that_of_the_report_and_of_the_ledger(api: Api) -> None:
    with api.engine.connect() as connection:
        now = database_now(connection)
        query = "SELECT sum(cost_eur), sum(cost_usd) FROM cost_entries"
        eur, usd = connection.execute(text(query)).one()
    first, last = (now - timedelta(days=40)).date(), now.date()
    report = report_spend(api.engine, start=first.isoformat(), end=last.isoformat())
    assert Decimal(report["total"]["costEur"]) == eur > 0
    assert Decimal(report["total"]["costUsd"]) == usd
    with signed_in(api) as person:
        page = person.counted(f"{SPEND}?from={first}&to={last}")
        assert shown_eur(page) == eur.quantize(Decimal("0.01"))
        answer = person.client.get(f"{SPEND}.csv?from={first}&to={last}&by=day&then=company")
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert sum(Decimal(row["costEur"]) for row in rows) == eur
    assert {row["company"] for row in rows} == {"acme", "globex"}
    assert answer.headers["content-disposition"] == f'attachment; filename="spend-{first}-{last}.csv"'


@pytest.mark.parametrize("by", ["day", "month", "company", "model", "kind", "outcome"])
def test_every_group_has_its_rows_and_a_chart(api: Api, by: str) -> None:
    with signed_in(api) as person:
        page = person.counted(f"{SPEND}?by={by}&from=2020-01-01")
    assert page.status == 200
    assert f"By {by}" in page.text
    assert "<svg" in page.response.text
    assert "gpt-5-mini" in page.text


def test_a_number_leads_to_what_it_is_made_of(api: Api) -> None:
    with signed_in(api) as person:
        page = person.counted(f"{SPEND}?by=company")
        of_acme = person.counted(page.link("spend?company=acme"))
        assert "acme" in of_acme.text
        assert "globex" not in of_acme.text
        of_day = person.counted(of_acme.link("by=outcome"))
    assert "parsed" in of_day.text
    assert "/console/requests?company=acme&model=gpt-5-mini&status=processing_complete" in of_day.links


def test_euro_of_a_model_do_not_lead_to_those_of_all_models(api: Api) -> None:
    with signed_in(api) as person:
        alone = person.counted(f"{SPEND}?by=company").response.text
        both = person.counted(f"{SPEND}?by=company&then=model").response.text
    euro = r'<a href="/console/spend\?company=acme[^"]*">€'
    assert re.search(euro, alone)
    assert not re.search(euro, both)
    assert re.search(r'<a href="/console/spend\?company=acme[^"]*"><bdi dir="auto">acme', both)


def test_a_month_leads_to_those_of_its_days_that_were_asked_about() -> None:
    query = SpendQuery.model_validate({"from": "2025-05-20", "to": "2025-07-10", "by": "month"})
    found = [
        parse_qs(urlsplit(address_of_step(query, month) or "").query) for month in ("2025-05", "2025-06", "2025-07")
    ]
    assert [(each["from"], each["to"]) for each in found] == [
        (["2025-05-20"], ["2025-05-31"]),
        (["2025-06-01"], ["2025-06-30"]),
        (["2025-07-01"], ["2025-07-10"]),
    ]
    assert "to=9999-12-31" in (address_of_step(SpendQuery(), "9999-12") or "")


def test_a_company_sees_its_own_money_alone(api: Api) -> None:
    with signed_in(api, company="acme") as person:
        page = person.counted(SPEND)
        assert "globex" not in page.response.text
        assert "/console/requests" not in page.response.text
        assert person.get(f"{SPEND}?company=globex").status == 404
        assert person.get(f"{SPEND}.csv?company=globex").status == 404
        assert "globex" not in person.client.get(f"{SPEND}.csv").text
    with signed_in(api, company="acme", scopes=["results:read"]) as person:
        assert person.get(SPEND).status == 403


def test_caps_and_a_forecast_stand_beside_the_sums(api: Api) -> None:
    with signed_in(api) as person:
        page = person.counted(SPEND)
    assert "Monthly cap: €\xa01,000.00" in page.response.text
    assert "LIVEDASH_TOTAL_MONTHLY_CAP_EUR" in page.text
    assert "orecast" in page.text


def test_too_many_groups_are_summed_and_not_cut(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    grouped = f"{SPEND}?from=2020-01-01&by=day&then=company"
    with signed_in(api) as person:
        monkeypatch.setattr(pages, "MOST_GROUPS", 3)
        whole = person.counted(grouped)
        assert "Download these groups" in whole.text
        monkeypatch.setattr(pages, "MOST_GROUPS", 2)
        other = person.counted(f"{grouped}&to=9999-12-30")
        refused = person.get(f"{SPEND}.csv?from=2020-01-01&by=day&then=company&to=9999-12-30")
        drawn = person.counted(f"{SPEND}?from=2020-01-01&to=9999-12-30&by=month")
    assert "There are more than 2 groups" in other.text
    assert "Download these groups" not in other.text
    assert (refused.status, "Choose fewer days" in refused.text) == (400, True)
    assert shown_eur(other) == shown_eur(whole) == shown_eur(drawn)


def test_no_days_and_wrong_days_say_what_to_do(api: Api) -> None:
    with signed_in(api) as person:
        empty = person.counted(f"{SPEND}?from=2020-01-01&to=2020-01-31")
        assert "Nothing was spent in these days" in empty.text
        assert "<svg" not in empty.response.text.partition('id="caps"')[0]
        for wrong in ("from=2025-05-02&to=2025-05-01", "company=initech", "from=yesterday", "by=weather", "page=0"):
            page = person.get(f"{SPEND}?{wrong}")
            assert page.status == 400, wrong
        for extreme in ("from=0001-01-01", "to=9999-12-31", "from=0001-01-01&to=9999-12-30", "page=999999"):
            assert person.get(f"{SPEND}?{extreme}").status in (200, 400), extreme


def test_an_unknown_cost_is_named_with_its_remedy(api: Api) -> None:
    spend_something(api.engine, "initech", days=(None,), priced=False)
    with signed_in(api) as person:
        page = person.counted(f"{SPEND}?company=initech")
    assert "Not in the sums" in page.text
    assert "livedash price backfill" in page.text
