"""Sensors, evaluated as the daemon does it: what they ask for, what they say when there is nothing to do, and when they fail."""

from __future__ import annotations

import re
import uuid
from typing import Any

import dagster as dg
import pytest

from livedash_pipeline.base.rules.endpoints import endpoint_of, key_fingerprint
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.defs.names import PARTITIONS, Names
from livedash_pipeline.defs.sensors.batches import MOST_RUNS, ingest_run_key
from livedash_pipeline.defs.sensors.companies import RUNS_PER_TICK
from livedash_pipeline.ledger.rules.admission.admission import hold_rule
from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.ledger.steps.results.take_webhook import take_webhook
from livedash_pipeline.ledger.store.admission import holds
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.services.openai.webhooks import WebhookEvent
from livedash_pipeline.settings import Settings
from tests.defs.world import SESSIONS, SLUG, World

SENSORS = {
    "company_partition_sensor": 60,
    "company_csv_sensor": 900,
    "pending_request_sensor": 600,
    "open_batch_sensor": 120,
    "webhook_sensor": 15,
}


def _active(world: World, job: str, partition: str | None = None) -> None:
    """A run that another process has begun."""
    tags = {"dagster/partition": partition} if partition else {}
    world.instance.create_run_for_job(
        world.defs.resolve_job_def(job), status=dg.DagsterRunStatus.STARTED, tags={**Names().run_tags, **tags}
    )


def _submitted(world: World) -> None:
    world.run("import_sessions", SLUG)
    world.run("submit_batches", ops={"submitted_batches": {"ignore_minimum": True}})


def _keys(tick: Any) -> list[str]:
    """The keys of requests, without the milliseconds behind the number of a turn."""
    return [re.sub(r"(?<=\d)-\d{13}$", "", request.run_key) for request in tick.run_requests]


def test_sensors_run_from_the_start_at_the_intervals_of_the_settings(world: World) -> None:
    for name, seconds in SENSORS.items():
        sensor = world.defs.resolve_sensor_def(name)
        assert sensor.minimum_interval_seconds == seconds, name
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING, name
        assert sensor.description
    for name in ("run_failure_sensor", "red_check_sensor"):
        assert world.defs.resolve_sensor_def(name).default_status is dg.DefaultSensorStatus.RUNNING, name
    world.change(livedash_import_interval=5, livedash_submit_interval=6, livedash_poll_interval=7)
    intervals = [world.defs.resolve_sensor_def(name).minimum_interval_seconds for name in SENSORS]
    assert intervals == [5, 5, 6, 7, 7]


def test_partitions_are_added_for_companies_and_never_removed(world: World) -> None:
    world.instance.add_dynamic_partitions(PARTITIONS, ["left-long-ago"])
    world.sql("UPDATE companies SET status = 'ARCHIVED'")
    world.instance.delete_dynamic_partition(PARTITIONS, SLUG)
    tick = world.tick("company_partition_sensor")
    assert tick.skip_message == "1 company, 1 new"
    (added,) = tick.dynamic_partitions_requests
    assert isinstance(added, dg.AddDynamicPartitionsRequest)
    assert (added.partitions_def_name, list(added.partition_keys)) == (PARTITIONS, [SLUG])
    world.instance.add_dynamic_partitions(PARTITIONS, [SLUG])
    again = world.tick("company_partition_sensor")
    assert (again.skip_message, list(again.dynamic_partitions_requests or [])) == ("1 company, 0 new", [])


def test_a_due_company_gets_a_run_with_its_partition(world: World) -> None:
    world.add_company("globex")
    tick = world.tick("company_csv_sensor", cursor="41")
    assert _keys(tick) == ["import:acme:42", "import:globex:42"]
    assert tick.cursor == "42"
    assert [(request.job_name, request.partition_key) for request in tick.run_requests] == [
        ("import_sessions", SLUG),
        ("import_sessions", "globex"),
    ]
    assert all(result.success for result in world.follow(tick.run_requests))
    assert world.tick("company_csv_sensor", cursor="42").skip_message == "0 companies are due"


def test_a_company_that_is_newer_than_its_partition_gets_both(world: World) -> None:
    world.instance.delete_dynamic_partition(PARTITIONS, SLUG)
    definitions = world.defs
    # Called and not evaluated: the daemon counts the partitions that a tick adds, an ephemeral instance does not.
    with dg.build_sensor_context(instance=world.instance, resources=dict(definitions.resources or {})) as context:
        result = definitions.resolve_sensor_def("company_csv_sensor")(context)
    assert isinstance(result, dg.SensorResult)
    assert [request.partition_key for request in result.run_requests or []] == [SLUG]
    (added,) = result.dynamic_partitions_requests or []
    assert isinstance(added, dg.AddDynamicPartitionsRequest)
    assert list(added.partition_keys) == [SLUG]


