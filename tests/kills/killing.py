"""Plays one wave: starts its commands side by side, kills what the plan names at its moment, and mends what was killed.

Add a target to `_strike`. Nothing is judged here but that commands end and answer with one document.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import psycopg
from sqlalchemy import select

from livedash_pipeline.base.rules.states import LIVE_BATCHES
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_processing_requests
from livedash_pipeline.runtime.environment import DATABASE
from tests.kills.plan import ANYTHING, MADE, RUN, TARGETS, Kill, Launch, Wave
from tests.kills.processes import Worker
from tests.kills.world import PostgresDownError, World

_LOOK = 0.008
# A run that waits for the pool slot of a dead one gets it when another command starts, as cron or a sensor does every other
# minute; here as soon as somebody has taken suspiciously long.
_SUSPICIOUS = 25.0
_NEXT_TICK = 15.0
# Generous: a machine that does much else is slow.
_PATIENCE = 300.0
# What a command may end with: done, the work failed, settings or database.
_STATUSES = (0, 1, 2)


@dataclass
class Havoc:
    """What a round's kills met, and commands that did not behave."""

    hits: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    unknown_creates: set[object] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)


def play(world: World, wave: Wave, havoc: Havoc) -> None:
    """Plays a wave to the end of all its commands; afterwards everything is up again."""
    with ThreadPoolExecutor(1) as repairs:
        _Wave(world, wave, havoc, repairs).play()
    world.mend()
    _note_unknown_creates(world, havoc)


class _Wave:
    """A wave under way."""

    def __init__(self, world: World, wave: Wave, havoc: Havoc, repairs: ThreadPoolExecutor) -> None:
        self._world = world
        self._wave = wave
        self._havoc = havoc
        self._repairs = repairs
        self._repairing: list[Future[None]] = []
        self._started: dict[int, Worker | None] = {}
        self._waiting = list(wave.kills)
        self._due: list[tuple[float, Kill]] = []
        self._last_tick = 0.0
        self._begun: dict[int, float] = {}
        self._runs = _Runs(world)

    def play(self) -> None:
        begin = time.monotonic()
        while self._under_way():
            self._world.check_not_stopped()
            now = time.monotonic()
            self._launch(now - begin)
            self._arm(now)
            for moment, kill in [each for each in self._due if each[0] <= now]:
                self._due.remove((moment, kill))
                self._strike(kill)
            self._tick(now - begin)
            time.sleep(_LOOK)
        self._runs.close()
        self._havoc.missed.update(kill.target for kill in self._waiting)
        for repair in self._repairing:
            repair.result()
        for worker in self._workers():
            judge(worker, self._havoc)

    def _workers(self) -> list[Worker]:
        return [worker for worker in self._started.values() if worker is not None]

    def _under_way(self) -> bool:
        return (
            len(self._started) < len(self._wave.launches)
            or any(worker.alive for worker in self._workers())
            or bool(self._due)
            or not all(repair.done() for repair in self._repairing)
        )

    def _launch(self, passed: float) -> None:
        for number, launch in enumerate(self._wave.launches):
            if number not in self._started and passed >= launch.after:
                arguments = arguments_of(self._world, launch)
                self._started[number] = self._world.start(*arguments) if arguments else None

    def _arm(self, now: float) -> None:
        """Kills whose moment has come are due after their delay; those whose worker ended before are missed."""
        for kill in list(self._waiting):
            number = kill.trigger.worker
            if number not in self._started:
                continue
            worker = self._started[number]
            if worker is not None:
                worker.look()
            if worker is not None and self._pulled(kill, worker):
                self._due.append((now + kill.trigger.delay, kill))
            elif worker is None or not worker.alive:
                self._havoc.missed[kill.target] += 1
            else:
                continue
            self._waiting.remove(kill)

    def _pulled(self, kill: Kill, worker: Worker) -> bool:
        trigger = kill.trigger
        if trigger.event == RUN:
            return worker.alive and self._runs.begun(worker.process.pid) >= trigger.nth
        if trigger.event == MADE:
            return worker.alive and self._world.api.batches() >= trigger.nth
        if trigger.event == ANYTHING:
            return len(worker.events) >= trigger.nth
        if trigger.event is not None:
            return worker.said(trigger.event) >= trigger.nth
        return worker.alive and worker.cpu() >= trigger.cpu

    def _strike(self, kill: Kill) -> None:
        worker = self._started[kill.trigger.worker]
        if worker is None:
            return
        strikes: dict[str, Callable[[], bool]] = {
            "worker": worker.kill,
            "server": self._world.api.kill,
            "postmaster": lambda: _kill_postmaster(self._world),
            "backend": lambda: _kill_backend(self._world, kill.number),
        }
        hit = strikes[kill.target]()
        tally = self._havoc.hits if hit else self._havoc.missed
        tally[kill.target] += 1
        if hit:
            worker.look()
            last = worker.events[-1]["event"] if worker.events else "nothing"
            self._havoc.met[f"{worker.name} after {last}"] += 1
        if hit and kill.target in ("server", "postmaster"):
            self._repairing.append(self._repairs.submit(self._repair, kill.down))

    def _repair(self, down: float) -> None:
        time.sleep(down)
        self._world.mend()

    def _tick(self, passed: float) -> None:
        waits = any(self._has_begun_long_ago(worker) for worker in self._workers())
        if waits and passed > self._last_tick + _NEXT_TICK:
            self._last_tick = passed
            self._started[len(self._started)] = self._world.start("poll")
        if passed > _PATIENCE:
            for worker in self._workers():
                if worker.kill():
                    self._havoc.violations.append(f"{worker.name} ({worker.stderr.name}) did not end in {passed:.0f} s")

    def _has_begun_long_ago(self, worker: Worker) -> bool:
        """Counted from its run's beginning: loading libraries takes long on a busy machine, and waits for nobody."""
        if not worker.alive or worker.age <= _SUSPICIOUS:
            return False
        number, now = worker.process.pid, time.monotonic()
        if number not in self._begun and self._runs.begun(number):
            self._begun[number] = now
        return now > self._begun.get(number, now) + _SUSPICIOUS


