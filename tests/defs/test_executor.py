"""Our executor: a run shows that it lives from its beginning on, and waits for a pool asleep until a signal comes."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.steps.beating import GivenUpError
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.run_heartbeats import give_up, read_heartbeats
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.defs.running.executor import LivingExecutor
from livedash_pipeline.defs.running.slots import wait_for_slot
from tests.defs.waiting import POOL, RUN, job

ROOT = Path(__file__).parent.parent.parent
_POOLS = {"concurrency": {"pools": {"granularity": "op", "default_limit": 1}}}


@pytest.fixture
def postgres(database_url: str) -> Postgres:
    return Postgres(lambda: database_url)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=_POOLS) as instance:
        yield instance


@contextmanager
def _waiting(tmp_path: Path, database_url: str, how: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.defs.waiting", str(tmp_path), database_url, how]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        with process:
            yield process
    finally:
        process.kill()


def _until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None, "it ended before"
        time.sleep(0.05)


def _queue(instance: dg.DagsterInstance) -> list[str]:
    info = instance.event_log_storage.get_concurrency_info(POOL)
    return [step.run_id for step in info.pending_steps if step.assigned_timestamp is None]


def _sleeps(process: subprocess.Popen[str]) -> bool:
    """All its threads wait for something: a loop without a pause never does."""
    return psutil.Process(process.pid).status() == psutil.STATUS_SLEEPING


@pytest.mark.parametrize("how", ["executor", "command"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_wait_for_a_pool_ends_at_a_signal_and_leaves_nothing_in_the_queue(
    tmp_path: Path, database_url: str, instance: dg.DagsterInstance, engine: Engine, how: str, number: signal.Signals
) -> None:
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(POOL)
    assert storage.claim_concurrency_slot(POOL, "holder", "work").is_claimed
    with _waiting(tmp_path, database_url, how) as process:
        _until(lambda: _queue(instance) and _sleeps(process), process)
        with engine.connect() as connection:
            (row,) = connection.execute(text("SELECT run_id, whole_run, ended_at FROM run_heartbeats"))
        assert (row.whole_run, row.ended_at) == (True, None), "it lives while it waits"
        process.send_signal(number)
        assert process.stdout is not None
        said = process.stdout.read()
    assert "works" not in said
    assert _queue(instance) == []
    if how == "executor":
        (run,) = instance.get_runs()
        assert run.run_id == row.run_id
        assert run.status is dg.DagsterRunStatus.FAILURE
    else:
        assert row.run_id == RUN
        assert process.returncode != 0


@pytest.mark.parametrize("how", ["executor", "command"])
def test_a_run_works_once_it_has_its_place_and_gives_it_back(
    tmp_path: Path, database_url: str, instance: dg.DagsterInstance, how: str
) -> None:
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(POOL)
    assert storage.claim_concurrency_slot(POOL, "holder", "work").is_claimed
    with _waiting(tmp_path, database_url, how) as process:
        _until(lambda: _queue(instance), process)
        storage.free_concurrency_slots_for_run("holder")
        assert process.stdout is not None
        said = process.stdout.read()
    assert process.returncode == 0
    assert "works\n" in said
    assert storage.get_concurrency_info(POOL).claimed_slots == []


def test_a_wait_looks_for_dead_runs_now_and_then_and_gives_its_place_in_the_queue_back(
    instance: dg.DagsterInstance,
) -> None:
    storage = instance.event_log_storage
    slept: list[float] = []

    def look() -> None:
        raise LookupError

    def wait() -> None:
        wait_for_slot(instance, POOL, "waits", "step", look=look, sleep=slept.append)

    assert storage.get_pool_limits() == []
    wait_for_slot(instance, POOL, "holder", "step", look=look, sleep=slept.append)
    assert [slot.run_id for slot in storage.get_concurrency_info(POOL).claimed_slots] == ["holder"]
    with pytest.raises(LookupError):
        wait()
    assert sum(slept) == 10
    assert _queue(instance) == []


@pytest.mark.parametrize("settings", [{}, {"concurrency": {"pools": {"granularity": "run", "default_limit": 1}}}])
def test_no_run_waits_for_a_pool_without_a_limit_or_one_of_whole_runs(settings: dict[str, object]) -> None:
    with dg.DagsterInstance.ephemeral(settings=settings) as instance:
        for run in ("one", "other"):
            wait_for_slot(instance, POOL, run, "step", look=lambda: None, sleep=lambda _: pytest.fail("it waits"))


class _Plan:
    """What our executor is given of a run."""

    def __init__(self, instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
        self.instance, self.dagster_run = instance, run


def test_a_run_that_was_given_up_meanwhile_fails_although_its_steps_ended_well(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance
) -> None:
    class Inner(dg.Executor):
        @property
        def retries(self) -> Any:
            return None

        def execute(self, plan_context: object, execution_plan: object) -> Iterator[dg.DagsterEvent]:
            with engine.begin() as connection:
                seen = read_heartbeats(connection, [run.run_id])[run.run_id]
                assert give_up(connection, seen, now=database_now(connection))
            yield from ()

    class Nothing:
        def get_executable_step_deps(self) -> dict[str, set[str]]:
            return {}

    run = instance.create_run_for_job(job())
    executor = LivingExecutor(Inner(), postgres)
    with pytest.raises(GivenUpError):
        list(executor.execute(_Plan(instance, run), Nothing()))