def test_each_request_has_a_key_of_its_own_though_the_last_run_failed(world: World) -> None:
    first = world.tick("company_csv_sensor", cursor="7")
    second = world.tick("company_csv_sensor", cursor=first.cursor)
    assert (_keys(first), _keys(second)) == (["import:acme:8"], ["import:acme:9"])


def test_a_cursor_that_is_put_back_to_used_numbers_loses_no_tick(world: World) -> None:
    """Dagster drops a request whose key a run of the sensor has had, and says nothing."""
    first = world.tick("company_csv_sensor", cursor="7")
    again = world.tick("company_csv_sensor", cursor="7")
    assert _keys(first) == _keys(again)
    assert {request.run_key for request in first.run_requests}.isdisjoint(r.run_key for r in again.run_requests)


def test_what_a_killed_process_left_is_freed_where_no_company_is_imported(world: World) -> None:
    _submitted(world)
    world.sql("UPDATE companies SET status = 'SUSPENDED'")
    world.sql("UPDATE import_runs SET status = 'RUNNING', finished_at = NULL")
    world.sql("UPDATE ai_processing_requests SET processing_status = 'PROCESSING_FAILED', completed_at = requested_at")
    world.sql(
        "UPDATE session_processing_status SET started_at = started_at - interval '2 days' WHERE stage = 'AI_ANALYSIS'"
    )
    assert world.tick("company_csv_sensor").skip_message == "0 companies are due"
    assert world.sql("SELECT status, error_code FROM import_runs") == [("FAILED", "interrupted")]
    assert world.sql("SELECT DISTINCT status FROM session_processing_status WHERE stage = 'AI_ANALYSIS'") == [
        ("PENDING",)
    ]


@pytest.mark.parametrize("sensor", ["company_csv_sensor", "open_batch_sensor"])
def test_a_lost_or_malformed_cursor_is_harmless(world: World, sensor: str) -> None:
    for cursor in (None, "", "lost", "-3", "1.5", "9" * 5000, "{}"):
        tick = world.tick(sensor, cursor=cursor)
        # A turn begins at the clock, later than any count.
        assert int(tick.cursor) > 1_700_000_000, cursor
        assert all(key.endswith(f":{tick.cursor}") for key in _keys(tick)), cursor


def test_more_due_companies_than_runs_are_imported_in_one_run(world: World) -> None:
    for number in range(RUNS_PER_TICK - 1):
        world.add_company(f"company-{number}")
    assert len(world.tick("company_csv_sensor").run_requests) == RUNS_PER_TICK
    world.add_company("one-more")
    tick = world.tick("company_csv_sensor", cursor="1")
    assert ([request.job_name for request in tick.run_requests], _keys(tick)) == (["import_companies"], ["import:2"])
    assert not tick.dynamic_partitions_requests, "the run adds them: a tick is kept with all that it asks for"
    _active(world, "import_companies")
    waiting = world.tick("company_csv_sensor", cursor="2")
    assert waiting.skip_message == "5 companies are due, and import_companies is running"


def test_a_company_whose_import_is_running_is_not_asked_for_again(world: World) -> None:
    world.add_company("globex")
    _active(world, "import_sessions", SLUG)
    assert _keys(world.tick("company_csv_sensor", cursor="1")) == ["import:globex:2"]
    _active(world, "import_sessions", "globex")
    tick = world.tick("company_csv_sensor", cursor="1")
    assert tick.skip_message == "2 companies are due, and their imports are running"


def test_pending_requests_wait_for_a_minimum_or_for_their_time(world: World) -> None:
    world.run("import_sessions", SLUG)
    tick = world.tick("pending_request_sensor")
    assert tick.skip_message == f"{SESSIONS} requests wait in 1 group, 0 due, 0 holds"
    world.change(livedash_min_batch=SESSIONS)
    assert _keys(world.tick("pending_request_sensor", cursor="3")) == ["submit:4"]
    world.change(livedash_min_batch=SESSIONS + 1, livedash_max_wait=60)
    assert not world.tick("pending_request_sensor").run_requests
    world.sql("UPDATE ai_processing_requests SET updated_at = updated_at - interval '2 minutes'")
    tick = world.tick("pending_request_sensor", cursor="4")
    assert (_keys(tick), tick.cursor) == (["submit:5"], "5")
    assert all(result.success for result in world.follow(tick.run_requests, "submit_batches"))
    assert world.sql("SELECT sum(request_count) FROM ai_batch_requests") == [(SESSIONS,)]


