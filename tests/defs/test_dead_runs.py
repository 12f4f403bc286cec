"""Runs that live no more are reported and lose their pool slots, whichever machine they ran on; all others are left alone.

Machines are told apart by what `this_machine` says, so that another host is a row with another machine; time is the test's.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import psutil
import pytest
from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.runs.liveness import SILENT_SECONDS, UNSEEN_SECONDS
from livedash_pipeline.base.steps.machine import this_process
from livedash_pipeline.base.store import run_heartbeats
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.run_heartbeats import RunProcess, read_heartbeats, register_process
from livedash_pipeline.defs.names import POOL_OPENAI, TAG_COMPANY, Names
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.defs.running.dead_runs import Clock, report_dead_runs
from livedash_pipeline.defs.sensors.ticks import is_active


@dg.op
def _nothing() -> None:
    pass


@dg.job
def _job() -> None:
    _nothing()


START_SECONDS = 200
_SETTINGS = {
    "concurrency": {"pools": {"granularity": "op", "default_limit": 1}},
    "run_monitoring": {"enabled": True, "start_timeout_seconds": START_SECONDS},
}
# After the start of the server, from which silence counts at the earliest.
NOW = datetime(2126, 3, 1, 12, tzinfo=UTC)
ELSEWHERE = RunProcess("a-host", "another boot/4026531836", 1, 0.5)


@pytest.fixture
def postgres(database_url: str) -> Postgres:
    return Postgres(lambda: database_url)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(settings=_SETTINGS) as instance:
        instance.event_log_storage.initialize_concurrency_limit_to_default(POOL_OPENAI)
        yield instance


@contextmanager
def _child(script: str = "input()", *arguments: str) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", script, *arguments]
    child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def _process_of(pid: int) -> RunProcess:
    started = psutil.Process(pid).create_time() - psutil.boot_time()
    return replace(this_process(), pid=pid, started=round(started, 2))


def _at(seconds: float) -> Clock:
    return lambda _: NOW + timedelta(seconds=seconds)


def _after_now(seconds: float) -> Clock:
    """For what Dagster has dated: its clock is the machine's."""

    def clock(connection: Connection) -> datetime:
        return database_now(connection) + timedelta(seconds=seconds)

    return clock


def _run(
    instance: dg.DagsterInstance,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
    tags: Mapping[str, str] | None = None,
) -> str:
    run_id = str(uuid.uuid4())
    instance.create_run_for_job(_job, run_id=run_id, status=status, tags=dict(tags or {}))
    return run_id


def _register(engine: Engine, run_id: str, process: RunProcess = ELSEWHERE, *, whole_run: bool = True) -> None:
    with engine.begin() as connection:
        assert register_process(connection, run_id, _job.name, process, whole_run=whole_run, now=NOW)


def _take_slot(instance: dg.DagsterInstance, run_id: str) -> bool:
    return bool(instance.event_log_storage.claim_concurrency_slot(POOL_OPENAI, run_id, "step").is_claimed)


def _status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_run_whose_process_was_killed_is_reported_at_once_and_its_slot_freed(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance
) -> None:
    run_id, another = _run(instance), _run(instance)
    with _child() as child:
        _register(engine, run_id, _process_of(child.pid))
        assert _take_slot(instance, run_id)
        assert report_dead_runs(instance, postgres, now=_at(0)) == []
        assert _status(instance, run_id) is dg.DagsterRunStatus.STARTED
        assert not _take_slot(instance, another)
        child.send_signal(signal.SIGKILL)
        # Not waited for yet: a zombie is gone as well.
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        assert report_dead_runs(instance, postgres, now=_at(0)) == [run_id]
    assert _status(instance, run_id) is dg.DagsterRunStatus.FAILURE
    assert _take_slot(instance, another)
    assert any("process is gone" in entry.message for entry in instance.all_logs(run_id))
    assert report_dead_runs(instance, postgres, now=_at(0)) == [], "once is enough"


