"""The document about caps and budgets: where each comes from, what counts against it, and what is foreseen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, insert, text

from livedash_pipeline.base.store.companies import Company, update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now, make_engine
from livedash_pipeline.base.store.tables import ai_request_attempts
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.store.admission.committed import committed_eur, rooms_under
from livedash_pipeline.money.rules.budgets import Spent
from livedash_pipeline.money.rules.caps import Cap, Period, Scope
from livedash_pipeline.overview.steps.caps import Standing, read_standings, report_caps
from livedash_pipeline.overview.steps.checks import CHECKS_BY_NAME
from livedash_pipeline.settings import Settings
from tests.conftest import NOW
from tests.ledger.store.test_states_in_database import insert_batch
from tests.support.rows import insert_company, insert_requests

D = Decimal
# 109 tokens in at most at 0.125 and 4,000 out at 1.00 dollars per million, at 0.9 euro.
EACH = D("0.0036122625")


def settled(
    connection: Connection,
    engine: Engine,
    company: Company,
    *tries: tuple[datetime | None, str | None],
    reserved: str | None = "1",
) -> None:
    """Tries that set so much aside, each with when it was settled and what it cost; without a time it is in flight."""
    batch_id = insert_batch(engine, company, None)
    ids = insert_requests(connection, company, len(tries), processing_status="PROCESSING_COMPLETE", completed_at=NOW)
    rows: list[dict[str, Any]] = [
        {
            "request_id": request_id,
            "batch_id": batch_id,
            "created_at": NOW - timedelta(days=60),
            "settled_at": at,
            "outcome": None if at is None else "parsed",
            "reserved_eur": reserved,
            "total_cost_eur": cost,
        }
        for request_id, (at, cost) in zip(ids, tries, strict=True)
    ]
    connection.execute(insert(ai_request_attempts), rows)


def standing(connection: Connection, settings: Settings, now: datetime, slug: str | None = "acme") -> Standing:
    (found,) = [each for each in read_standings(connection, settings, now=now) if each.company == slug]
    return found


def test_each_limit_names_its_source_and_what_counts_against_it(
    engine: Engine, scripted: BatchContext, company: Company
) -> None:
    settings = Settings(
        livedash_monthly_cap_eur=D(10), livedash_daily_cap_eur=D(2), livedash_total_monthly_budget_eur=D(100)
    )
    with engine.begin() as connection:
        now = database_now(connection)
        insert_company(connection, "globex")
        update_company(connection, "acme", CompanyChanges(monthly_cap="5", monthly_budget="0.005"), now=now)
        insert_requests(connection, company, 2)
    submit_pending(scripted, ignore_minimum=True)
    with engine.begin() as connection:
        insert_requests(connection, company, 3)
    document = report_caps(engine, settings)
    acme, globex = document["companies"]
    assert [
        (each["period"], each["kind"], each["eur"], each["source"], each["setting"]) for each in acme["limits"]
    ] == [
        ("month", "cap", "5", "company", None),
        ("day", "cap", "2", "setting", "LIVEDASH_DAILY_CAP_EUR"),
        ("month", "budget", "0.005", "company", None),
    ]
    assert [each["setting"] for each in globex["limits"]] == ["LIVEDASH_MONTHLY_CAP_EUR", "LIVEDASH_DAILY_CAP_EUR"]
    assert {each["inFlightAtMostEur"] for each in acme["limits"]} == {"0.007224525"}
    assert [(each["reachedShare"], each["sharePercent"]) for each in acme["limits"]] == [
        (None, 0.1),
        (None, 0.3),
        (100, 144.4),
    ]
    assert acme["limits"][2]["leftEur"] == "0" and acme["limits"][2]["reachedOn"] == f"{now:%Y-%m-%d}"
    assert (acme["spentEur"], acme["inFlightAtMostEur"], acme["openAtMostEur"]) == ("0", "0.007224525", "0")
    assert acme["waitingRequests"] == 3
    # A sum is bound by a token more for each request at most, since each is rounded up by itself.
    assert 0 <= D(acme["waitingAtMostEur"]) - EACH * 3 < D("0.0000005")
    assert document["total"]["limits"][0]["setting"] == "LIVEDASH_TOTAL_MONTHLY_BUDGET_EUR"
    assert (document["total"]["waitingRequests"], document["total"]["inFlightAtMostEur"]) == (3, "0.007224525")
    assert (document["month"], document["warnShares"]) == (f"{now:%Y-%m}", [50, 80, 100])


def test_of_one_company_nothing_of_the_others_is_told(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        other = insert_company(connection, "globex")
    with engine.begin() as connection:
        settled(connection, engine, other, (database_now(connection), "777"))
    settings = Settings(livedash_total_monthly_cap_eur=D(1000), livedash_monthly_cap_eur=D(10))
    document = report_caps(engine, settings, company.slug)
    assert document["total"] is None
    assert [each["company"] for each in document["companies"]] == ["acme"]
    assert "777" not in str(document) and "TOTAL" not in str(document) and "globex" not in str(document)


def test_a_month_is_foreseen_from_its_pace_and_from_what_is_usual(engine: Engine, company: Company) -> None:
    now = datetime(2025, 6, 11, tzinfo=UTC)
    settings = Settings(livedash_monthly_cap_eur=D(10))
    with engine.begin() as connection:
        # Half of what was set aside was charged; what nobody knows the cost of counts as what was set aside.
        settled(connection, engine, company, *[(now - timedelta(days=1), "0.5")] * 4, (now - timedelta(days=2), None))
        settled(connection, engine, company, *[(None, None)] * 4)
        found = standing(connection, settings, now)
    assert found.month == Spent(D(2), D(1), D(4))
    assert found.forecast is not None
    assert (found.forecast.low, found.forecast.expected, found.forecast.high) == (D(2), D(9), D(13))
    assert found.one_more == 1


def test_what_waits_has_no_price_where_the_model_has_none(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 2)
        insert_requests(connection, company, 1, model="unpriced")
    (acme,) = report_caps(engine, Settings())["companies"]
    assert (acme["waitingRequests"], acme["waitingAtMostEur"], acme["limits"]) == (3, None, [])


def test_without_companies_there_are_limits_all_the_same(engine: Engine) -> None:
    document = report_caps(engine, Settings(livedash_total_daily_cap_eur=D(3)))
    assert document["companies"] == []
    (limit,) = document["total"]["limits"]
    assert (limit["leftEur"], limit["reachedOn"], document["total"]["forecast"]) == ("3", None, None)


def test_what_has_no_known_limit_is_said_and_not_shown_as_nothing(engine: Engine, company: Company) -> None:
    settings = Settings(livedash_monthly_cap_eur=D(10), livedash_daily_cap_eur=D(5))
    with engine.begin() as connection:
        now = database_now(connection)
        settled(connection, engine, company, (now, None), (None, None), (now, "2"), reserved=None)
    document = report_caps(engine, settings)
    (acme,) = document["companies"]
    for each in (acme, *acme["limits"]):
        assert (each["spentEur"], each["openAtMostEur"], each["inFlightAtMostEur"]) == ("2", None, None)
    assert [(limit["withoutLimit"], limit["leftEur"]) for limit in acme["limits"]] == [(2, "8"), (2, "3")]
    with engine.connect() as connection:
        found = CHECKS_BY_NAME["spending_stays_below_the_cap"].look(connection, settings)
    assert {row["entries without a known limit"] for row in found.shown["spending"]} == {2}


@contextmanager
def server_time_zone(engine: Engine, zone: str) -> Iterator[None]:
    """The database's time zone, for connections that are made from now on."""
    name = engine.url.database
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"ALTER DATABASE \"{name}\" SET timezone TO '{zone}'"))
        try:
            yield
        finally:
            connection.execute(text(f'ALTER DATABASE "{name}" RESET timezone'))


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
@pytest.mark.parametrize("make", [make_engine, create_engine], ids=["ours", "the server's own zone"])
def test_days_and_months_begin_in_utc_whatever_the_servers_zone(
    engine: Engine, database_url: str, company: Company, zone: str, make: Any
) -> None:
    start, tick = datetime(2025, 6, 1, tzinfo=UTC), timedelta(microseconds=1)
    with engine.begin() as connection:
        settled(connection, engine, company, (start - tick, "1"), (start, "20"), (start + timedelta(days=1), "300"))
    moments: dict[datetime, tuple[float, ...]] = {
        # When: of the month and of the day.
        start - tick: (321, 321),
        start: (320, 320),
        start + timedelta(days=1) - tick: (320, 320),
        start + timedelta(days=1): (320, 300),
        start + timedelta(days=2): (320, 0),
        start + timedelta(days=30): (0, 0),
    }
    caps = tuple(Cap(Scope.COMPANY, period, D(1000), "a cap") for period in (Period.MONTH, Period.DAY))
    with server_time_zone(engine, zone):
        there = make(database_url)
        with there.connect() as connection:
            shown = connection.execute(text("SHOW timezone")).scalar_one()
            assert shown == ("UTC" if make is make_engine else zone)
            for now, sums in moments.items():
                found = standing(connection, Settings(), now)
                assert (float(found.month.committed), float(found.day.committed)) == sums, now
                rooms = rooms_under(connection, company.id, caps, now=now)
                assert tuple(float(room.committed) for room in rooms) == sums, now
                assert committed_eur(connection, None, since=Period.MONTH.start(now)) == sums[0]
        there.dispose()
