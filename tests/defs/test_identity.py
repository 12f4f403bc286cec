"""Runs whose process is gone are reported and lose their pool slots; all others are left alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import psutil
import pytest

from livedash_pipeline.defs.identity import process_tags, report_dead_runs
from livedash_pipeline.defs.names import POOL_OPENAI, TAG_COMPANY, TAG_HOST, TAG_PID, TAG_RUN, TAG_STARTED
from livedash_pipeline.defs.sensors.ticks import is_active


@dg.op
def _nothing() -> None:
    pass


@dg.job
def _job() -> None:
    _nothing()


_POOLS = {"concurrency": {"pools": {"granularity": "op", "default_limit": 1}}}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(settings=_POOLS) as instance:
        yield instance


@contextmanager
def _child() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def _tags_of(pid: int, run_id: str) -> dict[str, str]:
    started = psutil.Process(pid).create_time() - psutil.boot_time()
    return {TAG_RUN: run_id, TAG_HOST: socket.gethostname(), TAG_PID: str(pid), TAG_STARTED: f"{started:.2f}"}


def _run(
    instance: dg.DagsterInstance,
    tags: dict[str, str],
    run_id: str,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
) -> dg.DagsterRun:
    return instance.create_run_for_job(_job, run_id=run_id, status=status, tags=tags)


def _report(instance: dg.DagsterInstance, run: dg.DagsterRun, kind: dg.DagsterEventType) -> None:
    instance.report_dagster_event(dg.DagsterEvent(kind.value, job_name=run.job_name, message=""), run.run_id)


def _status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_this_process_tags_itself_as_its_run_would_be_tagged_from_outside() -> None:
    assert process_tags("run-1") == _tags_of(os.getpid(), "run-1")


def test_a_run_whose_process_was_killed_is_reported_and_its_slot_freed(instance: dg.DagsterInstance) -> None:
    run_id = str(uuid.uuid4())
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(POOL_OPENAI)
    with _child() as child:
        _run(instance, _tags_of(child.pid, run_id), run_id)
        assert storage.claim_concurrency_slot(POOL_OPENAI, run_id, "step").is_claimed
        assert report_dead_runs(instance) == []
        assert _status(instance, run_id) is dg.DagsterRunStatus.STARTED
        assert not storage.claim_concurrency_slot(POOL_OPENAI, "another", "step").is_claimed
        child.send_signal(signal.SIGKILL)
        # Not waited for yet: a zombie is gone as well.
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        assert report_dead_runs(instance) == [run_id]
    assert _status(instance, run_id) is dg.DagsterRunStatus.FAILURE
    assert storage.claim_concurrency_slot(POOL_OPENAI, "another", "step").is_claimed
    said = [entry.message for entry in instance.all_logs(run_id)]
    assert any("process is gone" in message for message in said)
    assert report_dead_runs(instance) == [], "once is enough"


def test_a_process_id_that_came_again_is_another_process(instance: dg.DagsterInstance) -> None:
    run_id = str(uuid.uuid4())
    earlier = _tags_of(os.getpid(), run_id)
    earlier[TAG_STARTED] = f"{float(earlier[TAG_STARTED]) - 3600:.2f}"
    _run(instance, earlier, run_id)
    assert report_dead_runs(instance) == [run_id]


@pytest.mark.parametrize("pid", ["99999999", "no number", "", "-1"])
def test_a_process_id_that_names_nothing_is_gone(instance: dg.DagsterInstance, pid: str) -> None:
    run_id = str(uuid.uuid4())
    _run(instance, process_tags(run_id) | {TAG_PID: pid}, run_id)
    assert report_dead_runs(instance) == [run_id]


@pytest.mark.parametrize(
    "status",
    [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED],
)
def test_runs_that_have_ended_are_left(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> None:
    run_id = str(uuid.uuid4())
    _run(instance, process_tags(run_id) | {TAG_PID: "99999999"}, run_id, status)
    assert report_dead_runs(instance) == []
    assert _status(instance, run_id) is status


def test_a_run_whose_process_was_killed_before_it_began_is_reported(instance: dg.DagsterInstance) -> None:
    killed, alive, waiting = (str(uuid.uuid4()) for _ in range(3))
    _run(instance, process_tags(killed) | {TAG_PID: "99999999"}, killed, dg.DagsterRunStatus.NOT_STARTED)
    _run(instance, process_tags(alive), alive, dg.DagsterRunStatus.NOT_STARTED)
    _run(instance, {}, waiting, dg.DagsterRunStatus.NOT_STARTED)
    assert report_dead_runs(instance) == [killed]
    assert _status(instance, killed) is dg.DagsterRunStatus.FAILURE


class _Asked:
    """An instance that keeps what it was asked to list."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self.filters: list[dg.RunsFilter] = []

    def get_runs(self, filters: dg.RunsFilter) -> list[dg.DagsterRun]:
        self.filters.append(filters)
        return list(self._instance.get_runs(filters=filters))

    def __getattr__(self, name: str) -> object:
        return getattr(self._instance, name)


def test_runs_that_wait_in_the_queue_are_never_listed(instance: dg.DagsterInstance) -> None:
    # Only a workspace can queue a run, so what is listed is looked at instead of a run.
    asked = _Asked(instance)
    assert report_dead_runs(asked) == []  # type: ignore[arg-type]
    (filters,) = asked.filters
    assert dg.DagsterRunStatus.QUEUED not in filters.statuses