def test_a_silent_run_of_another_machine_is_reported_whatever_its_host_is_called(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance
) -> None:
    silent, beats = _run(instance), _run(instance)
    # The same host's name, and a process id that nobody has here.
    elsewhere = replace(ELSEWHERE, host=this_process().host, pid=2**22 + 1)
    for run_id in (silent, beats):
        _register(engine, run_id, elsewhere)
    assert _take_slot(instance, silent)
    assert report_dead_runs(instance, postgres, now=_at(SILENT_SECONDS)) == []
    with engine.begin() as connection:
        assert run_heartbeats.beat(connection, beats, now=NOW + timedelta(seconds=15))
    assert report_dead_runs(instance, postgres, now=_at(SILENT_SECONDS + 1)) == [silent]
    assert _status(instance, silent) is dg.DagsterRunStatus.FAILURE
    assert _status(instance, beats) is dg.DagsterRunStatus.STARTED
    assert _take_slot(instance, beats)
    assert any("no sign of life for 90 seconds" in entry.message for entry in instance.all_logs(silent))


def test_a_run_that_was_marked_and_not_reported_is_reported_by_whoever_looks_next(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance
) -> None:
    run_id = _run(instance)
    _register(engine, run_id)
    assert _take_slot(instance, run_id)
    with engine.begin() as connection:
        assert run_heartbeats.give_up(connection, read_heartbeats(connection, [run_id])[run_id], now=NOW)
    assert report_dead_runs(instance, postgres, now=_at(1)) == [run_id]
    assert _status(instance, run_id) is dg.DagsterRunStatus.FAILURE
    assert instance.event_log_storage.get_concurrency_info(POOL_OPENAI).claimed_slots == []


def test_between_two_steps_of_processes_of_their_own_a_run_may_be_silent_as_long_as_a_run_may_start(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance
) -> None:
    run_id, mixed = _run(instance, tags=Names().run_tags), _run(instance)
    for each in (run_id, mixed):
        _register(engine, each, whole_run=False)
    with engine.begin() as connection:
        for each in (run_id, mixed):
            run_heartbeats.end_process(connection, each, ELSEWHERE, now=NOW)
    assert report_dead_runs(instance, postgres, now=_at(START_SECONDS)) == []
    # The other one has steps of somebody else's as well, which may take as long as they like.
    assert report_dead_runs(instance, postgres, now=_at(START_SECONDS + 1)) == [run_id]


def test_between_two_steps_the_time_in_which_a_run_waits_for_a_pool_does_not_count(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance
) -> None:
    run_id, holder = _run(instance, tags=Names().run_tags), _run(instance)
    _register(engine, run_id, whole_run=False)
    with engine.begin() as connection:
        run_heartbeats.end_process(connection, run_id, ELSEWHERE, now=NOW)
    assert _take_slot(instance, holder)
    assert not _take_slot(instance, run_id)
    assert report_dead_runs(instance, postgres, now=_at(START_SECONDS * 9)) == []
    instance.event_log_storage.free_concurrency_slots_for_run(holder)
    # It has its place now, and nobody takes it.
    assert report_dead_runs(instance, postgres, now=_at(START_SECONDS * 10)) == []
    assert report_dead_runs(instance, postgres, now=_at(START_SECONDS * 10 + 1)) == [run_id]


_PAUSED = """
import sys
from livedash_pipeline.base.steps.beating import beating
from livedash_pipeline.base.store.connect import make_engine
with beating(make_engine(sys.argv[1]), sys.argv[2], "a_job", whole_run=True, every=0.05):
    print("began", flush=True)
    input()
"""


