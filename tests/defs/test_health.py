"""Checks of health, both ways: green while all is well, and yellow or red with count, ids and remedy when it is not."""

from __future__ import annotations

from decimal import Decimal

import dagster as dg
import pytest

from livedash_pipeline.overview.steps.checks import CHECKS_BY_NAME
from tests.defs.ailing import Health
from tests.support.rows import insert_company

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def assert_red(
    found: dg.AssetCheckEvaluation, *, count: int, ids: list[str], severity: dg.AssetCheckSeverity = ERROR
) -> None:
    assert (found.passed, found.severity) == (False, severity)
    metadata = {name: value.value for name, value in found.metadata.items()}
    assert metadata["count"] == count
    assert metadata["sample_ids"] == ids
    assert metadata["companies"] == ["acme"]
    assert metadata["remedy"] == CHECKS_BY_NAME[found.check_name].remedy.advice
    assert "acme" in str(metadata["sample"])


def assert_green(found: dg.AssetCheckEvaluation) -> None:
    assert found.passed
    assert found.metadata["count"].value == 0
    assert "sample" not in found.metadata and "remedy" not in found.metadata


@pytest.mark.parametrize("name", CHECKS_BY_NAME)
def test_an_empty_pipeline_is_healthy(health: Health, name: str) -> None:
    assert_green(health.check(name))


def test_requests_that_nobody_sends_are_red_and_those_behind_a_batch_are_yellow(health: Health) -> None:
    ids = health.requests(12)
    assert_green(health.check("no_request_waits_too_long"))
    health.sql("UPDATE ai_processing_requests SET updated_at = now() - interval '90 minutes'")
    assert_green(health.check("no_request_waits_too_long"))
    red = health.check("no_request_waits_too_long", livedash_max_wait=60)
    assert_red(red, count=12, ids=ids[:10])
    health.batch()
    assert_red(health.check("no_request_waits_too_long", livedash_max_wait=60), count=12, ids=ids[:10], severity=WARN)
    health.sql("UPDATE companies SET status = 'SUSPENDED'")
    assert_green(health.check("no_request_waits_too_long", livedash_max_wait=60))


def test_a_batch_is_yellow_from_twenty_hours_on_and_red_beyond_its_window(health: Health) -> None:
    name = "no_batch_outlives_its_window"
    batch_id = health.batch(submitted_at="now() - interval '19 hours'", created_at="now() - interval '19 hours'")
    assert_green(health.check(name))
    health.sql("UPDATE ai_batch_requests SET submitted_at = now() - interval '21 hours'")
    assert_red(health.check(name), count=1, ids=[batch_id], severity=WARN)
    health.sql("UPDATE ai_batch_requests SET expires_at = now() - interval '30 minutes'")
    assert_red(health.check(name), count=1, ids=[batch_id], severity=WARN)
    health.sql("UPDATE ai_batch_requests SET expires_at = now() - interval '2 hours'")
    found = health.check(name)
    assert_red(found, count=1, ids=[batch_id])
    assert "beyond its window" in str(found.metadata["sample"].value)
    health.sql("UPDATE ai_batch_requests SET processed_at = now()")
    assert_green(health.check(name))


@pytest.mark.parametrize(
    ("status", "openai_id", "problem"),
    [("COMPLETED", "batch_1", "ended, and not ingested"), ("UPLOADING", None, "no id of the service yet")],
)
def test_a_batch_that_nobody_takes_further_is_red(
    health: Health, status: str, openai_id: str | None, problem: str
) -> None:
    batch_id = health.batch(status, openai_id)
    assert_green(health.check("no_batch_outlives_its_window"))
    health.sql(
        "UPDATE ai_batch_requests SET created_at = now() - interval '3 hours', status_changed_at = now() - interval '3 hours'"
    )
    found = health.check("no_batch_outlives_its_window")
    assert_red(found, count=1, ids=[batch_id])
    assert problem in str(found.metadata["sample"].value)


