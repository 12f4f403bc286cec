"""Chat batches in Dagster: made, worked on slice by slice by the sensor, cancelled, and told as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from livedash_pipeline.defs.names import TAG_CHAT_BATCH, Names
from livedash_pipeline.defs.sensors.chats import RUNS_PER_TICK
from livedash_pipeline.errors import LivedashError
from tests.defs.world import SLUG, World, made_world

SENSOR = "chat_batch_sensor"
JOB = "process_chat_batch"


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A world with a company."""
    with made_world(database_url, tmp_path) as world:
        yield world


@pytest.fixture
def questions(tmp_path: Path) -> str:
    """A file of three questions."""
    path = tmp_path / "questions.csv"
    path.write_text("question\nWho are you?\nWhat is 2 + 3?\n?\n", encoding="utf-8")
    return str(path)


def _make(world: World, questions: str, **fields: object) -> str:
    document = world.answer("create_chat_batch", path=questions, company=SLUG, **fields)
    return str(document["batchId"])


def _numbers(world: World, asset: str) -> dict[str, object]:
    event = world.instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None
    found = event.asset_materialization
    assert found is not None
    assert found.partition == SLUG
    return {name: value.value for name, value in found.metadata.items()}


def test_a_batch_goes_from_its_file_to_its_answers(world: World, questions: str) -> None:
    batch_id = _make(world, questions, name="Three")
    assert world.tick(SENSOR).skip_message == "0 chat batches have something to do"
    assert _numbers(world, "chat_batches") == {
        "dagster/partition_row_count": 1,
        "open_batches": 1,
        "total_items": 3,
        "pending_items": 3,
        "processing_items": 0,
    }
    document = world.answer(JOB, batch_id=batch_id, duration_seconds=30)
    assert (document["processed"], document["skipped"], document["stopReason"]) == (2, 1, "finished")
    numbers = _numbers(world, "chat_results")
    assert numbers["dagster/partition_row_count"] == 3
    assert (numbers["processed_items"], numbers["skipped_items"], numbers["failed_items"]) == (2, 1, 0)
    assert isinstance(numbers["cost_eur"], float)
    assert _numbers(world, "spend")["cost_eur"] == numbers["cost_eur"] > 0
    assert world.run("health_checks").success


def test_the_assets_can_be_made_anew(world: World, questions: str) -> None:
    batch_id = _make(world, questions)
    world.answer(JOB, batch_id=batch_id, duration_seconds=30)
    told = {asset: _numbers(world, asset) for asset in ("chat_batches", "chat_results")}
    job = world.defs.resolve_implicit_global_asset_job_def()
    both = [dg.AssetKey(asset) for asset in told]
    assert job.execute_in_process(instance=world.instance, partition_key=SLUG, asset_selection=both).success
    assert {asset: _numbers(world, asset) for asset in told} == told


def test_the_sensor_goes_on_with_what_was_started(world: World, questions: str) -> None:
    batch_id = _make(world, questions)
    world.sql("UPDATE chat_batches SET status = 'PROCESSING', started_at = now()")
    tick = world.tick(SENSOR, cursor="41")
    (request,) = tick.run_requests
    assert (request.run_key.rpartition("-")[0], request.tags[TAG_CHAT_BATCH]) == (f"chats:{batch_id}:42", batch_id)
    assert request.run_config["ops"][JOB]["config"]["batch_id"] == batch_id
    world.instance.create_run_for_job(
        world.defs.resolve_job_def(JOB),
        status=dg.DagsterRunStatus.STARTED,
        tags={TAG_CHAT_BATCH: batch_id, **Names().run_tags},
        run_config=request.run_config,
    )
    assert "under way" in world.tick(SENSOR).skip_message
    world.change(batch_creation_enabled=False)
    assert "BATCH_CREATION_ENABLED" in world.tick(SENSOR).skip_message


def test_the_sensor_takes_turns_between_many_batches(world: World, questions: str) -> None:
    for _ in range(RUNS_PER_TICK + 2):
        _make(world, questions)
    world.sql("UPDATE chat_batches SET status = 'PROCESSING', started_at = now()")
    seen: set[str] = set()
    cursor = "1"
    for _ in range(3):
        tick = world.tick(SENSOR, cursor=cursor)
        assert len(tick.run_requests) == RUNS_PER_TICK
        seen |= {request.tags[TAG_CHAT_BATCH] for request in tick.run_requests}
        cursor = tick.cursor
    assert len(seen) == RUNS_PER_TICK + 2


def test_a_batch_is_cancelled(world: World, questions: str) -> None:
    batch_id = _make(world, questions)
    document = world.answer("cancel_chat_batch", batch_id=batch_id)
    assert (document["cancelRequested"], document["status"]) == (True, "cancelled")


def test_what_cannot_be_is_said(world: World, tmp_path: Path) -> None:
    with pytest.raises(LivedashError, match="cannot be read"):
        _make(world, str(tmp_path / "missing.csv"))
    with pytest.raises(LivedashError, match="no chat batch"):
        world.answer(JOB, batch_id="nothing")
    with pytest.raises(LivedashError, match="No chat batch is named"):
        world.answer(JOB)
    with pytest.raises(LivedashError, match="names no file"):
        world.answer("create_chat_batch")
