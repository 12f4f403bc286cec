"""People are told of a failed run and of a check that turns red: once, with the command that helps, and by one POST."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import structlog

from livedash_pipeline.defs.build import build_defs
from livedash_pipeline.defs.checks.alerts import read_levels
from livedash_pipeline.defs.names import Names
from livedash_pipeline.overview.rules.alerts import JOB_REMEDIES
from livedash_pipeline.overview.steps.checks import CHECKS_BY_NAME
from livedash_pipeline.settings import Settings
from tests.defs.ailing import Health
from tests.sources.alert_receiver import AlertReceiver, alert_receiver

RED = "no_request_waits_too_long"
SPENDING = "spending_stays_below_the_cap"
BATCH = "no_batch_outlives_its_window"
ALL = len(CHECKS_BY_NAME)


@pytest.fixture
def receiver(health: Health) -> Iterator[AlertReceiver]:
    with alert_receiver() as receiver:
        health.settings["livedash_alert_url"] = receiver.url
        yield receiver


def told(health: Health, cursor: str | None = "0") -> tuple[list[dict[str, Any]], Any]:
    """A tick of `run_failure_sensor`: the lines that were logged, and what the tick says and keeps."""
    sensor: Any = health.defs.resolve_sensor_def("run_failure_sensor")
    with (
        dg.build_sensor_context(instance=health.instance, cursor=cursor) as context,
        structlog.testing.capture_logs() as lines,
    ):
        tick = sensor.evaluate_tick(context)
    return [dict(line) for line in lines], tick


def fail_import(health: Health, tmp_path: Path) -> dg.ExecuteInProcessResult:
    health.sql("UPDATE companies SET csv_url = :path", path=str(tmp_path / "gone.csv"))
    return health.run("import_sessions", "acme")


def look(health: Health, cursor: str | None = None) -> tuple[str, list[dict[str, Any]], str]:
    """A tick of `red_check_sensor`: its next cursor, the lines that were logged, and what the tick says."""
    sensor: Any = health.defs.resolve_sensor_def("red_check_sensor")
    with (
        dg.build_sensor_context(instance=health.instance, cursor=cursor) as context,
        structlog.testing.capture_logs() as lines,
    ):
        tick = sensor.evaluate_tick(context)
    return tick.cursor, [dict(line) for line in lines], tick.skip_message


def wait_for(health: Health, hours: int) -> None:
    health.sql(f"UPDATE ai_processing_requests SET updated_at = now() - interval '{hours} hours'")


def test_a_failed_run_is_one_line_and_one_post_with_company_reason_and_command(
    health: Health, receiver: AlertReceiver, tmp_path: Path
) -> None:
    fail_import(health, tmp_path)
    (line,), _ = told(health)
    assert (line["event"], line["log_level"]) == ("run failed", "error")
    assert (line["job"], line["company"], line["where"]) == ("import_sessions", "acme", "session_imports")
    assert "gone.csv" in line["reason"] and line["next"] == "livedash import --company acme"
    (document,) = receiver.posted
    assert (document["event"], document["what"], document["companies"]) == ("run_failed", "import_sessions", ["acme"])
    assert (document["runId"], document["message"]) == (line["failed_run_id"], line["reason"])
    assert document["command"] == line["next"]
    assert document["remedy"] == JOB_REMEDIES["import_sessions"].advice


def test_the_words_of_a_stranger_s_error_stay_in_the_run(health: Health, receiver: AlertReceiver) -> None:
    @dg.op
    def breaks() -> None:
        raise ValueError("the user said: my phone number is 0123")

    job = dg.GraphDefinition(name="breaks_graph", node_defs=[breaks]).to_job(name="breaks", tags=Names().run_tags)
    job.execute_in_process(instance=health.instance, raise_on_error=False)
    (line,), _ = told(health)
    assert line["reason"] == "ValueError; its words are in the run."
    assert "0123" not in json.dumps([line, receiver.posted], default=str)


def test_a_run_whose_process_is_gone_says_so(health: Health, receiver: AlertReceiver) -> None:
    job = health.defs.resolve_job_def("submit_batches")
    run = health.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=dict(job.run_tags))
    health.instance.report_run_failed(run, "The run's process is gone.")
    told(health)
    (document,) = receiver.posted
    assert document["message"] == "The run's process is gone."
    assert (document["companies"], document["command"]) == ([], "livedash submit --dry-run")


def test_failures_of_others_are_counted_and_not_told(health: Health, receiver: AlertReceiver, tmp_path: Path) -> None:
    @dg.op
    def breaks() -> None:
        raise ValueError

    # A job of somebody else's, under a name that we have as well.
    theirs = dg.GraphDefinition(name="theirs", node_defs=[breaks]).to_job(name="summary")
    assert theirs.execute_in_process(instance=health.instance, raise_on_error=False).success is False
    fail_import(health, tmp_path)
    lines, tick = told(health)
    assert [line["job"] for line in lines] == ["import_sessions"]
    assert tick.skip_message == "2 runs failed since the last look: 1 of this pipeline, 1 of others"
    lines, tick = told(health, tick.cursor)
    assert (lines, tick.skip_message) == ([], "0 runs failed since the last look")
    assert len(receiver.posted) == 1


def test_each_failure_is_told_once_a_page_at_a_time(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livedash_pipeline.defs.checks.run_failures.FAILURES_PER_TICK", 2)
    job, ids, cursor = health.defs.resolve_job_def("submit_batches"), [], "0"
    for _ in range(3):
        run = health.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=dict(job.run_tags))
        health.instance.report_run_failed(run, "gone")
        ids.append(run.run_id)
    seen = []
    for _ in range(3):
        lines, tick = told(health, cursor)
        seen.append([line["failed_run_id"] for line in lines])
        cursor = tick.cursor
    assert seen == [ids[:2], ids[2:], []]


@pytest.mark.parametrize("cursor", [None, "", "nonsense", '{"__class__": "RunStatusSensorCursor"}', "9" * 19])
def test_a_first_look_and_a_lost_cursor_tell_of_failures_from_then_on(health: Health, cursor: str | None) -> None:
    job = health.defs.resolve_job_def("submit_batches")
    for expected in ([], ["later"]):
        run = health.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=dict(job.run_tags))
        health.instance.report_run_failed(run, "later" if expected else "earlier")
        lines, tick = told(health, cursor)
        assert [line["reason"] for line in lines] == expected
        cursor = tick.cursor


def test_a_check_that_turns_red_in_a_run_is_one_line_and_one_post(health: Health, receiver: AlertReceiver) -> None:
    ids = health.requests(3)
    assert health.run("health_checks").success
    cursor, lines, said = look(health)
    assert (lines, receiver.posted) == ([], [])
    assert said == f"{ALL} checks, {ALL} evaluated: {ALL} green, 0 yellow, 0 red; 0 changed"

    wait_for(health, hours=3)
    run = health.run("health_checks")
    cursor, (line,), said = look(health, cursor)
    assert said == f"{ALL} checks, {ALL} evaluated: {ALL - 1} green, 0 yellow, 1 red; 1 changed"
    assert (line["event"], line["log_level"], line["check"]) == ("check is red", "error", RED)
    assert (line["count"], line["next"]) == (3, "livedash submit --dry-run")
    (document,) = receiver.posted
    assert (document["event"], document["severity"], document["what"]) == ("check_red", "error", RED)
    assert (document["where"], document["companies"]) == ("pending_ai_requests", ["acme"])
    assert (document["count"], document["sampleIds"], document["runId"]) == (3, ids, run.run_id)
    assert document["remedy"] == CHECKS_BY_NAME[RED].remedy.advice


def test_a_check_that_stays_red_is_no_news_and_one_that_turns_green_is_a_line(
    health: Health, receiver: AlertReceiver
) -> None:
    health.requests()
    told, cursor = [], None
    for hours in (3, 3, None, 0, 0, 3):
        if hours is not None:
            wait_for(health, hours)
            health.check(RED)
        cursor, lines, _ = look(health, cursor)
        told.append([(line["event"], line["log_level"]) for line in lines])
    red, green = [("check is red", "error")], [("check is green again", "info")]
    assert told == [red, [], [], green, [], red]
    assert len(receiver.posted) == 2


def test_yellow_warns_and_red_after_it_is_told_as_well(health: Health, receiver: AlertReceiver) -> None:
    health.batch()
    told, cursor = [], None
    for expires in ("1 hour", "-2 hours", "1 hour"):
        health.sql(f"UPDATE ai_batch_requests SET expires_at = now() + interval '{expires}'")
        health.check(BATCH)
        cursor, lines, _ = look(health, cursor)
        told.append([(line["event"], line["log_level"]) for line in lines])
    assert told == [[("check is yellow", "warning")], [("check is red", "error")], []], "a little better is no news"
    assert [document["severity"] for document in receiver.posted] == ["warn", "error"]


def test_each_share_of_a_budget_is_told_once_a_month_whatever_is_released(
    health: Health, receiver: AlertReceiver
) -> None:
    health.settings |= {"livedash_monthly_budget_eur": Decimal(1), "livedash_total_monthly_budget_eur": Decimal(10)}
    health.settle(health.requests(1), failed=0, age="0 minutes", eur="0.01")
    told, cursor = [], None
    for eur in ("0.49", "0.50", "0.79", "0.85", "0.30", "0.85", "1.00", "7.00", "0"):
        set_cost(health, eur)
        health.check(SPENDING)
        for _ in range(2):
            cursor, lines, _ = look(health, cursor)
            told += [(eur, line["event"], line["share"], line.get("companies")) for line in lines if "share" in line]
    assert told == [
        ("0.50", "share reached", 50, ["acme"]),
        ("0.85", "share reached", 80, ["acme"]),
        ("1.00", "share reached", 100, ["acme"]),
        ("7.00", "share reached", 50, None),
    ]
    assert [(document["event"], document["severity"], document["what"]) for document in receiver.posted] == [
        ("share_reached", "warn", SPENDING)
    ] * 4
    assert receiver.posted[0]["text"].startswith(
        f"{SPENDING} (acme) warns: acme has reached 50 % of its monthly budget"
    )
    assert "0.50 EUR spent" in receiver.posted[0]["message"] and "at most 0.00 EUR" in receiver.posted[0]["message"]
    set_cost(health, "7.00")
    health.check(SPENDING)
    following = json.dumps({"told": {"2001-01": json.loads(cursor or "")["told"].popitem()[1]}})
    assert [line["share"] for line in look(health, following)[1]] == [100, 50], "another month begins anew"
    assert [line["share"] for line in look(health, None)[1]] == [100, 50], "a lost cursor tells once more"


def test_a_raised_cap_is_told_of_anew_and_a_daily_cap_beside_it(health: Health, receiver: AlertReceiver) -> None:
    health.settle(health.requests(1), failed=0, age="0 minutes", eur="1")
    cursor, told = None, []
    for cap in ("1.50", "1.50", "2.00", "100"):
        health.settings |= {"livedash_monthly_cap_eur": Decimal(cap), "livedash_daily_cap_eur": Decimal(2)}
        health.check(SPENDING)
        cursor, lines, _ = look(health, cursor)
        told.append([line["reason"].split(" EUR")[0] for line in lines if "share" in line])
    assert told == [
        ["acme has reached 50 % of its monthly cap of 1.5", "acme has reached 50 % of its daily cap of 2"],
        [],
        ["acme has reached 50 % of its monthly cap of 2"],
        [],
    ]


def test_a_full_cap_is_a_red_check_beside_its_share(health: Health, receiver: AlertReceiver) -> None:
    health.settings["livedash_monthly_cap_eur"] = Decimal(1)
    health.settle(health.requests(1), failed=0, age="0 minutes", eur="1")
    health.check(SPENDING)
    _, lines, _ = look(health)
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("share reached", "error"),
        ("check is red", "error"),
    ]


def set_cost(health: Health, eur: str) -> None:
    """Of the one try, whose row never changes but here."""
    health.sql(
        "ALTER TABLE ai_request_attempts DISABLE TRIGGER USER; UPDATE ai_request_attempts SET total_cost_eur = " + eur
    )
    health.sql("ALTER TABLE ai_request_attempts ENABLE TRIGGER USER")


def test_a_check_that_could_not_run_stays_as_it_was_and_its_run_is_told_of(
    health: Health, receiver: AlertReceiver
) -> None:
    health.requests()
    wait_for(health, hours=3)
    health.check(RED)
    cursor, _, _ = look(health)
    health.sql("ALTER TABLE ai_processing_requests RENAME TO elsewhere")
    failed = health.run("health_checks")
    assert look(health, cursor)[1] == []
    (line,), _ = told(health)
    assert line["failed_run_id"] == failed.run_id
    assert (line["job"], line["next"]) == ("health_checks", "livedash doctor")
    assert [document["event"] for document in receiver.posted] == ["check_red", "run_failed"]


def test_a_webhook_that_fails_is_a_line_without_its_path_and_fails_no_sensor(
    health: Health, receiver: AlertReceiver, tmp_path: Path
) -> None:
    receiver.statuses = [404]
    health.requests()
    wait_for(health, hours=3)
    health.check(RED)
    cursor, (red, undelivered), _ = look(health)
    assert red["event"] == "check is red"
    assert (undelivered["event"], undelivered["log_level"]) == ("alert not delivered", "error")
    assert undelivered["webhook"] == receiver.url.removesuffix("/hook/secret-token")
    assert "secret-token" not in json.dumps([red, undelivered])
    assert look(health, cursor)[1] == []
    fail_import(health, tmp_path)
    lines, _ = told(health)
    assert [line["event"] for line in lines] == ["run failed", "alert not delivered"]


def test_without_a_webhook_there_is_the_line(health: Health) -> None:
    health.requests()
    wait_for(health, hours=3)
    health.check(RED)
    assert [line["event"] for line in look(health)[1]] == ["check is red"]


def test_alerts_hold_no_text_of_a_chat_and_no_key(health: Health, receiver: AlertReceiver) -> None:
    health.settings["openai_api_key"] = "test-key"
    health.settle(health.requests(2), failed=2)
    health.requests()
    wait_for(health, hours=3)
    health.imported(10, 10)
    health.sql("UPDATE companies SET import_failures = 3")
    health.sql("UPDATE ai_processing_requests SET raw_answer = 'an answer', error_message = 'words of the model'")
    health.sql("UPDATE session_processing_status SET status = 'IN_PROGRESS', completed_at = NULL")
    health.run("health_checks")
    lines = look(health)[1]
    told = {document["what"] for document in receiver.posted}
    assert told >= {RED, "few_requests_fail", "few_csv_rows_are_rejected", "no_stage_is_stuck"}
    everything = json.dumps([receiver.posted, lines], default=str)
    private = [content for (content,) in health.sql("SELECT DISTINCT content FROM messages")]
    assert (
        private and [text for text in [*private, "an answer", "words of the", "test-key"] if text in everything] == []
    )


@pytest.mark.parametrize(
    "cursor", [None, "", "lost", "[]", "7", '{"few_requests_fail": "purple"}', '{"a": 1}', '{"a": {}}']
)
def test_a_lost_or_malformed_cursor_is_harmless(cursor: str | None) -> None:
    assert read_levels(cursor) == {}


def test_every_job_has_a_remedy() -> None:
    defs = build_defs(Settings(), database_url=lambda: "never asked for", environ={})
    jobs = {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    assert jobs - JOB_REMEDIES.keys() == set()