def test_a_red_batch_is_named_before_a_yellow_one(health: Health) -> None:
    yellow = health.batch(openai_id="1", created_at="now() - interval '2 days'", expires_at="now() + interval '1 hour'")
    red = health.batch(openai_id="2", expires_at="now() - interval '2 hours'")
    assert_red(health.check("no_batch_outlives_its_window"), count=2, ids=[red, yellow])


def test_more_failures_than_the_limit_within_a_week_are_red(health: Health) -> None:
    ids = health.requests(60)
    health.settle(ids, failed=6)
    assert_green(health.check("few_requests_fail"))
    found = health.check("few_requests_fail", livedash_max_failure_ratio=0.05)
    assert_red(found, count=6, ids=ids[5::-1])
    assert "| 60 |" in str(found.metadata["sample"].value), "of how many"
    assert "refused" in str(found.metadata["sample"].value), "and why"
    health.sql(
        "UPDATE ai_processing_requests SET requested_at = '2025-01-01', completed_at = now() - interval '8 days'"
    )
    assert_green(health.check("few_requests_fail", livedash_max_failure_ratio=0.05))


@pytest.mark.parametrize("code", ["answered_before", "no_messages", "erased", "input_erased", "input_outdated"])
def test_requests_that_were_closed_since_nothing_was_left_to_ask_are_no_failures(health: Health, code: str) -> None:
    ids = health.requests(60)
    health.settle(ids, failed=20)
    assert_red(health.check("few_requests_fail"), count=20, ids=ids[19:9:-1])
    health.sql("UPDATE ai_processing_requests SET error_code = :code WHERE error_code = 'refused'", code=code)
    assert_green(health.check("few_requests_fail"))


def test_what_the_old_system_failed_at_is_neither_counted_nor_named(health: Health) -> None:
    taken_over, own = health.requests(2)
    health.settle([own, taken_over], failed=2)
    health.sql("UPDATE ai_processing_requests SET prompt_version = 'livedash' WHERE id = :id", id=taken_over)
    assert_red(health.check("few_requests_fail"), count=1, ids=[own])


def test_of_a_few_requests_all_have_to_fail_to_turn_red(health: Health) -> None:
    ids = health.requests(3)
    health.settle(ids, failed=2)
    assert_green(health.check("few_requests_fail"))
    health.sql("UPDATE companies SET slug = 'other'")
    with health.engine.begin() as connection:
        health.company = insert_company(connection)
    lost = health.requests(1)
    health.settle(lost, failed=1)
    assert_red(health.check("few_requests_fail"), count=1, ids=lost)


def test_many_rejects_are_yellow_and_a_refused_file_is_red(health: Health) -> None:
    name = "few_csv_rows_are_rejected"
    health.imported(100, 10, age="3 hours")
    assert_green(health.check(name))
    health.imported(100, 11, age="2 hours")
    ((newest,),) = health.sql("SELECT id::text FROM import_runs WHERE rows_rejected = 11")
    assert_red(health.check(name), count=11, ids=[newest], severity=WARN)
    assert_green(health.check(name, livedash_max_reject_ratio=0.5))
    health.imported(100, 90, status="FAILED", age="1 hour")
    ((refused,),) = health.sql("SELECT id::text FROM import_runs WHERE status = 'FAILED'")
    assert_red(health.check(name), count=90, ids=[refused])
    health.imported(0, 0, age="1 minute")
    assert not health.check(name).passed, "an import that found nothing new says nothing about rejects"
    health.imported(100, 0, age="0 minutes")
    assert_green(health.check(name))


