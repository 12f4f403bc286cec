"""Two connections inside each other's transactions: work that another thread begins and that waits, or does not, for a lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, Engine, text

from tests.conftest import KEEPER

_Result = TypeVar("_Result")
# Of this database: others of the same server belong to other tests.
_WAITS = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


class Race:
    """Threads beside a test; made by `race`."""

    def __init__(self, engine: Engine, threads: ThreadPoolExecutor) -> None:
        self._engine, self._threads = engine, threads

    def begin(self, work: Callable[[], _Result], *, waiting: int = 1) -> Future[_Result]:
        """Begins work, and goes on once it is over or so many transactions of this database wait for a lock."""
        future = self._threads.submit(work)
        until_waiting(self._engine, waiting, over=future.done)
        return future


def until_waiting(engine: Engine, count: int = 1, *, over: Callable[[], bool] = lambda: False) -> None:
    """Until so many transactions wait for a lock, or it is over."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for _ in range(6000):
            if over() or connection.execute(_WAITS).scalar_one() >= count:
                return
            connection.execute(text("SELECT pg_sleep(0.005)"))
    raise AssertionError(f"not {count} transactions wait")


def deadlocks(engine: Engine) -> int:
    """Deadlocks of this database up to now, in which other tests have met theirs before; closes the engine's connections."""
    others = text("""
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
            AND application_name <> :keeper
    """)
    # A session tells its figures at its end at the latest.
    engine.dispose()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while connection.execute(others, {"keeper": KEEPER}).scalar_one():
            connection.execute(text("SELECT pg_sleep(0.01)"))
        counted = connection.execute(text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))
        return int(counted.scalar_one())


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
