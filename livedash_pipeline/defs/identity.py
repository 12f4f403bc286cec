"""Which process a run is, and what becomes of runs whose process is gone.

A killed run stays STARTED in Dagster for long and keeps its pool slots, so every run says on which host and as which process it
runs, and whoever comes next reports those that are gone as failed.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dagster as dg
import psutil
import structlog

from livedash_pipeline.defs.names import TAG_HOST, TAG_PID, TAG_STARTED

_UNFINISHED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def process_tags() -> dict[str, str]:
    """Tags that name this process, surely: process ids come again, and with another start time."""
    me = psutil.Process(os.getpid())
    return {TAG_HOST: socket.gethostname(), TAG_PID: str(me.pid), TAG_STARTED: f"{me.create_time():.2f}"}


@contextmanager
def identified_run(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> Iterator[str]:
    """Tags the run with its process and binds its id to every log line; yields the run's id."""
    run_id = context.run_id
    context.instance.add_run_tags(run_id, process_tags())
    with structlog.contextvars.bound_contextvars(run_id=run_id):
        yield run_id


def report_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Reports unfinished runs of this host whose process is gone as failed, and frees their pool slots; returns their ids."""
    dead = []
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=_UNFINISHED, tags={TAG_HOST: socket.gethostname()})):
        if not _is_alive(run.tags):
            instance.report_run_failed(run, "The run's process is gone; what it had claimed is freed by itself.")
            # Without it the next run of a pool waited ten minutes for a slot that nobody held.
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            dead.append(run.run_id)
    return dead


def _is_alive(tags: Mapping[str, str]) -> bool:
    try:
        process = psutil.Process(int(tags[TAG_PID]))
        return f"{process.create_time():.2f}" == tags.get(TAG_STARTED) and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError, ValueError):
        return False