def test_a_running_submit_is_not_asked_for_again(world: World) -> None:
    world.run("import_sessions", SLUG)
    world.change(livedash_min_batch=1)
    _active(world, "submit_batches")
    tick = world.tick("pending_request_sensor")
    assert tick.skip_message == f"{SESSIONS} requests wait in 1 group, 1 due, 0 holds; submit_batches is running"


def test_what_is_on_hold_is_not_submitted(world: World) -> None:
    world.run("import_sessions", SLUG)
    world.change(livedash_min_batch=1)
    with world.engine.begin() as connection:
        holds.place_hold(
            connection,
            endpoint=endpoint_of(world.service.base_url),
            model="gpt-5-mini",
            rule=hold_rule(FailureKind.MODEL_NOT_FOUND),
            reason="model_not_found",
            message="No such model.",
            key_fingerprint=key_fingerprint("test-key"),
            now=database_now(connection),
        )
    tick = world.tick("pending_request_sensor")
    assert tick.skip_message == f"{SESSIONS} requests wait in 1 group, 0 due, 1 hold"


@pytest.mark.parametrize(
    ("sensor", "switch"),
    [
        ("pending_request_sensor", "BATCH_CREATION_ENABLED"),
        ("open_batch_sensor", "BATCH_POLLING_ENABLED"),
        ("webhook_sensor", "BATCH_POLLING_ENABLED"),
    ],
)
def test_a_switch_turns_a_sensor_off_and_says_so(world: World, sensor: str, switch: str) -> None:
    _submitted(world)
    world.change(**{switch.lower(): False}, openai_api_key=None)
    tick = world.tick(sensor, cursor="5")
    assert f"{switch} is false" in tick.skip_message
    assert not tick.run_requests


def test_a_finished_batch_is_reported_once_and_asked_to_be_taken_in(world: World) -> None:
    _submitted(world)
    tick = world.tick("open_batch_sensor", cursor="1")
    ((batch_id, openai_id),) = world.sql("SELECT id, openai_batch_id FROM ai_batch_requests")
    (observed,) = tick.asset_events
    assert observed.asset_key.to_user_string() == "openai_batches"
    metadata = {key: value.value for key, value in observed.metadata.items()}
    assert metadata == {
        "batch_id": str(batch_id),
        "openai_batch_id": openai_id,
        "company": SLUG,
        "model": "gpt-5-mini",
        "requests": SESSIONS,
        "before": "VALIDATING",
        "after": "COMPLETED",
        "openai_status": "completed",
    }
    (request,) = tick.run_requests
    assert request.run_key == ingest_run_key(SLUG, [batch_id], 0)
    assert request.partition_key == SLUG
    assert request.tags["livedash/company"] == SLUG and request.tags["livedash/batch_id"] == str(batch_id)

    again = world.tick("open_batch_sensor", cursor="1")
    assert list(again.asset_events or []) == [], "nothing has changed"
    assert _keys(again) == [ingest_run_key(SLUG, [batch_id], 1)], "asked once more, under another key"

    assert all(result.success for result in world.follow(again.run_requests, "ingest_results"))
    done = world.tick("open_batch_sensor", cursor="1")
    assert (done.skip_message, done.run_requests) == ("0 open, 0 finished, 0 changed", [])


def test_a_webhook_has_its_batch_polled_and_taken_in_at_once(world: World) -> None:
    _submitted(world)
    waiting = world.tick("webhook_sensor")
    assert waiting.skip_message.startswith("0 webhooks")
    assert world.sql("SELECT status FROM ai_batch_requests") == [("VALIDATING",)]
    ((openai_id,),) = world.sql("SELECT openai_batch_id FROM ai_batch_requests")
    assert take_webhook(world.engine, WebhookEvent("wh_1", "batch.completed", openai_id)) == {"ok": True}
    assert len(world.tick("webhook_sensor").run_requests) == 1
    assert world.sql("SELECT status, poll_hinted_at FROM ai_batch_requests") == [("COMPLETED", None)]
    assert world.tick("webhook_sensor").skip_message.startswith("0 webhooks")


