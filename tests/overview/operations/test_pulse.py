"""The parts of the overview: what they count, in which order, and that they stay small with two thousand companies."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text, update

from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import (
    ai_endpoint_pauses,
    ai_holds,
    companies,
    endpoint_traits,
    import_runs,
    session_imports,
)
from livedash_pipeline.overview.steps.operations.pulse import (
    report_endpoints,
    report_imports,
    report_nearest_caps,
    report_trend,
)
from livedash_pipeline.overview.steps.spend import report_spend
from livedash_pipeline.settings import make_settings
from tests.ledger.store.test_states_in_database import insert_batch
from tests.overview.steps.test_caps import settled
from tests.support.rows import insert_company, insert_requests


def now_of(engine: Engine) -> datetime:
    with engine.connect() as connection:
        return database_now(connection).astimezone(UTC)


def run(engine: Engine, slug: str, started: datetime, **values: Any) -> None:
    with engine.begin() as connection:
        company_id = connection.execute(
            text("SELECT id FROM companies WHERE slug = :slug"), {"slug": slug}
        ).scalar_one()
        given = {"company_id": company_id, "source_url": "x", "status": "COMPLETED", "started_at": started}
        connection.execute(insert(import_runs).values(**(given | values)))


def test_last_imports_come_by_failures_and_then_by_age(engine: Engine) -> None:
    now = now_of(engine)
    with engine.begin() as connection:
        for slug in ("fresh", "old", "never", "failing", "worse", "gone"):
            insert_company(connection, slug)
        for slug, values in (
            ("failing", {"import_failures": 1}),
            ("worse", {"import_failures": 3}),
            ("gone", {"status": "SUSPENDED"}),
        ):
            connection.execute(update(companies).where(companies.c.slug == slug).values(**values))
    run(engine, "fresh", now - timedelta(minutes=1), rows=5, rows_new=4, rows_rejected=1)
    run(engine, "fresh", now - timedelta(days=3), rows_new=9)
    run(engine, "old", now - timedelta(days=1))
    run(engine, "failing", now - timedelta(hours=1), status="FAILED", error_code="x", error_message="No.")
    found = report_imports(engine, most=10)
    assert [each["company"] for each in found["imports"]] == ["worse", "failing", "never", "old", "fresh"]
    assert (found["total"], found["failing"]) == (5, 2)
    fresh, failing, never = found["imports"][4], found["imports"][1], found["imports"][2]
    assert (fresh["new"], fresh["rejected"], fresh["status"]) == (4, 1, "completed")
    assert (failing["status"], failing["errorMessage"]) == ("failed", "No.")
    assert (never["startedAt"], never["importRunId"], never["status"]) == (None, None, None)


def test_two_thousand_companies_are_counted_and_few_are_shown(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO companies (slug, name, csv_url, created_at, updated_at, import_failures)"
                " SELECT 'company-' || n, 'Company', 'https://example.test/x.csv', :now, :now, n % 5"
                " FROM generate_series(1, 2000) AS n"
            ),
            {"now": now_of(engine)},
        )
    found = report_imports(engine, most=12)
    assert len(found["imports"]) == 12
    assert {each["failures"] for each in found["imports"]} == {4}
    assert (found["total"], found["failing"]) == (2000, 1600)
    caps = report_nearest_caps(engine, make_settings(), most=8)
    assert (len(caps["companies"]), caps["totalCompanies"]) == (8, 2000)


def test_nothing_at_all_is_a_report_as_well(engine: Engine) -> None:
    assert report_imports(engine, most=5) == {"ok": True, "imports": [], "total": 0, "failing": 0}
    assert report_endpoints(engine) == {"ok": True, "holds": [], "traits": []}
    trend = report_trend(engine)
    assert len(trend["days"]) == 14
    assert {sum(trend[name]) for name in ("sessionsImported", "requestsCompleted", "batchesSubmitted")} == {0}
    assert set(trend["costEur"]) == {"0"}


def test_the_trend_counts_by_utc_days_up_to_the_present_one(engine: Engine) -> None:
    now = now_of(engine)
    today = datetime.combine(now.date(), datetime.min.time(), UTC)
    with engine.begin() as connection:
        company = insert_company(connection)
        insert_requests(connection, company, 2, processing_status="PROCESSING_COMPLETE", completed_at=today)
        late = today - timedelta(microseconds=1)
        insert_requests(
            connection,
            company,
            1,
            processing_status="PROCESSING_FAILED",
            completed_at=late,
            requested_at=late - timedelta(1),
        )
        long_ago = today - timedelta(days=13, microseconds=1)
        insert_requests(
            connection,
            company,
            4,
            processing_status="PROCESSING_FAILED",
            completed_at=long_ago,
            requested_at=long_ago - timedelta(1),
        )
        connection.execute(update(session_imports).values(created_at=today - timedelta(days=2)))
    insert_batch(engine, company, "batch_1", created_at=today - timedelta(hours=1), submitted_at=today)
    insert_batch(engine, company, None, created_at=today)
    trend = report_trend(engine)
    assert date.fromisoformat(trend["days"][-1]) == now.date()
    assert trend["requestsCompleted"][-2:] == [0, 2]
    assert trend["requestsFailed"][-2:] == [1, 0]
    assert sum(trend["requestsFailed"]) == 1
    assert trend["sessionsImported"][-3:] == [7, 0, 0]
    assert trend["batchesSubmitted"][-2:] == [0, 1]


def test_the_costs_of_the_trend_are_those_of_the_ledger(engine: Engine) -> None:
    now = now_of(engine)
    tries = [(now - timedelta(days=day, hours=1), f"0.{day + 1}") for day in range(20)]
    with engine.begin() as connection:
        company = insert_company(connection)
    with engine.begin() as connection:
        settled(connection, engine, company, *tries, (now, None), (None, None))
    trend = report_trend(engine)
    days = report_spend(engine, by=["day"], start=trend["days"][0], end=trend["days"][-1])["rows"]
    booked = {row["day"]: Decimal(row["costEur"]) for row in days}
    assert {day: Decimal(eur) for day, eur in zip(trend["days"], trend["costEur"], strict=True) if Decimal(eur)} == {
        day: eur for day, eur in booked.items() if eur
    }
    assert sum(trend["openEntries"]) == 1


def test_holds_and_pauses_of_every_endpoint_are_listed_until_they_end(engine: Engine) -> None:
    now = now_of(engine)
    hold = {"reason": "quota", "message": "No money.", "key_fingerprint": "k", "held_at": now}
    with engine.begin() as connection:
        connection.execute(
            insert(ai_holds),
            [
                hold | {"endpoint": "a", "model": None, "not_before": None},
                hold | {"endpoint": "b", "model": "m", "not_before": now + timedelta(hours=1)},
                hold | {"endpoint": "c", "model": "m", "not_before": now - timedelta(hours=1)},
            ],
        )
        connection.execute(
            insert(ai_endpoint_pauses),
            [
                {"endpoint": "b", "paused_until": now + timedelta(hours=1), "reason": "r", "updated_at": now},
                {"endpoint": "d", "paused_until": now - timedelta(hours=1), "reason": "r", "updated_at": now},
            ],
        )
        connection.execute(
            insert(endpoint_traits),
            [
                {
                    "endpoint": "a",
                    "key_fingerprint": "k1",
                    "fence": "proven",
                    "listing_lags": False,
                    "updated_at": now - timedelta(days=1),
                },
                {
                    "endpoint": "a",
                    "key_fingerprint": "k2",
                    "fence": "unproven",
                    "listing_lags": True,
                    "updated_at": now,
                },
            ],
        )
    found = report_endpoints(engine)
    assert [(each["endpoint"], each["model"], each["reason"]) for each in found["holds"]] == [
        ("a", None, "quota"),
        ("b", "m", "quota"),
        ("b", None, "rate_limited"),
    ]
    assert found["holds"][0]["until"] is None
    assert [(each["keyFingerprint"], each["fence"], each["listingLags"]) for each in found["traits"]] == [
        ("k2", "unproven", True),
        ("k1", "proven", False),
    ]
    assert found["traits"][1]["purchaseGuard"] == "tag_fence"


@pytest.mark.parametrize("days", [1, 3])
def test_a_trend_has_as_many_days_as_asked_for(engine: Engine, days: int) -> None:
    assert len(report_trend(engine, days=days)["days"]) == days
