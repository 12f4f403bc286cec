"""Marks runs with their process, and ends runs whose process is gone.

A killed run stays STARTED in Dagster for long and keeps its pool slots. So every run notes its host and process, and the next
poll or command reports runs whose process is gone as failed.
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

# NOT_STARTED as well: a command that is killed between creating its run and starting it leaves it so, and without a daemon
# nobody else notices. Runs that wait to be launched by others carry no process.
_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def process_tags(run_id: str) -> dict[str, str]:
    """Returns tags that identify this process: its id, which the system uses again, together with its start time.

    They name the run as well, because a run that is executed again inherits the tags of the first one.
    """
    me = psutil.Process(os.getpid())
    return {TAG_RUN: run_id, TAG_HOST: socket.gethostname(), TAG_PID: str(me.pid), TAG_STARTED: _started(me)}


def _started(process: psutil.Process) -> str:
    # Seconds since boot, since every correction of the clock changes the time of day at which a process began.
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

    Also frees slots and places in the queue that any other ended run still holds.
    """
    dead = []
    for seen in instance.get_runs(filters=dg.RunsFilter(statuses=_UNFINISHED, tags={TAG_HOST: socket.gethostname()})):
        if seen.tags.get(TAG_RUN) != seen.run_id or _is_alive(seen.tags):
            continue
        # Read again, since it may have ended after it was listed.
        run = instance.get_run_by_id(seen.run_id)
        if run is not None and run.status in _UNFINISHED:
            instance.report_run_failed(run, "The run's process is gone; what it had claimed is freed by itself.")
            dead.append(run.run_id)
    _free_pools(instance)
    return dead


def report_silent_runs(instance: dg.DagsterInstance, records: Sequence[dg.RunRecord], *, now: float) -> set[str]:
    """Reports runs as failed that began long ago and never noted their process; returns their ids.

    A run that is killed between its start and its first line carries no process to look for, and Dagster ends it only at its
    longest runtime: such an import kept its company from being imported for six hours. Before its first line a run waits only
    for a pool, so it gets as long for that line as Dagster gives a run to start.

    Args:
        instance: Dagster's instance with the runs.
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
    """Frees pool slots of ended runs: without it the next run of a pool waited for a slot that nobody used.

    Not only those of runs reported just now: the process that reported a run may have been killed before it freed anything, and a
    place in the queue of a run that is gone blocks all others for good.
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
        # Another user's process, about which the system tells nothing.
        return True
    except (psutil.NoSuchProcess, KeyError, ValueError):
        return False