def test_speakers_that_nobody_knows_are_yellow(health: Health) -> None:
    name = "speakers_of_transcripts_are_known"
    health.requests(3)
    spoken = "INSERT INTO messages SELECT id, :position, :role, 'said' FROM sessions"
    health.sql("DELETE FROM messages")
    health.sql(spoken, position=0, role="user")
    health.sql(spoken, position=1, role="assistant")
    assert_green(health.check(name))
    health.sql(f"{spoken} LIMIT 1", position=2, role="unknown")
    assert_red(health.check(name), count=1, ids=[], severity=WARN)
    health.sql("DELETE FROM messages WHERE position = 2")
    health.sql("UPDATE messages SET role = 'system' WHERE role = 'user'")
    assert_red(health.check(name), count=0, ids=[], severity=WARN)
    health.sql("DELETE FROM messages")
    assert_green(health.check(name))
    health.sql("UPDATE session_processing_status SET metadata = '{\"events\": 2}' WHERE stage = 'SESSION_CREATION'")
    assert_red(health.check(name), count=0, ids=[], severity=WARN)


def test_a_delivered_file_that_cannot_be_used_is_yellow_until_it_is_gone(health: Health) -> None:
    name = "no_delivered_file_is_passed_over"
    health.requests(1)
    health.sql(
        "INSERT INTO import_files (company_id, path, state, size, error_code, first_seen_at, seen_at)"
        " SELECT companies.id, file.path, file.state, 1, 'not_csv', now(), now() FROM companies"
        " CROSS JOIN (VALUES ('/in/a.csv', 'IMPORTED'), ('/in/b.csv', 'IMPORTED')) AS file (path, state)"
    )
    assert_green(health.check(name))
    health.sql("UPDATE import_files SET state = 'REFUSED'")
    assert_red(health.check(name), count=2, ids=[], severity=WARN)
    health.sql("UPDATE import_files SET gone_at = now()")
    assert_green(health.check(name))


def test_a_company_that_fails_again_and_again_or_is_not_looked_at_is_red(health: Health) -> None:
    name = "every_company_is_imported_in_time"
    health.sql("UPDATE companies SET import_failures = 2")
    assert_green(health.check(name))
    health.sql("UPDATE companies SET import_failures = 3")
    assert_red(health.check(name), count=1, ids=[])
    health.sql("UPDATE companies SET import_failures = 0, next_import_at = now() - interval '50 minutes'")
    assert_green(health.check(name))
    health.sql("UPDATE companies SET next_import_at = now() - interval '70 minutes'")
    assert_red(health.check(name), count=1, ids=[])
    assert_green(health.check(name, livedash_import_interval=3600))
    health.imported(0, 0, status="RUNNING", age="2 hours")
    assert_green(health.check(name))
    health.sql("UPDATE import_runs SET started_at = now() - interval '7 hours'")
    assert_red(health.check(name), count=1, ids=[])


@pytest.mark.parametrize("change", ["csv_url = '', next_import_at = NULL", "status = 'SUSPENDED'"])
def test_a_company_without_a_csv_or_at_rest_is_not_overdue(health: Health, change: str) -> None:
    health.sql("UPDATE companies SET created_at = now() - interval '9 days', next_import_at = created_at")
    assert not health.check("every_company_is_imported_in_time").passed
    health.sql(f"UPDATE companies SET {change}")
    assert_green(health.check("every_company_is_imported_in_time"))


def test_a_quiet_company_whose_imports_bring_nothing_is_healthy(health: Health) -> None:
    health.imported(0, 0, age="5 minutes")
    for name in CHECKS_BY_NAME:
        assert_green(health.check(name))