def test_a_hint_that_no_poll_can_follow_up_does_not_last(world: World) -> None:
    _submitted(world)
    world.sql("UPDATE ai_batch_requests SET poll_hinted_at = clock_timestamp() - interval '3 minutes'")
    assert world.tick("webhook_sensor").skip_message.startswith("0 webhooks")


def test_a_paused_endpoint_is_said_by_the_tick(world: World) -> None:
    _submitted(world)
    world.sql(
        "INSERT INTO ai_endpoint_pauses (endpoint, paused_until, reason, updated_at)"
        " SELECT endpoint, clock_timestamp() + interval '1 minute', 'rate_limited', clock_timestamp()"
        " FROM ai_batch_requests"
    )
    assert "wants fewer calls until" in world.tick("open_batch_sensor").skip_message
    assert world.sql("SELECT status FROM ai_batch_requests") == [("VALIDATING",)]


def test_a_company_whose_results_are_being_taken_in_is_not_asked_for_again(world: World) -> None:
    _submitted(world)
    _active(world, "ingest_results", SLUG)
    tick = world.tick("open_batch_sensor")
    assert (tick.skip_message, tick.run_requests) == ("0 open, 1 finished, 1 changed", [])
    assert world.sql("SELECT ingest_asks FROM ai_batch_requests") == [(0,)]


def test_no_run_is_started_for_a_batch_that_waits_for_whole_files(world: World) -> None:
    _submitted(world)
    world.sql("UPDATE ai_batch_requests SET next_ingest_at = clock_timestamp() + interval '1 hour'")
    tick = world.tick("open_batch_sensor")
    assert tick.run_requests == []
    assert "1 batch waits for whole files; the next look is at " in tick.skip_message
    world.sql("UPDATE ai_batch_requests SET next_ingest_at = clock_timestamp()")
    assert [request.partition_key for request in world.tick("open_batch_sensor").run_requests] == [SLUG]


def test_each_company_with_finished_batches_gets_one_run(world: World) -> None:
    world.add_company("globex")
    _submitted(world)
    world.publish(SLUG, SESSIONS + 2)
    world.run("import_sessions", "globex")
    _submitted(world)
    assert world.sql("SELECT count(*) FROM ai_batch_requests") == [(3,)]
    tick = world.tick("open_batch_sensor")
    assert [request.partition_key for request in tick.run_requests] == [SLUG, "globex"]
    assert len(list(tick.asset_events)) == 3
    of_two, of_one = tick.run_requests
    assert "livedash/batch_id" not in of_two.tags and "livedash/batch_id" in of_one.tags


def test_a_tick_fails_if_nothing_can_be_asked(world: World) -> None:
    _submitted(world)
    world.change(openai_api_key="revoked")
    with pytest.raises(ServiceError, match="401"):
        world.tick("open_batch_sensor")
    assert world.sql("SELECT status FROM ai_batch_requests") == [("VALIDATING",)]


def test_ingest_keys_are_short_and_depend_on_batches_and_ask() -> None:
    one, two = uuid.UUID(int=1), uuid.UUID(int=2)
    assert ingest_run_key("acme", [one, two], 0) == ingest_run_key("acme", [two, one], 0)
    keys = {
        ingest_run_key("acme", [one], 0),
        ingest_run_key("acme", [one], 1),
        ingest_run_key("acme", [one, two], 0),
        ingest_run_key("globex", [one], 0),
    }
    assert len(keys) == 4
    many = ingest_run_key("acme", [uuid.UUID(int=number) for number in range(1000)], 0)
    assert many.startswith("ingest:acme:") and len(many) < 40


def test_the_intervals_are_those_of_the_documentation() -> None:
    settings = Settings()
    intervals = (settings.livedash_import_interval, settings.livedash_submit_interval, settings.livedash_poll_interval)
    assert intervals == (15 * 60, 10 * 60, 2 * 60)


