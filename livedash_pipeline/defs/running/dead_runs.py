"""Reports runs that live no more as failed, whichever host they ran on, and frees their places in pools.

A killed run stays STARTED in Dagster for long, and holds its pools for as long. Every poll, tick and command looks here first. A
run is marked in our table before it is reported, so that its process, if it lives after all, finds out
(`defs.running.identity`), and so that whoever looks next finishes what a killed one had begun. Add a reason to
`base.rules.runs.liveness`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.runs.liveness import SILENT_SECONDS, UNSEEN_SECONDS, Verdict, is_unseen, judge_run
from livedash_pipeline.base.steps.machine import process_is_gone
from livedash_pipeline.base.store import run_heartbeats
from livedash_pipeline.base.store.connect import database_now, in_transaction, server_started
from livedash_pipeline.base.store.run_heartbeats import RunHeartbeat
from livedash_pipeline.defs.names import TAG_OURS, Names
from livedash_pipeline.defs.parts import is_our_run
from livedash_pipeline.defs.running.statuses import LAUNCHED, NOT_BEGUN
from livedash_pipeline.logs import get_logger

if TYPE_CHECKING:
    from livedash_pipeline.defs.resources import Postgres

log = get_logger(__name__)

Clock = Callable[[Connection], datetime]

_REASONS = {
    Verdict.GONE: "The run's process is gone; what it had claimed is freed by itself.",
    Verdict.SILENT: f"The run showed no sign of life for {SILENT_SECONDS:g} seconds; what it had claimed is freed by itself.",
    Verdict.NEVER_BEGAN: "The run did not begin in time, so it is taken for killed.",
    Verdict.GIVEN_UP: "The run was given up, and whoever did so could not report it.",
}


def report_dead_runs(
    instance: dg.DagsterInstance, postgres: Postgres, *, names: Names | None = None, now: Clock = database_now
) -> list[str]:
    """Reports unfinished runs that live no more as failed, and frees their pool slots; returns their ids.

    Also frees slots and places in the queue that any other ended run still holds.

    Args:
        instance: Dagster's instance with the runs; those of other projects are left alone.
        postgres: Our database, with the signs of life.
        names: Tells which runs are ours. Those that were launched and have not begun are noticed, and from then on count for a
            minute; only somebody who looks often need say it. None: none are.
        now: The database's clock.
    """
    waiting = _waiting_for_pools(instance)
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=list(LAUNCHED)))
    with postgres.engine() as engine:
        if names is not None:
            _notice(engine, [run for run in runs if run.status in NOT_BEGUN and is_our_run(run, names)], now)
        dead = _give_up(instance, engine, {run.run_id: TAG_OURS in run.tags for run in runs}, waiting, now)
        reported = [run_id for run_id, verdict in dead.items() if _report(instance, run_id, verdict)]
        _free_pools(instance, engine, now)
    return reported


def runs_going_on(
    instance: dg.DagsterInstance, postgres: Postgres, records: Sequence[dg.RunRecord], *, now: Clock = database_now
) -> set[str]:
    """Returns which of these runs count as going on, and reports those that live no more.

    A run that has not begun counts for a minute, so that one whose launch was lost keeps no other one waiting; it is reported as
    failed once it has been seen so for as long as Dagster allows a run to start.

    Args:
        instance: Dagster's instance with the runs.
        postgres: Our database, with the signs of life.
        records: Runs of jobs of ours that have not ended.
        now: The clock of our database.
    """
    queued = {each.dagster_run.run_id for each in records if each.dagster_run.status is dg.DagsterRunStatus.QUEUED}
    launched = {each.dagster_run.run_id: each for each in records if each.dagster_run.run_id not in queued}
    if launched:
        with postgres.engine() as engine:
            return queued | _launched_going_on(instance, engine, launched, now)
    return queued


def _launched_going_on(
    instance: dg.DagsterInstance, engine: Engine, launched: dict[str, dg.RunRecord], now: Clock
) -> set[str]:
    _notice(engine, [record.dagster_run for record in launched.values()], now)
    waiting = _waiting_for_pools(instance)
    for run_id, verdict in _give_up(instance, engine, dict.fromkeys(launched, True), waiting, now).items():
        _report(instance, run_id, verdict)
        del launched[run_id]
    with engine.connect() as connection:
        at, seen = now(connection), run_heartbeats.read_heartbeats(connection, launched)
    unseen = {
        run_id
        for run_id, record in launched.items()
        if run_id not in waiting and run_id in seen and _counts_no_more(instance, record, seen[run_id], at)
    }
    return launched.keys() - unseen


def _notice(engine: Engine, runs: Sequence[dg.DagsterRun], now: Clock) -> None:
    jobs = {run.run_id: run.job_name for run in runs}
    in_transaction(engine, lambda connection: run_heartbeats.notice_runs(connection, jobs, now=now(connection)))


def _counts_no_more(instance: dg.DagsterInstance, record: dg.RunRecord, seen: RunHeartbeat, now: datetime) -> bool:
    if seen.signs.beat_at is not None:
        return False
    # One that began shows no sign of life until its first step does where each step is a process of its own.
    began = record.dagster_run.status not in NOT_BEGUN
    seconds = instance.run_monitoring_start_timeout_seconds if began else UNSEEN_SECONDS
    return is_unseen(seen.signs.noticed_at, now, seconds=seconds)


def _give_up(
    instance: dg.DagsterInstance, engine: Engine, run_ids: Mapping[str, bool], waiting: Collection[str], now: Clock
) -> dict[str, Verdict]:
    """Marks runs that live no more, for ever, and returns them with the reason; those that were marked before as well.

    Args:
        instance: Dagster's instance with the runs.
        engine: Our database.
        run_ids: The runs, and which of them are wholly ours. Another one may be at a step of somebody else's between two of ours,
            which shows us nothing.
        waiting: Runs that wait for a pool.
        now: The database's clock.
    """
    start = instance.run_monitoring_start_timeout_seconds

    def work(connection: Connection) -> dict[str, Verdict]:
        at, up_since = now(connection), server_started(connection)
        run_heartbeats.postpone_runs(connection, [run_id for run_id in run_ids if run_id in waiting], now=at)
        dead: dict[str, Verdict] = {}
        for run_id, seen in run_heartbeats.read_heartbeats(connection, run_ids).items():
            gone = process_is_gone(seen.process)
            verdict = judge_run(seen.signs, at, is_gone=gone, start_seconds=start, up_since=up_since)
            between_steps = not seen.signs.whole_run and seen.signs.ended_at is not None
            if verdict is Verdict.GOES_ON or (verdict is Verdict.SILENT and between_steps and not run_ids[run_id]):
                continue
            if verdict is Verdict.GIVEN_UP or run_heartbeats.give_up(connection, seen, now=at):
                dead[run_id] = verdict
        return dead

    return in_transaction(engine, work)


def _report(instance: dg.DagsterInstance, run_id: str, verdict: Verdict) -> bool:
    """Reports a run as failed; False where it has ended, which is read again since it may have done so after it was listed."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.status not in LAUNCHED:
        return False
    log.warning("run given up", run_id=run_id, job=run.job_name, reason=verdict.value)
    if run.status is dg.DagsterRunStatus.CANCELING:
        # Somebody has ended it: a failure would have it launched again.
        instance.report_run_canceled(run, _REASONS[verdict])
    else:
        instance.report_run_failed(run, _REASONS[verdict])
    return True


