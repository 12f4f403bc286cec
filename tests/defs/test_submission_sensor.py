"""Submitted sessions are taken on by the sensor and its job, and go through the flow to their results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from livedash_pipeline.base.store.companies import add_company, get_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.defs.jobs.asset_jobs import take_submissions
from livedash_pipeline.defs.names import PARTITIONS, Names
from livedash_pipeline.defs.sensors.submissions import RUNS_PER_TICK
from livedash_pipeline.submissions.steps.feed import list_results
from livedash_pipeline.submissions.steps.submitted_session import describe_submitted
from tests.defs.world import SLUG, World, made_world
from tests.support.submitted import outcomes, submission, submit

SENSOR = "submission_sensor"


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A world in which acme has no CSV any more."""
    with made_world(database_url, tmp_path) as world:
        world.sql("UPDATE companies SET csv_url = '', next_import_at = NULL")
        yield world


def _submit(world: World, *names: str, slug: str = SLUG, texts: tuple[str, ...] = ("hello", "hi")) -> list[str]:
    with world.engine.connect() as connection:
        company = get_company(connection, slug)
    return outcomes(submit(world.engine, company, *(submission(name, texts) for name in names)))


def _active(world: World, job: str, partition: str) -> None:
    world.instance.create_run_for_job(
        world.defs.resolve_job_def(job),
        status=dg.DagsterRunStatus.STARTED,
        tags={"dagster/partition": partition, **Names().run_tags},
    )


def test_the_sensor_runs_from_the_start_and_looks_often_enough(world: World) -> None:
    sensor = world.defs.resolve_sensor_def(SENSOR)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 30
    world.change(livedash_import_interval=5)
    assert world.defs.resolve_sensor_def(SENSOR).minimum_interval_seconds == 5


def test_without_submissions_nothing_is_run(world: World) -> None:
    assert world.tick(SENSOR).skip_message == "0 submitted sessions wait"


def test_submitted_sessions_are_taken_on_by_a_run_of_their_company(world: World) -> None:
    _submit(world, "a", "b")
    tick = world.tick(SENSOR, cursor="41")
    (request,) = tick.run_requests
    assert request.run_key.startswith("take:acme:42-")
    assert request.partition_key == SLUG
    assert list(tick.dynamic_partitions_requests[0].partition_keys) == [SLUG]
    (run,) = world.follow([request], take_submissions.name)
    assert run.success
    assert world.answer("summary")["summary"]["pending_batching"] == 2
    assert world.tick(SENSOR, cursor="42").skip_message == "0 submitted sessions wait"


def test_a_company_has_no_two_runs_at_a_time(world: World) -> None:
    _submit(world, "a", "b")
    for job in ("take_submissions", "import_sessions"):
        _active(world, job, SLUG)
        tick = world.tick(SENSOR)
        assert tick.skip_message == "2 submitted sessions of 1 company wait, and their runs are under way"
        (run,) = world.instance.get_runs()
        world.instance.delete_run(run.run_id)
    assert world.tick(SENSOR).run_requests


def test_of_many_companies_some_get_a_run_and_the_next_tick_others(world: World) -> None:
    slugs = [f"company-{n}" for n in range(RUNS_PER_TICK + 2)]
    with world.engine.begin() as connection:
        for slug in slugs:
            add_company(connection, slug, CompanyChanges(no_csv=True), now=database_now(connection))
    world.instance.add_dynamic_partitions(PARTITIONS, slugs)
    for slug in slugs:
        _submit(world, "a", slug=slug)
    chosen = [
        {request.partition_key for request in world.tick(SENSOR, cursor=str(turn)).run_requests} for turn in range(3)
    ]
    assert [len(each) for each in chosen] == [RUNS_PER_TICK] * 3
    assert set.union(*chosen) == set(slugs)


def test_a_submitted_session_goes_through_the_flow_to_the_feed(world: World) -> None:
    """Twice: what changes after its analysis is analysed again, and comes again."""
    world.instance.add_dynamic_partitions(PARTITIONS, [SLUG])
    with world.engine.connect() as connection:
        company = get_company(connection, SLUG)
    cursor = None
    for texts in (("How many days of leave do I have?", "12."), ("I am ill.", "Get well soon.")):
        _submit(world, "a", texts=texts)
        world.follow(world.tick(SENSOR).run_requests, take_submissions.name)
        world.run("submit_batches", ops={"submitted_batches": {"ignore_minimum": True}})
        for _ in range(6):
            if not world.answer("poll_batches")["open"]:
                break
        world.run("ingest_results", SLUG)
        # A little later, since the feed holds the last seconds back.
        world.sql("UPDATE sessions SET analysed_at = analysed_at - interval '6 seconds'")
        page = list_results(world.engine, company.id, cursor=cursor)
        (result,) = page["results"]
        assert result["externalId"] == "a"
        assert result["summary"]
        cursor = page["nextCursor"]
    found = describe_submitted(world.engine, company, "a")
    assert found is not None
    assert (found["session"]["stage"], found["session"]["status"]) == ("question_extraction", "completed")
    assert found["session"]["result"]["current"]
    assert found["session"]["result"]["summary"] == result["summary"]
    assert world.tick(SENSOR).skip_message == "0 submitted sessions wait"
    assert world.sql("SELECT count(*) FROM ai_request_attempts")[0][0] == 2


def test_a_company_without_a_csv_is_not_imported_but_its_submissions_are_taken_on(world: World) -> None:
    """So that who drives the flow from a shell, by `livedash import`, needs nothing else."""
    assert world.tick("company_csv_sensor").skip_message == "0 companies are due"
    for name, job, config in (("a", "import_sessions", None), ("b", "import_companies", {"all_companies": True})):
        _submit(world, name)
        run = world.run(job, None if config else SLUG, ops={job: config} if config else None)
        assert run.success
        assert world.tick(SENSOR).skip_message == "0 submitted sessions wait"
    assert world.answer("summary")["summary"]["pending_batching"] == 2
    assert world.sql("SELECT count(*) FROM import_runs")[0][0] == 0
