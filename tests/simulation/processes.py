"""Processes of the long run: one Postgres for all of them, and in each a database and a simulation of its own.

What the processes do is passed to `Pool.each`; nothing here knows of seeds, boundaries or mutations.
"""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import structlog
from sqlalchemy import Engine, create_engine, text

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.base.store.migrate import upgrade
from livedash_pipeline.embedded_postgres.server import ensure_database, remove_postgres, start_postgres
from livedash_pipeline.garbage import spare_what_is_loaded

_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_CRITICAL = 50

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")
_World = TypeVar("_World")
_World_co = TypeVar("_World_co", covariant=True)


class Make(Protocol[_World_co]):
    """Makes the simulation of a process, which calls `before_each` before every schedule and lets what it raises pass."""

    def __call__(self, engine: Engine, directory: Path, *, before_each: Callable[[], None] = ...) -> _World_co: ...


def be_quiet() -> None:
    """Workers log thousands of lines that nobody reads."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_CRITICAL))


@contextmanager
def open_server() -> Iterator[tuple[str, Path]]:
    """URL with the placeholder DATABASE of a server that has a migrated template, and a directory for files."""
    with tempfile.TemporaryDirectory(prefix="livedash-simulation-") as name:
        home = Path(name)
        server = start_postgres(home, settings=_FAST)
        try:
            ensure_database(server, "template_livedash")
            engine = make_engine(server.url("template_livedash"))
            upgrade(engine)
            engine.dispose()
            yield server.url("DATABASE"), home
        finally:
            remove_postgres(home)


@contextmanager
def open_simulation(url: str, directory: Path, name: str, make: Callable[[Engine, Path], _World]) -> Iterator[_World]:
    """A simulation on a new database of that name, which is dropped at the end."""
    admin = create_engine(url.replace("DATABASE", "postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE template_livedash'))
    engine = make_engine(url.replace("DATABASE", name))
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=directory) as files:
        yield make(engine, Path(files))
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}"'))
    admin.dispose()


class Pool(Generic[_World]):
    """Processes that each have a simulation of their own."""

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self._executor = executor

    def each(self, work: Callable[[_World, _Asked], _Answer], asked: Iterable[_Asked]) -> Iterator[_Answer]:
        """The answers of a module's function to each of some questions, in their order, as they come."""
        return self._executor.map(partial(_answer, work), asked)


@contextmanager
def open_pool(url: str, directory: Path, processes: int, make: Make[_World]) -> Iterator[Pool[_World]]:
    """So many processes; whoever ends this one early ends them too, after the schedule that each is running."""
    context = multiprocessing.get_context("spawn")
    ended = context.Event()
    with ProcessPoolExecutor(
        processes, mp_context=context, initializer=_open_process, initargs=(url, directory, ended, make)
    ) as executor:
        try:
            yield Pool(executor)
        except BaseException:
            ended.set()
            executor.shutdown(wait=True, cancel_futures=True)
            raise


class _EndedError(Exception):
    """Nobody waits for the answer any more."""


def _go_on_unless(ended: Event) -> None:
    if ended.is_set():
        raise _EndedError


_OWN: list[Any] = []
_OPENED = ExitStack()


def _open_process(url: str, directory: Path, ended: Event, make: Make[Any]) -> None:
    # An interrupt from the keyboard reaches every process of the group; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    be_quiet()
    spare_what_is_loaded()
    name = f"soak_{multiprocessing.current_process().pid}"
    interruptible = partial(make, before_each=partial(_go_on_unless, ended))
    _OWN.append(_OPENED.enter_context(open_simulation(url, directory, name, interruptible)))


def _answer(work: Callable[[Any, _Asked], _Answer], asked: _Asked) -> _Answer:
    return work(_OWN[0], asked)
