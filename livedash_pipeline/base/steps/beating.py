"""Keeps a run's signs of life coming while its process works, and tells the run when it was given up.

A beat is on a connection of its own that is closed afterwards: it must end soon when nobody answers, and a thread that waits most
of the time has no use for one. Add what a run has to notice while it works; who gives runs up is `defs.running.dead_runs`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from livedash_pipeline.base.rules.runs.liveness import BEAT_SECONDS
from livedash_pipeline.base.steps.machine import this_process
from livedash_pipeline.base.store import run_heartbeats
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.base.store.run_heartbeats import RunProcess
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

_Result = TypeVar("_Result")


class GivenUpError(LivedashError):
    """The run was taken for dead, and others may have done its work since."""

    code = "run_given_up"


@contextmanager
def beating(
    engine: Engine,
    run_id: str,
    job: str,
    *,
    whole_run: bool,
    process: RunProcess | None = None,
    now: Callable[[Connection], datetime] = database_now,
    every: float = BEAT_SECONDS,
) -> Iterator[Beating]:
    """Registers this process as one that works on a run, and shows that it lives until the block ends.

    Args:
        engine: Our database; statements on it must end soon when nobody answers.
        run_id: The run.
        job: Its job.
        whole_run: This process runs the run from its beginning to its end, and not one step of it.
        process: Which process works on it; None for this one.
        now: The database's clock.
        every: Seconds between two beats.

    Raises:
        GivenUpError: The run was given up before, or in the meantime although the block ended well.
    """
    signs = Beating(engine, run_id, process or this_process(), now=now)
    try:
        signs.register(job, whole_run=whole_run)
        yield from _beats_until_the_end(signs, run_id, every)
    finally:
        engine.dispose()


def _beats_until_the_end(signs: Beating, run_id: str, every: float) -> Iterator[Beating]:
    over = threading.Event()
    thread = threading.Thread(target=signs.go_on, args=(over, every), name=f"beats-{run_id}", daemon=True)
    thread.start()
    try:
        try:
            yield signs
        finally:
            over.set()
            thread.join()
        signs.confirm()
    finally:
        signs.end()


class Beating:
    """The signs of life of one run in this process."""

    def __init__(
        self, engine: Engine, run_id: str, process: RunProcess, *, now: Callable[[Connection], datetime]
    ) -> None:
        self._engine = engine
        self._run_id = run_id
        self._process = process
        self._now = now
        # A step that ends and the thread may beat at the same time.
        self._one_at_a_time = threading.Lock()

    def register(self, job: str, *, whole_run: bool) -> None:
        """Notes that this process works on the run.

        Raises:
            GivenUpError: Nobody may, since it was given up.
        """
        held = self._write(
            lambda connection: run_heartbeats.register_process(
                connection, self._run_id, job, self._process, whole_run=whole_run, now=self._now(connection)
            )
        )
        if not held:
            raise self._given_up()

    def confirm(self) -> None:
        """Returns where the run is still held to go on.

        Raises:
            GivenUpError: It is not: its success would hide that it was reported as failed.
        """
        if not self._beat():
            raise self._given_up()

    def go_on(self, over: threading.Event, every: float) -> None:
        """Beats until `over`; a beat that fails is the next one's to make up for."""
        while not over.wait(every):
            try:
                held = self._beat(closing=True)
            except (SQLAlchemyError, LivedashError) as error:
                log.warning("run could not show that it lives", run_id=self._run_id, reason=type(error).__name__)
                continue
            if not held:
                log.warning("run was given up while it went on", run_id=self._run_id)
                return

    def end(self) -> None:
        """Notes that this process has ended its work; without it the run is only given up later."""
        try:
            self._write(
                lambda connection: run_heartbeats.end_process(
                    connection, self._run_id, self._process, now=self._now(connection)
                )
            )
        except (SQLAlchemyError, LivedashError) as error:
            log.warning("end of a run's work not noted", run_id=self._run_id, reason=type(error).__name__)

    def _beat(self, *, closing: bool = False) -> bool:
        return self._write(
            lambda connection: run_heartbeats.beat(connection, self._run_id, now=self._now(connection)), closing=closing
        )

    def _write(self, work: Callable[[Connection], _Result], *, closing: bool = False) -> _Result:
        with self._one_at_a_time:
            try:
                return in_transaction(self._engine, work)
            finally:
                if closing:
                    self._engine.dispose()

    def _given_up(self) -> GivenUpError:
        return GivenUpError(
            f"Run {self._run_id} was given up, since it had shown no sign of life or had not begun in time.",
            remedy="Launch its job again; what this run has done stands in the tables, and nothing of it is lost.",
        )
