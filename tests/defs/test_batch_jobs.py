"""Cancelling and reconciling through Dagster: the jobs, their documents, and the nightly schedule."""

from __future__ import annotations

import uuid

import dagster as dg
import pytest

from livedash_pipeline.services.errors import ServiceError
from tests.defs.world import SESSIONS, SLUG, World

RECONCILED = {
    "ok": True,
    "adopted": 0,
    "surplusCancelled": 0,
    "strangers": 0,
    "filesRemoved": 0,
    "vanished": 0,
    "unclear": 0,
}


@pytest.fixture
def submitted(world: World) -> World:
    """A world with one batch at the service, which ends with the next look."""
    world.run("import_sessions", SLUG)
    world.run("submit_batches", ops={"submitted_batches": {"ignore_minimum": True}})
    return world


def make_unbought(world: World) -> str:
    """As if the submitter of the batch had not begun to create it; returns our id."""
    (found,) = world.sql(
        """UPDATE ai_batch_requests SET status = 'UPLOADING', openai_batch_id = NULL, openai_status = NULL,
        submitted_at = NULL, create_started_at = NULL, lease_until = clock_timestamp() + interval '15 minutes'
        RETURNING id::text"""
    )
    return str(found.id)


@pytest.mark.parametrize(("unfinished", "becomes"), [("pending", "pending_batching"), ("failed", "processing_failed")])
def test_cancel_batches_ends_what_nothing_was_bought_for_and_applies_the_choice(
    submitted: World, unfinished: str, becomes: str
) -> None:
    named = make_unbought(submitted)
    document = submitted.answer("cancel_batches", batch_ids=[named, named, str(uuid.uuid4())], unfinished=unfinished)
    assert document == {"ok": True, "cancelRequestedCount": 1, "alreadyEndedCount": 0, "notFoundCount": 1}
    (row,) = submitted.sql("SELECT status, cancel_unfinished, processed_at FROM ai_batch_requests")
    assert (row.status, row.cancel_unfinished) == ("CANCELLED", unfinished)
    assert row.processed_at is not None
    assert submitted.answer("summary")["summary"][becomes] == SESSIONS
    again = submitted.answer("cancel_batches", batch_ids=[named])
    assert again == {"ok": True, "cancelRequestedCount": 0, "alreadyEndedCount": 1, "notFoundCount": 0}


def test_cancel_batches_tells_the_service_and_polling_sees_the_end(submitted: World) -> None:
    (row,) = submitted.sql("SELECT openai_batch_id FROM ai_batch_requests")
    document = submitted.answer("cancel_batches", batch_ids=[row.openai_batch_id])
    assert document["cancelRequestedCount"] == 1
    for _ in range(6):
        if not submitted.answer("poll_batches")["open"]:
            break
    submitted.run("ingest_results", SLUG)
    (row,) = submitted.sql("SELECT status, processed_at FROM ai_batch_requests")
    assert row.status in ("CANCELLED", "PROCESSED"), "it may have finished before"
    assert row.processed_at is not None
    assert submitted.answer("summary")["summary"]["batching_in_progress"] == 0


@pytest.mark.parametrize("job", ["cancel_batches", "reconcile_batches"])
def test_without_configuration_they_answer_as_output_metadata_and_log_line(world: World, job: str) -> None:
    result = world.run(job)
    document = result.output_for_node(job)
    assert document["ok"] is True
    (output,) = [event.step_output_data for event in result.all_node_events if event.is_successful_output]
    assert output.metadata["report"].value == document
    assert any(entry.user_message.startswith("answer ") for entry in world.instance.all_logs(result.run_id))


def test_a_choice_that_is_none_is_refused_before_the_run(world: World) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match="unfinished"):
        world.run("cancel_batches", ops={"cancel_batches": {"batch_ids": [], "unfinished": "forgotten"}})
    assert world.instance.get_runs() == []


def test_reconcile_batches_believes_in_vanished_batches_only_if_told_to(submitted: World) -> None:
    submitted.sql("UPDATE ai_batch_requests SET openai_batch_id = 'batch_gone', create_nonce = 'of-another-create'")
    cautious = submitted.answer("reconcile_batches")
    assert cautious == RECONCILED | {"unclear": 1}, (
        "nothing is surplus as long as the batch that the row tracks is not seen"
    )
    assert submitted.answer("reconcile_batches", accept_vanished=True) == RECONCILED | {"vanished": 1, "unclear": 1}
    submitted.run("ingest_results", SLUG)
    rows = submitted.sql("SELECT DISTINCT error_code FROM ai_processing_requests")
    assert [row.error_code for row in rows] == ["artifact_unavailable"]
    assert submitted.answer("reconcile_batches", accept_vanished=True) == RECONCILED | {"surplusCancelled": 1}


def test_reconcile_batches_says_what_a_person_has_to_know(submitted: World) -> None:
    submitted.sql(
        """UPDATE ai_batch_requests SET status = 'UPLOADING', openai_batch_id = NULL, input_file_id = 'file-unseen',
        create_nonce = 'unseen',
        create_started_at = now() - interval '1 hour', lease_until = now() - interval '1 hour'"""
    )
    result = submitted.run("reconcile_batches")
    document = result.output_for_node("reconcile_batches")
    assert document["ok"] is False
    assert "file-unseen" in document["error"]["message"]
    logged = [entry for entry in submitted.instance.all_logs(result.run_id) if "file-unseen" in entry.user_message]
    assert logged


def test_a_service_that_is_not_there_fails_the_run_and_changes_nothing(submitted: World) -> None:
    before = submitted.sql("SELECT * FROM ai_batch_requests")
    submitted.change(openai_base_url="http://127.0.0.1:9/v1")
    with pytest.raises(ServiceError):
        submitted.run("reconcile_batches")
    assert submitted.sql("SELECT * FROM ai_batch_requests") == before


def test_reconciling_is_scheduled_every_night_from_the_start(world: World) -> None:
    (schedule,) = [found for found in world.defs.schedules or [] if found.name == "nightly_reconcile_schedule"]
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert schedule.job_name == "reconcile_batches"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("17 3 * * *", "UTC")
    with dg.build_schedule_context(instance=world.instance) as context:
        tick = world.defs.resolve_schedule_def("nightly_reconcile_schedule").evaluate_tick(context)
    assert len(tick.run_requests or []) == 1