def test_runs_of_other_hosts_and_runs_that_do_not_say_are_left(instance: dg.DagsterInstance) -> None:
    elsewhere, silent = str(uuid.uuid4()), str(uuid.uuid4())
    _run(instance, process_tags(elsewhere) | {TAG_HOST: "another-host", TAG_PID: "99999999"}, elsewhere)
    _run(instance, {}, silent)
    assert report_dead_runs(instance) == []


def test_a_run_that_is_executed_again_is_not_taken_for_the_one_whose_tags_it_inherits(
    instance: dg.DagsterInstance,
) -> None:
    first, again = str(uuid.uuid4()), str(uuid.uuid4())
    tags = process_tags(first) | {TAG_PID: "99999999"}
    _run(instance, tags, first)
    _run(instance, tags, again)
    assert report_dead_runs(instance) == [first]


class _Late:
    """An instance that lists runs as they were a moment ago."""

    def __init__(self, instance: dg.DagsterInstance, listed: list[dg.DagsterRun]) -> None:
        self._instance, self._listed = instance, listed

    def get_runs(self, **_: object) -> list[dg.DagsterRun]:
        return self._listed

    def __getattr__(self, name: str) -> object:
        return getattr(self._instance, name)


def test_a_run_that_ended_after_it_was_listed_keeps_its_success(instance: dg.DagsterInstance) -> None:
    run_id = str(uuid.uuid4())
    run = _run(instance, process_tags(run_id) | {TAG_PID: "99999999"}, run_id)
    late = _Late(instance, [run])
    _report(instance, run, dg.DagsterEventType.RUN_SUCCESS)
    assert report_dead_runs(late) == []  # type: ignore[arg-type]
    assert _status(instance, run_id) is dg.DagsterRunStatus.SUCCESS


def test_what_an_ended_run_still_holds_of_a_pool_is_freed(instance: dg.DagsterInstance) -> None:
    # Whoever reported it was killed before it freed its slot; the next in the queue is gone as well.
    reported, queued, waiting = (str(uuid.uuid4()) for _ in range(3))
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(POOL_OPENAI)
    for run_id in (reported, queued):
        _run(instance, process_tags(run_id), run_id, dg.DagsterRunStatus.FAILURE)
    _run(instance, process_tags(waiting), waiting)
    assert storage.claim_concurrency_slot(POOL_OPENAI, reported, "step").is_claimed
    assert not storage.claim_concurrency_slot(POOL_OPENAI, queued, "step").is_claimed
    storage.free_concurrency_slots_for_run(reported)
    assert not storage.claim_concurrency_slot(POOL_OPENAI, waiting, "step").is_claimed, (
        "the slot is given to a run that is gone"
    )
    assert report_dead_runs(instance) == []
    assert storage.claim_concurrency_slot(POOL_OPENAI, waiting, "step").is_claimed
    report_dead_runs(instance)
    assert [slot.run_id for slot in storage.get_concurrency_info(POOL_OPENAI).claimed_slots] == [waiting]


def test_a_run_that_began_and_never_said_which_process_it_is_stands_in_nobodys_way_for_long(
    instance: dg.DagsterInstance,
) -> None:
    run_id = str(uuid.uuid4())
    run = _run(instance, {TAG_COMPANY: "acme"}, run_id, dg.DagsterRunStatus.NOT_STARTED)
    _report(instance, run, dg.DagsterEventType.RUN_START)
    (record,) = instance.get_run_records()
    assert record.start_time is not None
    last = record.start_time + instance.run_monitoring_start_timeout_seconds
    company = {TAG_COMPANY: "acme"}
    assert is_active(instance, _job.name, company, clock=lambda: last)
    assert not is_active(instance, "another", company, clock=lambda: last + 1)
    assert _status(instance, run_id) is dg.DagsterRunStatus.STARTED
    assert not is_active(instance, _job.name, company, clock=lambda: last + 1)
    assert _status(instance, run_id) is dg.DagsterRunStatus.FAILURE
    assert any("taken for killed" in entry.message for entry in instance.all_logs(run_id))


def test_a_run_that_said_which_process_it_is_or_waits_for_a_pool_is_not_silent(instance: dg.DagsterInstance) -> None:
    holder, said, waits, killed = (str(uuid.uuid4()) for _ in range(4))
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(POOL_OPENAI)
    for run_id, tags in ((said, process_tags(said)), (waits, {}), (killed, process_tags(said))):
        _report(instance, _run(instance, tags, run_id, dg.DagsterRunStatus.NOT_STARTED), dg.DagsterEventType.RUN_START)
    assert storage.claim_concurrency_slot(POOL_OPENAI, holder, "step").is_claimed
    assert not storage.claim_concurrency_slot(POOL_OPENAI, waits, "step").is_claimed
    late = max(record.start_time or 0.0 for record in instance.get_run_records()) + 86_400
    assert is_active(instance, _job.name, clock=lambda: late)
    assert _status(instance, said) is _status(instance, waits) is dg.DagsterRunStatus.STARTED
    assert _status(instance, killed) is dg.DagsterRunStatus.FAILURE, "the tags of another run are not its own"
