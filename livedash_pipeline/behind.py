"""Work that goes on behind the caller's back, one piece at a time: Postgres writes one chunk while Python makes the next.

Both take about as long as each other in most steps of an import, and there are two cores. Add nothing here that decides what is
written, or in which order: pieces end in the order in which they were given.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

_Result = TypeVar("_Result")
# Seconds that a thread keeps the interpreter while another one wants it. Each answer of Postgres waits for a turn, so that at the
# 5 ms of Python two threads took longer than one (20,000 sessions read: 7.0 s, 6.2 s with this).
_TURN = 0.0005


class Behind(Generic[_Result]):
    """Runs pieces of work in a thread of its own; one runs, and none waits, so that at most two chunks are in memory."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._running: Future[_Result] | None = None

    def begin(self, work: Callable[[], _Result]) -> _Result | None:
        """Waits for the piece before, begins this one, and returns the result of the one before; None where there was none.

        An error of the piece before is raised here, and this one is not begun.
        """
        before = self.end()
        self._running = self._pool.submit(work)
        return before

    def end(self) -> _Result | None:
        """Waits for the piece that runs and returns its result; None where none does. Its error is raised."""
        running, self._running = self._running, None
        return None if running is None else running.result()


@contextmanager
def working_behind(kind: type[_Result] | None = None) -> Iterator[Behind[_Result]]:  # noqa: ARG001 - for the type alone
    """A thread for pieces of work that return a `kind`. Whatever ends the block, a piece that was begun is over when it is left.

    The error of a last piece is raised at the end of the block; where the block itself failed, its own error is.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, _TURN))
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="behind") as pool:
            behind = Behind[_Result](pool)
            yield behind
            behind.end()
    finally:
        sys.setswitchinterval(before)
