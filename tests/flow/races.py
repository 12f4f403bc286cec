"""Two connections inside each other's transactions: work that another thread begins and that waits, or does not, for a lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

from sqlalchemy import Connection, Engine, text

_Result = TypeVar("_Result")
_WAITS = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


class Race:
    """Threads beside a test; made by `race`."""

    def __init__(self, engine: Engine, threads: ThreadPoolExecutor) -> None:
        self._engine, self._threads = engine, threads

    def begin(self, work: Callable[[], _Result], *, waiting: int = 1) -> Future[_Result]:
        """Begins work, and goes on once it is over or so many transactions of this database wait for a lock."""
        future = self._threads.submit(work)
        for _ in range(3000):
            if future.done() or self._waits() >= waiting:
                return future
            Event().wait(0.01)
        raise AssertionError("the work has neither ended nor waited for anybody")

    def _waits(self) -> int:
        with self._engine.connect() as connection:
            return int(connection.execute(_WAITS).scalar_one())


@contextmanager
def race(engine: Engine) -> Iterator[Race]:
    with ThreadPoolExecutor(max_workers=3) as threads:
        yield Race(engine, threads)


@contextmanager
def held(engine: Engine, lock: str) -> Iterator[Connection]:
    """A transaction that keeps what a statement has locked; it ends with the block."""
    with engine.begin() as connection:
        connection.execute(text(lock))
        yield connection
