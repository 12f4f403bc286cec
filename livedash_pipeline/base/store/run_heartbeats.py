"""Signs of life of runs: written by the process of a run, read and judged by anybody.

Add what is written or asked of one run. `base.rules.runs.liveness` decides; every write here says which state it expects, so that
of a beat and of giving up at the same moment one wins.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.rules.runs.liveness import Signs
from livedash_pipeline.base.store.tables import run_heartbeats

# Dagster ends no run of ours later than six hours after its start, so a week leaves time to look into one.
_KEPT = timedelta(days=7)
_DELETED_AT_ONCE = 100
_rows = run_heartbeats.c


@dataclass(frozen=True, slots=True)
class RunProcess:
    """A process of a run.

    Attributes:
        host: Its host's name, for people.
        machine: What its process id is an id of: equal for two processes that can look for each other.
        pid: Its process id.
        started: Seconds after the machine's start, rounded to hundredths.
    """

    host: str
    machine: str
    pid: int
    started: float


@dataclass(frozen=True, slots=True)
class RunHeartbeat:
    """The row of a run; `process` is None until a process says that it works on it."""

    run_id: str
    job: str
    process: RunProcess | None
    signs: Signs


def register_process(
    connection: Connection, run_id: str, job: str, process: RunProcess, *, whole_run: bool, now: datetime
) -> bool:
    """Notes that a process works on a run from now on; False where the run was given up.

    Deletes some rows of runs that were silent for a week as well, so that the table stays small without anybody's care.
    """
    _delete_old(connection, now)
    values = {
        "host": process.host,
        "machine": process.machine,
        "pid": process.pid,
        "process_started": process.started,
        "whole_run": whole_run,
        "beat_at": now,
        "ended_at": None,
    }
    statement = insert(run_heartbeats).values(run_id=run_id, job=job, noticed_at=now, started_at=now, **values)
    upsert = statement.on_conflict_do_update(
        index_elements=["run_id"],
        set_=values | {"started_at": func.coalesce(_rows.started_at, now)},
        where=_rows.given_up_at.is_(None),
    )
    return connection.execute(upsert.returning(_rows.run_id)).first() is not None


def beat(connection: Connection, run_id: str, *, now: datetime) -> bool:
    """Notes that a run goes on; False where it was given up."""
    statement = update(run_heartbeats).where(_rows.run_id == run_id, _rows.given_up_at.is_(None))
    return connection.execute(statement.values(beat_at=now)).rowcount == 1


def end_process(connection: Connection, run_id: str, process: RunProcess, *, now: datetime) -> None:
    """Notes that a process ended its work cleanly; nothing where another process of the run has come after it."""
    mine = [
        _rows.run_id == run_id,
        _rows.given_up_at.is_(None),
        _rows.machine == process.machine,
        _rows.pid == process.pid,
        _rows.process_started == process.started,
    ]
    connection.execute(update(run_heartbeats).where(*mine).values(ended_at=now))


def notice_runs(connection: Connection, jobs: Mapping[str, str], *, now: datetime) -> None:
    """Notes, by the database's clock, that these runs (id and job) were seen without any sign of life."""
    if jobs:
        rows = [{"run_id": run_id, "job": job, "noticed_at": now} for run_id, job in sorted(jobs.items())]
        connection.execute(insert(run_heartbeats).values(rows).on_conflict_do_nothing())


def postpone_runs(connection: Connection, run_ids: Collection[str], *, now: datetime) -> None:
    """Lets the allowance between two steps, or before the first one, begin anew for runs that wait for a pool meanwhile."""
    if not run_ids:
        return
    silent = [
        _rows.run_id.in_(sorted(run_ids)),
        _rows.given_up_at.is_(None),
        ~_rows.whole_run,
        _rows.beat_at.is_(None) | _rows.ended_at.is_not(None),
    ]
    connection.execute(
        update(run_heartbeats)
        .where(*silent)
        .values(
            noticed_at=case((_rows.beat_at.is_(None), now), else_=_rows.noticed_at),
            ended_at=case((_rows.beat_at.is_not(None), now)),
        )
    )


def read_heartbeats(connection: Connection, run_ids: Collection[str]) -> dict[str, RunHeartbeat]:
    """What is known of these runs; those that nobody has noticed are missing."""
    if not run_ids:
        return {}
    found = connection.execute(select(run_heartbeats).where(_rows.run_id.in_(sorted(run_ids))))
    return {row.run_id: _heartbeat(row) for row in found}


def give_up(connection: Connection, seen: RunHeartbeat, *, now: datetime) -> bool:
    """Marks a run as given up, for ever; False where it showed a sign of life since it was seen, or is marked already."""
    unchanged: list[ColumnElement[bool]] = [
        _rows.run_id == seen.run_id,
        _rows.given_up_at.is_(None),
        _rows.beat_at.is_not_distinct_from(seen.signs.beat_at),
        _rows.ended_at.is_not_distinct_from(seen.signs.ended_at),
    ]
    return connection.execute(update(run_heartbeats).where(*unchanged).values(given_up_at=now)).rowcount == 1


def _delete_old(connection: Connection, now: datetime) -> None:
    before = now - _KEPT
    old = (
        select(_rows.run_id)
        .where(_rows.noticed_at < before, func.coalesce(_rows.beat_at, _rows.noticed_at) < before)
        .order_by(_rows.noticed_at)
        .limit(_DELETED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    connection.execute(delete(run_heartbeats).where(_rows.run_id.in_(old)))


def _heartbeat(row: object) -> RunHeartbeat:
    values = row._mapping  # type: ignore[attr-defined]
    process = None
    if values["machine"] is not None:
        process = RunProcess(values["host"], values["machine"], values["pid"], values["process_started"])
    times = (values["noticed_at"], values["beat_at"], values["ended_at"], values["given_up_at"])
    return RunHeartbeat(values["run_id"], values["job"], process, Signs(*times, values["whole_run"]))