def test_spending_is_yellow_from_the_first_share_on_and_red_where_nothing_more_fits(health: Health) -> None:
    name = "spending_stays_below_the_cap"
    health.settle(health.requests(4), failed=1, age="0 minutes", eur="0.2")
    without = health.check(name)
    assert_green(without)
    assert str(without.metadata["skipped"].value).startswith("Neither a cap nor a budget is set")
    levels = {}
    for cap in ("1.61", "1.6", "1", "0.83", "0.81", "0.8", "0.5"):
        found = health.check(name, livedash_monthly_cap_eur=Decimal(cap))
        levels[cap] = None if found.passed else found.severity
    # Each request sets 0.02 aside: with 0.8 spent of 0.81, none can be sent.
    assert levels == {"1.61": None, "1.6": WARN, "1": WARN, "0.83": WARN, "0.81": ERROR, "0.8": ERROR, "0.5": ERROR}
    found = health.check(name, livedash_monthly_cap_eur=Decimal("0.5"))
    assert_red(found, count=1, ids=[])
    assert "| acme | monthly cap (LIVEDASH_MONTHLY_CAP_EUR) | 0.5 | 0.80 | 0.00 | 0 | 160.0 |" in str(
        found.metadata["spending"].value
    )


def test_a_budget_warns_instead_of_the_cap_and_never_turns_red(health: Health) -> None:
    name = "spending_stays_below_the_cap"
    health.settle(health.requests(4), failed=1, age="0 minutes", eur="0.2")
    over = health.check(name, livedash_monthly_budget_eur=Decimal("0.1"))
    assert_red(over, count=1, ids=[], severity=WARN)
    both = {"livedash_monthly_cap_eur": Decimal(1), "livedash_monthly_budget_eur": Decimal(100)}
    assert_green(health.check(name, **both))
    assert_green(health.check(name, livedash_warn_shares="81,90", livedash_monthly_budget_eur=Decimal(1)))
    health.sql("UPDATE companies SET monthly_budget_eur = 0.9")
    assert_red(health.check(name), count=1, ids=[], severity=WARN)


def test_what_is_in_flight_counts_at_most_and_daily_and_total_caps_are_looked_at(health: Health) -> None:
    name = "spending_stays_below_the_cap"
    batch_id = health.batch()
    (request_id,) = health.requests()
    health.sql(
        "INSERT INTO ai_request_attempts (request_id, batch_id, created_at, reserved_eur) VALUES (:id, :batch, now(), 0.4)",
        id=request_id,
        batch=batch_id,
    )
    warned = health.check(name, livedash_total_monthly_cap_eur=Decimal(1), livedash_warn_shares="40")
    assert (warned.passed, warned.severity) == (False, WARN)
    assert warned.metadata["companies"].value == []
    share = warned.metadata["shares"].value
    assert isinstance(share, dict)
    (reached,) = share["reached"]
    assert (reached["company"], reached["share"]) == ("", 40)
    assert "0.00 EUR spent" in reached["message"] and "at most 0.40 EUR in flight" in reached["message"]
    # One more request, which sets aside as much as the first, would pass it.
    full = health.check(name, livedash_daily_cap_eur=Decimal("0.7"))
    assert_red(full, count=1, ids=[])
    of_days = full.metadata["shares"].value
    assert isinstance(of_days, dict)
    (reached,) = of_days["reached"]
    assert of_days["periods"] == share["periods"] and reached["period"] in share["periods"]
    assert (reached["share"], len(reached["period"])) == (50, len("2025-05-01"))
    health.sql("UPDATE companies SET monthly_cap_eur = 0")
    assert_green(health.check(name))


def test_spending_counts_surplus_and_this_month_only(health: Health) -> None:
    health.settle(health.requests(2), failed=0, age="40 days", eur="5")
    cap = Decimal(1)
    assert_green(health.check("spending_stays_below_the_cap", livedash_monthly_cap_eur=cap))
    batch_id = health.batch()
    health.sql(
        "INSERT INTO ai_surplus_batches (openai_batch_id, batch_id, endpoint, openai_status, found_at, ended_at,"
        " total_cost_eur) VALUES ('batch_2', :batch, 'e', 'cancelled', now(), now(), 0.9)",
        batch=batch_id,
    )
    found = health.check("spending_stays_below_the_cap", livedash_monthly_cap_eur=cap)
    assert_red(found, count=1, ids=[], severity=WARN)