def test_a_paused_process_is_given_up_and_finds_out_when_it_goes_on(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance, database_url: str
) -> None:
    run_id = _run(instance)
    with _child(_PAUSED, database_url, run_id) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "began\n"
        assert report_dead_runs(instance, postgres) == []
        child.send_signal(signal.SIGSTOP)
        while psutil.Process(child.pid).status() != psutil.STATUS_STOPPED:
            pass
        assert report_dead_runs(instance, postgres, now=_after_now(SILENT_SECONDS - 20)) == []
        assert report_dead_runs(instance, postgres, now=_after_now(SILENT_SECONDS + 20)) == [run_id]
        child.send_signal(signal.SIGCONT)
        _, errors = child.communicate("\n")
    assert f"GivenUpError: Run {run_id} was given up" in errors
    assert _status(instance, run_id) is dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize(
    "status", [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
)
def test_runs_that_have_ended_are_left(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    run_id = _run(instance, status)
    _register(engine, run_id)
    assert report_dead_runs(instance, postgres, now=_at(1000)) == []
    assert _status(instance, run_id) is status


def test_runs_of_other_projects_are_left(postgres: Postgres, instance: dg.DagsterInstance) -> None:
    for status in (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED):
        _run(instance, status)
    assert report_dead_runs(instance, postgres, now=_after_now(10_000)) == []


class _Asked:
    """An instance that keeps what it was asked to list, and lists runs as they were a moment ago."""

    def __init__(self, instance: dg.DagsterInstance, listed: list[dg.DagsterRun]) -> None:
        self._instance, self._listed = instance, listed
        self.filters: list[dg.RunsFilter] = []

    def get_runs(self, filters: dg.RunsFilter) -> list[dg.DagsterRun]:
        self.filters.append(filters)
        return self._listed

    def __getattr__(self, name: str) -> object:
        return getattr(self._instance, name)


def test_runs_that_wait_in_the_queue_are_never_listed(postgres: Postgres, instance: dg.DagsterInstance) -> None:
    # Only a workspace can queue a run, so what is listed is looked at instead of a run.
    asked = _Asked(instance, [])
    assert report_dead_runs(asked, postgres) == []  # type: ignore[arg-type]
    (filters,) = asked.filters
    assert dg.DagsterRunStatus.QUEUED not in filters.statuses


def test_a_run_that_ended_after_it_was_listed_keeps_its_success(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance
) -> None:
    run_id = _run(instance)
    _register(engine, run_id)
    run = instance.get_run_by_id(run_id)
    assert run is not None
    instance.report_dagster_event(dg.DagsterEvent("PIPELINE_SUCCESS", job_name=run.job_name, message=""), run_id)
    late = _Asked(instance, [run])
    assert report_dead_runs(late, postgres, now=_at(SILENT_SECONDS + 1)) == []  # type: ignore[arg-type]
    assert _status(instance, run_id) is dg.DagsterRunStatus.SUCCESS


def test_what_an_ended_run_still_holds_of_a_pool_is_freed(postgres: Postgres, instance: dg.DagsterInstance) -> None:
    # Whoever reported it was killed before it freed its slot; the next in the queue is gone as well.
    reported, queued = (_run(instance, dg.DagsterRunStatus.FAILURE) for _ in range(2))
    waiting = _run(instance)
    assert _take_slot(instance, reported)
    assert not _take_slot(instance, queued)
    instance.event_log_storage.free_concurrency_slots_for_run(reported)
    assert not _take_slot(instance, waiting), "the slot is given to a run that is gone"
    assert report_dead_runs(instance, postgres) == []
    assert _take_slot(instance, waiting)
    report_dead_runs(instance, postgres)
    info = instance.event_log_storage.get_concurrency_info(POOL_OPENAI)
    assert [slot.run_id for slot in info.claimed_slots] == [waiting]


def test_a_command_holds_its_place_before_dagster_knows_its_run_as_long_as_it_lives(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance
) -> None:
    _register(engine, "a-command")
    assert _take_slot(instance, "a-command")
    storage = instance.event_log_storage
    report_dead_runs(instance, postgres, now=_at(SILENT_SECONDS))
    assert len(storage.get_concurrency_info(POOL_OPENAI).claimed_slots) == 1
    report_dead_runs(instance, postgres, now=_at(SILENT_SECONDS + 1))
    assert storage.get_concurrency_info(POOL_OPENAI).claimed_slots == []
    assert _take_slot(instance, "nobody-knows")
    report_dead_runs(instance, postgres)
    assert storage.get_concurrency_info(POOL_OPENAI).claimed_slots == []


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING])
def test_a_run_that_does_not_begin_counts_for_a_minute_and_is_reported_after_dagsters_time_to_start(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    company = {TAG_COMPANY: "acme"}
    run_id = _run(instance, status, company)
    # Its minute begins when it is noticed, whatever the clocks of hosts say.
    assert is_active(instance, postgres, _job.name, company, now=_at(0))
    assert is_active(instance, postgres, _job.name, company, now=_at(UNSEEN_SECONDS))
    assert not is_active(instance, postgres, "another", company, now=_at(UNSEEN_SECONDS + 1))
    assert not is_active(instance, postgres, _job.name, company, now=_at(UNSEEN_SECONDS + 1))
    assert _status(instance, run_id) is status
    assert not is_active(instance, postgres, _job.name, company, now=_at(START_SECONDS + 1))
    assert _status(instance, run_id) is dg.DagsterRunStatus.FAILURE
    assert any("did not begin in time" in entry.message for entry in instance.all_logs(run_id))
    with engine.begin() as connection:
        now = _at(START_SECONDS + 2)(connection)
        assert not register_process(connection, run_id, _job.name, ELSEWHERE, whole_run=True, now=now)


def test_a_run_that_began_and_shows_no_sign_of_life_counts_for_dagsters_time_to_start(
    postgres: Postgres, instance: dg.DagsterInstance
) -> None:
    run_id = _run(instance)
    assert is_active(instance, postgres, _job.name, now=_at(0))
    assert is_active(instance, postgres, _job.name, now=_at(START_SECONDS))
    assert not is_active(instance, postgres, _job.name, now=_at(START_SECONDS + 1))
    assert _status(instance, run_id) is dg.DagsterRunStatus.FAILURE


def test_who_looks_often_notices_runs_of_ours_that_have_not_begun(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance
) -> None:
    ours = _run(instance, dg.DagsterRunStatus.STARTING, Names().run_tags)
    others = _run(instance, dg.DagsterRunStatus.STARTING, Names(name_prefix="other_").run_tags)
    begun = _run(instance, dg.DagsterRunStatus.STARTED, Names().run_tags)
    assert report_dead_runs(instance, postgres, names=Names(), now=_at(0)) == []
    with engine.connect() as connection:
        assert read_heartbeats(connection, [ours, others, begun]).keys() == {ours}


def test_a_run_that_lives_or_waits_for_a_pool_counts(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance
) -> None:
    holder, waits, lives = _run(instance), _run(instance), _run(instance)
    assert _take_slot(instance, holder)
    assert not _take_slot(instance, waits)
    with engine.begin() as connection:
        later = database_now(connection) + timedelta(days=1)
        for run_id in (holder, lives):
            register_process(connection, run_id, _job.name, ELSEWHERE, whole_run=True, now=later)
    for _ in range(2):
        assert is_active(instance, postgres, _job.name, now=lambda _: later)
    assert {_status(instance, each) for each in (holder, waits, lives)} == {dg.DagsterRunStatus.STARTED}


def test_a_silent_run_counts_no_more_and_is_reported_by_whoever_asks(
    engine: Engine, postgres: Postgres, instance: dg.DagsterInstance
) -> None:
    run_id = _run(instance)
    _register(engine, run_id)
    assert is_active(instance, postgres, _job.name, now=_at(SILENT_SECONDS))
    assert not is_active(instance, postgres, _job.name, now=_at(SILENT_SECONDS + 1))
    assert _status(instance, run_id) is dg.DagsterRunStatus.FAILURE