@pytest.mark.parametrize(
    "sensor", ["company_csv_sensor", "submission_sensor", "open_batch_sensor", "chat_batch_sensor"]
)
def test_a_sensor_asks_dagster_as_often_for_many_companies_as_for_one(
    world: World, sensor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    storage = world.instance.run_storage
    ask = storage.get_run_records

    def counted(*arguments: Any, **options: Any) -> Any:
        asked.append(arguments)
        return ask(*arguments, **options)

    monkeypatch.setattr(storage, "get_run_records", counted)
    numbers = []
    for more in (1, 3):
        for number in range(more):
            _something_to_do(world, f"company-{more}-{number}")
        asked.clear()
        assert world.tick(sensor).run_requests
        numbers.append(len(asked))
    assert numbers[0] == numbers[1] > 0


def _something_to_do(world: World, slug: str) -> None:
    """A company whose CSV is due, with a submitted session, a finished batch and a chat batch."""
    world.add_company(slug)
    values = {"slug": slug, "endpoint": endpoint_of(world.service.base_url)}
    world.sql(
        "INSERT INTO session_imports (company_id, external_session_id, source, start_time_raw, end_time_raw, start_time,"
        " end_time, content_hash, created_at, updated_at)"
        " SELECT id, 'a', 'api', '', '', created_at, created_at, 'x', created_at, created_at FROM companies"
        " WHERE slug = :slug",
        **values,
    )
    world.sql(
        "INSERT INTO session_processing_status (import_id, stage, status)"
        " SELECT i.id, stage.name, stage.status FROM session_imports AS i JOIN companies AS c ON c.id = i.company_id,"
        " (VALUES ('TRANSCRIPT_FETCH', 'SKIPPED'), ('SESSION_CREATION', 'PENDING')) AS stage (name, status)"
        " WHERE c.slug = :slug",
        **values,
    )
    world.sql(
        "INSERT INTO ai_batch_requests (company_id, model, status, openai_status, endpoint, key_fingerprint,"
        " openai_batch_id, request_count, body_bytes, token_estimate, created_at, create_started_at, submitted_at,"
        " status_changed_at)"
        " SELECT id, 'gpt-5-mini', 'COMPLETED', 'completed', :endpoint, 'x', 'batch_' || slug, 1, 1, 1, created_at,"
        " created_at, created_at, created_at FROM companies WHERE slug = :slug",
        **values,
    )
    world.sql(
        "INSERT INTO chat_batches (company_id, name, status, ai_provider, configuration, configuration_hash, total_items,"
        " pending_items, uploader, created_at, updated_at)"
        " SELECT id, slug, 'PROCESSING', 'openai', '{}', 'x', 1, 1, 'test', created_at, created_at FROM companies"
        " WHERE slug = :slug",
        **values,
    )
    world.sql(
        "INSERT INTO chats (batch_id, item_index, source_line) SELECT id, 0, 1 FROM chat_batches WHERE name = :slug",
        **values,
    )


def test_no_more_runs_that_ingest_wait_than_a_submit_can_wait_for(world: World) -> None:
    for number in range(MOST_RUNS + 2):
        world.sql(
            "INSERT INTO companies (slug, name, csv_url, created_at, updated_at)"
            " VALUES (:slug, :slug, '', clock_timestamp(), clock_timestamp())",
            slug=f"company-{number}",
        )
    world.sql(
        "INSERT INTO ai_batch_requests (company_id, model, status, openai_status, endpoint, key_fingerprint,"
        " openai_batch_id, request_count, body_bytes, token_estimate, created_at, create_started_at, submitted_at,"
        " status_changed_at)"
        " SELECT id, 'gpt-5-mini', 'COMPLETED', 'completed', :endpoint, 'x', 'batch_' || slug, 1, 1, 1, created_at,"
        " created_at, created_at, created_at FROM companies",
        endpoint=endpoint_of(world.service.base_url),
    )
    world.instance.add_dynamic_partitions(PARTITIONS, [f"company-{number}" for number in range(MOST_RUNS + 2)])
    _active(world, "ingest_results", "company-0")
    first = world.tick("open_batch_sensor", cursor="0")
    asked = [request.partition_key for request in first.run_requests]
    assert len(asked) == MOST_RUNS - 1
    assert "company-0" not in asked
    assert world.sql("SELECT sum(ingest_asks) FROM ai_batch_requests") == [(MOST_RUNS - 1,)]
    second = world.tick("open_batch_sensor", cursor="1")
    assert {request.partition_key for request in second.run_requests} - set(asked), "the others have their turn"


def test_runs_of_others_with_the_names_of_our_jobs_are_left_alone(world: World) -> None:
    theirs = dg.GraphDefinition(name="theirs", node_defs=[_their_op]).to_job(name="import_sessions")
    run = world.instance.create_run_for_job(
        theirs, status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": SLUG}
    )
    later = run.run_id
    assert [request.partition_key for request in world.tick("company_csv_sensor").run_requests] == [SLUG]
    assert world.sql("SELECT run_id FROM run_heartbeats WHERE run_id = :run", run=later) == []


@dg.op
def _their_op() -> None:
    """An op of somebody else's."""