def _waiting_for_pools(instance: dg.DagsterInstance) -> set[str]:
    """Runs in the queue of a pool that has no place for them; one that was given a place has to take it."""
    return {step.run_id for info in _pools(instance) for step in info.pending_steps if step.assigned_timestamp is None}


def _free_pools(instance: dg.DagsterInstance, engine: Engine, now: Clock) -> None:
    """Frees pool slots of ended runs: without it the next run of a pool waited for a slot that nobody used.

    Not only those of runs reported just now: the process that reported a run may have been killed before it freed anything, and a
    place in the queue of a run that is gone blocks all others for good.
    """
    holders = set()
    for info in _pools(instance):
        holders |= {claimed.run_id for claimed in info.claimed_slots} | {step.run_id for step in info.pending_steps}
    if not holders:
        return
    known = {run_id: instance.get_run_by_id(run_id) for run_id in holders}
    # A command waits for its slot before Dagster knows its run.
    unknown = [run_id for run_id, run in known.items() if run is None]
    with engine.connect() as connection:
        alive = set(run_heartbeats.read_heartbeats(connection, unknown))
    alive -= _give_up(instance, engine, dict.fromkeys(alive, True), (), now).keys()
    for run_id, run in known.items():
        if run_id not in alive and (run is None or run.is_finished):
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def _pools(instance: dg.DagsterInstance) -> list[Any]:
    storage = instance.event_log_storage
    return list(storage.get_concurrency_infos(sorted(storage.get_concurrency_keys())).values())
