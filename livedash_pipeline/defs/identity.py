"""Which process a run is, and what becomes of runs whose process is gone.

A killed run stays STARTED in Dagster for long and keeps its pool slots, so every run says on which host and as which process it
runs, and whoever comes next reports those that are gone as failed.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import dagster as dg
import psutil
import structlog

from livedash_pipeline.base.store.faults import explain
from livedash_pipeline.defs.names import TAG_HOST, TAG_PID, TAG_RUN, TAG_STARTED

# NOT_STARTED as well: a command that is killed between creating its run and beginning it leaves it so, and without a daemon
# nobody else looks. Runs that others have created and that wait to be launched carry no process of their own.
_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def process_tags(run_id: str) -> dict[str, str]:
    """Tags that name this process, surely: process ids come again, and with another start time.

    The run is named as well, because a run that is executed again inherits the tags of the first one.
    """
    me = psutil.Process(os.getpid())
    return {TAG_RUN: run_id, TAG_HOST: socket.gethostname(), TAG_PID: str(me.pid), TAG_STARTED: _started(me)}


def _started(process: psutil.Process) -> str:
    # Seconds since boot: the time of day at which a process began changes with every correction of the clock.
    return f"{process.create_time() - psutil.boot_time():.2f}"


@contextmanager
def identified_run(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> Iterator[str]:
    """Tags the run with its process and binds its id to every log line; yields the run's id.

    Raises:
        LivedashError: A database refused, or a file could not be written: the run fails with that sentence.
    """
    run_id = context.run.run_id
    context.instance.add_run_tags(run_id, process_tags(run_id))
    with structlog.contextvars.bound_contextvars(run_id=run_id):
        try:
            yield run_id
        except Exception as error:
            explained = explain(error)
            if explained is None or explained is error:
                raise
            raise explained from error


def report_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Reports unfinished runs of this host whose process is gone as failed, and frees their pool slots; returns their ids.

    Slots and places in the queue that any other ended run still has are freed as well.
    """
    dead = []
    for seen in instance.get_runs(filters=dg.RunsFilter(statuses=_UNFINISHED, tags={TAG_HOST: socket.gethostname()})):
        if seen.tags.get(TAG_RUN) != seen.run_id or _is_alive(seen.tags):
            continue
        # Read again, now that its process is known to be gone: it may have come to its end after it was listed.
        run = instance.get_run_by_id(seen.run_id)
        if run is not None and run.status in _UNFINISHED:
            instance.report_run_failed(run, "The run's process is gone; what it had claimed is freed by itself.")
            dead.append(run.run_id)
    _free_pools(instance)
    return dead


def report_silent_runs(instance: dg.DagsterInstance, records: Sequence[dg.RunRecord], *, now: float) -> set[str]:
    """Reports those runs as failed that began long ago and never said which process they are; returns their ids.

    A run that is killed between its start and its first line carries no process, so nobody can look for one, and Dagster ends
    it only at its longest runtime: an import that died so kept its company from being imported for six hours. A run waits for
    nothing but a pool before its first line, and is given as long for that line as Dagster gives a run to start.

    Args:
        instance: Whose runs.
        records: Unfinished runs of jobs of ours, which all identify themselves first.
        now: Seconds since the epoch.
    """
    overdue = [record for record in records if _is_overdue(record, now, instance.run_monitoring_start_timeout_seconds)]
    waiting = _waiting_for_pools(instance) if overdue else set()
    silent = set()
    for record in overdue:
        run = instance.get_run_by_id(record.dagster_run.run_id)
        if run is None or run.is_finished or run.run_id in waiting or run.tags.get(TAG_RUN) == run.run_id:
            continue
        instance.report_run_failed(run, "The run began and never said which process it is, so it is taken for killed.")
        silent.add(run.run_id)
    return silent


def _is_overdue(record: dg.RunRecord, now: float, seconds: int) -> bool:
    began = record.dagster_run.status in {dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING}
    return began and record.start_time is not None and now - record.start_time > seconds


def _waiting_for_pools(instance: dg.DagsterInstance) -> set[str]:
    storage = instance.event_log_storage
    infos = storage.get_concurrency_infos(sorted(storage.get_concurrency_keys())).values()
    return {step.run_id for info in infos for step in info.pending_steps}


def _free_pools(instance: dg.DagsterInstance) -> None:
    """Frees what ended runs hold of the pools: without it the next run of a pool waited for a slot that nobody used.

    Not only of runs that were reported just now: whoever reported one may have been killed before it freed anything, and a
    place in the queue that was given to a run that is gone keeps everybody else waiting for good.
    """
    storage = instance.event_log_storage
    holders = set()
    for info in storage.get_concurrency_infos(sorted(storage.get_concurrency_keys())).values():
        holders |= {claimed.run_id for claimed in info.claimed_slots} | {step.run_id for step in info.pending_steps}
    for run_id in holders:
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            storage.free_concurrency_slots_for_run(run_id)


def _is_alive(tags: Mapping[str, str]) -> bool:
    try:
        process = psutil.Process(int(tags[TAG_PID]))
        return _started(process) == tags.get(TAG_STARTED) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        # Somebody else's process, about which nothing can be learnt.
        return True
    except (psutil.NoSuchProcess, KeyError, ValueError):
        return False
