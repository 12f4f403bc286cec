"""Months and days are those of UTC, whatever time zone the sessions of a database have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, event, text

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.ledger.steps.costs.backfill import BackfillRequest, backfill_costs
from livedash_pipeline.ledger.store.admission.committed import committed_eur, rooms_under
from livedash_pipeline.money.rules.caps import Cap, Period, Scope
from livedash_pipeline.money.store.rates import rate_at, rate_day, set_rate
from livedash_pipeline.overview.steps.figures import money_of_month
from livedash_pipeline.settings import Settings
from tests.support.rows import insert_company, insert_requests

ZONES = ("Pacific/Auckland", "America/Los_Angeles", "UTC")
# In Auckland it is November already; in Los Angeles the last day of October has begun not long ago.
LATE = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
NEXT = datetime(2026, 11, 1, 0, 30, tzinfo=UTC)
COST = Decimal("1.25")
_BATCH = text(
    "INSERT INTO ai_batch_requests (company_id, model, status, endpoint, key_fingerprint, request_count, body_bytes,"
    " token_estimate, created_at, submitted_at, status_changed_at, processed_at)"
    " VALUES (:company, 'm', 'PROCESSED', 'e', 'k', 1, 1, 1, :at, :at, :at, :at) RETURNING id"
)
_TRY = text(
    "INSERT INTO ai_request_attempts (request_id, batch_id, created_at, settled_at, outcome, prompt_tokens,"
    " completion_tokens, total_cost_eur) VALUES (:request, :batch, :at, :at, 'parsed', 1, 1, :eur)"
)


@pytest.fixture(params=ZONES)
def zoned(request: pytest.FixtureRequest, database_url: str) -> Iterator[Engine]:
    """An engine on a database that has a time zone of its own, as an operator may have set it."""
    engine = make_engine(database_url)
    with engine.begin() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE \"{name}\" SET timezone = '{request.param}'"))
    engine.dispose()
    with engine.connect() as connection:
        # Ours are in UTC all the same; the tests below do not rest on that.
        assert connection.execute(text("SHOW timezone")).scalar_one() == "UTC"
    engine.dispose()
    event.listen(engine, "connect", lambda raw, _: _set_zone(raw, request.param))
    yield engine
    with engine.begin() as connection:
        connection.execute(text(f'ALTER DATABASE "{name}" RESET timezone'))
    engine.dispose()


def _set_zone(raw: Any, zone: str) -> None:
    """As if nobody had set the session up."""
    raw.execute(f"SET timezone = '{zone}'")
    raw.commit()


def _spend(connection: Connection, at: datetime, eur: Decimal | None = COST) -> UUID:
    """A cost at a moment; returns whose."""
    company = insert_company(connection)
    (request,) = insert_requests(connection, company)
    batch = connection.execute(_BATCH, {"company": company.id, "at": at}).scalar_one()
    connection.execute(_TRY, {"request": request, "batch": batch, "at": at, "eur": eur})
    return company.id


def test_a_cost_just_before_the_month_ends_counts_in_that_month_everywhere(zoned: Engine) -> None:
    with zoned.begin() as connection:
        company = _spend(connection, LATE)
    with zoned.connect() as connection:
        # The moment as the server gives it, in the session's own zone.
        for now, counted in ((LATE, COST), (NEXT, Decimal(0))):
            given = connection.execute(text("SELECT CAST(:now AS timestamptz)"), {"now": now}).scalar_one()
            for period in Period:
                since = period.start(given)
                assert committed_eur(connection, company, since=since) == counted
                assert committed_eur(connection, None, since=since) == counted
                cap = Cap(Scope.COMPANY, period, Decimal(10), "x")
                (room,) = rooms_under(connection, company, (cap,), now=given)
                assert room.committed == counted
            assert sum(money.spent for money in money_of_month(connection, given).values()) == counted


def test_the_rate_of_a_day_and_a_backfill_go_by_the_day_in_utc(zoned: Engine) -> None:
    with zoned.begin() as connection:
        _spend(connection, LATE, None)
        set_rate(connection, date(2026, 10, 31), Decimal("0.9"), "test", NEXT)
        set_rate(connection, date(2026, 11, 1), Decimal("0.8"), "test", NEXT)
        given = connection.execute(text("SELECT submitted_at FROM ai_batch_requests")).scalar_one()
        found = rate_at(connection, given, None)
        assert found is not None and found.usd_eur == Decimal("0.9")
        assert rate_day(connection, given) == date(2026, 10, 31)
    (left,) = backfill_costs(zoned, Settings(), BackfillRequest(), dry_run=True)["stillOpen"]
    assert (left["reason"], left["date"]) == ("no_price", "2026-10-31")