class _Runs:
    """How many runs a process has begun, asked of their signs of life as long as Postgres answers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def begun(self, pid: int) -> int:
        query = "SELECT count(*) FROM run_heartbeats WHERE pid = %s"
        try:
            if self._connection is None:
                self._connection = self._world.connect(DATABASE)
                self._connection.autocommit = True
            row = self._connection.execute(query, [pid]).fetchone()
        except (psycopg.Error, PostgresDownError):
            self.close()
            return 0
        return int(str(row[0])) if row else 0

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def judge(worker: Worker, havoc: Havoc) -> None:
    """Whoever was not killed ends with a status that is documented, and with one document."""
    worker.look()
    if worker.killed:
        return
    status, document = worker.process.returncode, worker.document()
    if status not in _STATUSES or document is None:
        havoc.violations.append(f"{worker.name} ({worker.stdout.name}) ended with status {status} and {document}")
    elif status:
        havoc.errors[f"{worker.name}: {document.get('error', {}).get('code', 'a part of it')}"] += 1


def arguments_of(world: World, launch: Launch) -> tuple[str, ...]:
    """What a command is called with; nothing if there is nothing that it could be about."""
    if launch.command == "cancel":
        live = _select(world, select(ai_batch_requests.c.id).where(ai_batch_requests.c.status.in_(LIVE_BATCHES)))
        unfinished = "failed" if launch.number % 2 else "pending"
        return ("cancel", str(live[launch.number % len(live)]), "--unfinished", unfinished) if live else ()
    if launch.command == "requeue":
        failed = failed_requests(world)
        return ("requeue", *map(str, failed)) if failed else ()
    return (launch.command,)


def failed_requests(world: World) -> list[object]:
    """Requests that somebody could requeue."""
    requests = ai_processing_requests.c
    return _select(world, select(requests.id).where(requests.processing_status == "PROCESSING_FAILED"))


def _select(world: World, query: object) -> list[object]:
    # Postgres may have been killed a moment ago.
    world.mend()
    with world.database.connect() as connection:
        return sorted(connection.execute(query).scalars(), key=str)  # type: ignore[call-overload]


def _kill_postmaster(world: World) -> bool:
    server = world.postgres()
    if server is None:
        return False
    os.kill(server.pid, signal.SIGKILL)
    return True


def _kill_backend(world: World, number: int) -> bool:
    """Kills one of the processes that serve connections to our tables; Postgres then restarts all of them."""
    server = world.postgres()
    if server is None:
        return False
    query = """
        SELECT pid FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND datname = %s AND pid <> pg_backend_pid() ORDER BY backend_start"""
    try:
        with psycopg.connect(
            host=str(server.socket_dir), port=5432, user="postgres", dbname=DATABASE, autocommit=True
        ) as connection:
            backends = [int(str(row[0])) for row in connection.execute(query, [DATABASE]).fetchall()]
            if not backends:
                return False
            os.kill(backends[number % len(backends)], signal.SIGKILL)
    except psycopg.OperationalError:
        # The kill ends this connection as well; whether it came to the kill is all that matters.
        return "backends" in locals() and bool(backends)
    except ProcessLookupError:
        return False
    return True


def _note_unknown_creates(world: World, havoc: Havoc) -> None:
    batches = ai_batch_requests.c
    begun = batches.create_started_at.is_not(None) & batches.remote_batch_id.is_(None) & batches.processed_at.is_(None)
    havoc.unknown_creates.update(_select(world, select(batches.id).where(begun)))


def planned(waves: tuple[Wave, ...]) -> Counter[str]:
    """How many kills of each target are planned."""
    return Counter({target: sum(kill.target == target for wave in waves for kill in wave.kills) for target in TARGETS})
