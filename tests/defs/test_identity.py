"""A run shows that it lives while it works, and one that was given up meanwhile fails and stays so."""

import threading
from collections.abc import Callable, Iterator

import dagster as dg
import pytest
from sqlalchemy import Engine

from livedash_pipeline.base.steps.beating import GivenUpError
from livedash_pipeline.base.steps.machine import this_process
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.run_heartbeats import RunHeartbeat, give_up, notice_runs, read_heartbeats
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.defs.running.identity import beating_run, identified_run
from livedash_pipeline.errors import LivedashError


@pytest.fixture
def postgres(database_url: str) -> Postgres:
    return Postgres(lambda: database_url)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _job(postgres: Postgres, body: Callable[[str], None]) -> dg.JobDefinition:
    @dg.op
    def work(context: dg.OpExecutionContext) -> None:
        with identified_run(context, postgres) as run_id:
            body(run_id)

    @dg.job
    def works() -> None:
        work()

    return works


def _seen(engine: Engine, run_id: str) -> RunHeartbeat:
    with engine.connect() as connection:
        return read_heartbeats(connection, [run_id])[run_id]


def _give_up(engine: Engine, run_id: str) -> None:
    with engine.begin() as connection:
        assert give_up(connection, read_heartbeats(connection, [run_id])[run_id], now=database_now(connection))


def _beats() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("beats-")]


def test_a_step_shows_that_its_run_lives_and_leaves_no_thread(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance
) -> None:
    within: list[RunHeartbeat] = []

    def body(run_id: str) -> None:
        within.append(_seen(engine, run_id))
        assert _beats() == [f"beats-{run_id}"]

    result = _job(postgres, body).execute_in_process(instance=instance)
    (seen,) = within
    assert (seen.job, seen.process, seen.signs.whole_run) == ("works", this_process(), False)
    assert seen.signs.ended_at is None
    assert _seen(engine, result.run_id).signs.ended_at is not None
    assert _beats() == []


def test_a_step_of_a_run_that_shows_it_as_a_whole_adds_nothing(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance
) -> None:
    def body(run_id: str) -> None:
        assert _beats() == [f"beats-{run_id}"]

    run_id = "5b0b0a5e-5d7e-4d52-8d3f-2f7d5f2d8c11"
    with beating_run(postgres, run_id, "works"):
        _job(postgres, body).execute_in_process(instance=instance, run_id=run_id)
        seen = _seen(engine, run_id)
        assert seen.signs.whole_run
        assert seen.signs.ended_at is None, "another step may follow"
    assert _seen(engine, run_id).signs.ended_at is not None


@pytest.mark.parametrize("whole", [True, False])
def test_a_run_that_was_given_up_meanwhile_does_not_succeed(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance, whole: bool
) -> None:
    run_id = "5b0b0a5e-5d7e-4d52-8d3f-2f7d5f2d8c12"
    job = _job(postgres, lambda run_id: _give_up(engine, run_id))
    if whole:
        with pytest.raises(GivenUpError), beating_run(postgres, run_id, "works"):
            result = job.execute_in_process(instance=instance, run_id=run_id, raise_on_error=False)
    else:
        result = job.execute_in_process(instance=instance, run_id=run_id, raise_on_error=False)
    assert not result.success
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE
    failure = result.failure_data_for_node("work")
    assert failure is not None
    assert failure.error is not None
    assert f"Run {run_id} was given up" in failure.error.to_string()


def test_a_step_of_a_run_that_was_given_up_before_it_began_does_nothing(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance
) -> None:
    run_id = "5b0b0a5e-5d7e-4d52-8d3f-2f7d5f2d8c13"
    with engine.begin() as connection:
        notice_runs(connection, {run_id: "works"}, now=database_now(connection))
    _give_up(engine, run_id)
    did: list[str] = []
    with pytest.raises(GivenUpError):
        _job(postgres, did.append).execute_in_process(instance=instance, run_id=run_id)
    assert did == []


def test_a_database_that_cannot_be_reached_is_one_sentence(instance: dg.DagsterInstance) -> None:
    gone = Postgres(lambda: "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(LivedashError, match="DATABASE_URL"):
        _job(gone, lambda _: pytest.fail("no step without it")).execute_in_process(instance=instance)
