"""Our database as one worker sees it: a real engine whose transactions are boundaries.

Before a commit a worker can only die, which is a rollback; before a transaction begins and after it is committed it can also be
stopped. Sabotage of commits, for the proof that they are needed, is done here too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from tests.simulation.workers import Worker

_PACKAGE = "livedash_pipeline."
_PASSED_OVER = "livedash_pipeline.base.store.connect"

KeepCommit = Callable[[str], bool]


class WatchedEngine:
    """The two methods of an engine that the steps use, with boundaries around them.

    Args:
        engine: The real one.
        worker: Whose view this is.
        keep_commit: Whether a commit, named after the function that makes it, is made; else it is silently rolled back.
        before_commit: Called with the name of every commit that is about to be made, in its transaction.
        on_commit: Called after every commit, before anybody can be stopped or die.
    """

    def __init__(
        self,
        engine: Engine,
        worker: Worker,
        keep_commit: KeepCommit = lambda _name: True,
        on_commit: Callable[[], None] = lambda: None,
        before_commit: Callable[[str], None] = lambda _name: None,
    ) -> None:
        self._engine = engine
        self._worker = worker
        self._keep_commit = keep_commit
        self._on_commit = on_commit
        self._before_commit = before_commit

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection to read with."""
        self._worker.boundary(f"read {_caller()}: before")
        with self._counted(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A connection in a transaction that is committed at the end."""
        name = _caller()
        self._worker.boundary(f"transaction {name}: begin")
        with self._counted(), self._engine.connect() as connection:
            transaction = connection.begin()
            try:
                yield connection
                self._worker.boundary(f"commit {name}: before")
            except BaseException:
                transaction.rollback()
                raise
            self._before_commit(name)
            if self._keep_commit(name):
                transaction.commit()
            else:
                transaction.rollback()
        self._on_commit()
        self._worker.boundary(f"commit {name}: after")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._worker.open_transactions += 1
        try:
            yield
        finally:
            self._worker.open_transactions -= 1


def _caller() -> str:
    """The function of the package on whose behalf a transaction is made, such as `ledger.steps.batches.send._begin_create`."""
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(_PACKAGE) and module != _PASSED_OVER:
            function = frame.f_code.co_qualname.partition(".<locals>")[0]
            return f"{module.removeprefix(_PACKAGE)}.{function}"
        if frame.f_back is None:
            break
        frame = frame.f_back
    return "simulation"
