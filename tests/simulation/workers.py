"""Workers that take turns: each runs real, synchronous code in a thread of its own, and only one of all threads runs at a time.

A worker stops at a boundary when its turns are used up, or dies there. Which boundaries there are is decided by `engine.py` and
`gateway.py`; who gets how many turns by a schedule.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

ALL = 1_000_000
"""More turns than any action has boundaries."""


class Crash(BaseException):
    """The process of a worker dies here: no handler of the code may catch it."""


@dataclass
class Tally:
    """What was passed and where workers died, over one schedule or many.

    Attributes:
        boundaries: What workers that can die passed.
        at_the_end: What was passed by the one that carries schedules to their end and cannot die.
        crashes: Where workers died because a step said so.
        directed: Where workers died because a schedule's `dies_at` names the boundary.
        switches: How often another worker went on.
    """

    boundaries: Counter[str] = field(default_factory=Counter)
    at_the_end: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    directed: Counter[str] = field(default_factory=Counter)
    switches: int = 0

    def add(self, other: Tally) -> None:
        """Count another one in."""
        self.boundaries.update(other.boundaries)
        self.at_the_end.update(other.at_the_end)
        self.crashes.update(other.crashes)
        self.directed.update(other.directed)
        self.switches += other.switches


@dataclass
class Worker:
    """One process of the pipeline, alive until it crashes, and born again with the next action it is given."""

    name: str
    tally: Tally
    trace: Callable[[str], None]
    deadly: set[str] = field(default_factory=set)
    """Boundaries at which whoever comes there first dies: shared by all workers, and each is struck out once it has killed."""
    open_transactions: int = 0
    _turns: int = 0
    _place: str = ""
    _dies: bool = False
    _crashed: bool = False
    _thread: threading.Thread | None = None
    _go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _stopped: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _busy: bool = False

    @property
    def busy(self) -> bool:
        """Whether it stands at a boundary in the middle of an action."""
        return self._busy

    def start(self, action: Callable[[], None]) -> None:
        """Give an idle worker something to do; it does not begin before `go`."""
        self._busy, self._crashed, self.open_transactions = True, False, 0

        def live() -> None:
            self._go.acquire()
            try:
                if not (self._dies and self._turns <= 0):
                    action()
            except Crash:
                pass
            finally:
                self._busy = False
                self._stopped.release()

        self._thread = threading.Thread(target=live, name=self.name, daemon=True)
        self._thread.start()

    def go(self, turns: int, *, place: str = "", then_die: bool = False) -> None:
        """Let it pass boundaries; at the last of its turns, or at a place, it stops or dies.

        Returns when it has stopped, died or finished.

        Args:
            turns: How many boundaries.
            place: The beginning of the name of a boundary at which its turns end.
            then_die: Whether it dies there.
        """
        if not self._busy or self._thread is None:
            return
        self._turns, self._place, self._dies = turns, place, then_die
        self.tally.switches += 1
        self._go.release()
        self._stopped.acquire()
        if not self._busy:
            self._thread.join()
            self._thread = None

    def kill(self) -> None:
        """Let it die where it stands."""
        self.go(0, then_die=True)

    def boundary(self, name: str) -> None:
        """Called by what the worker does, wherever it could be interrupted.

        In a transaction a worker cannot be stopped, since it would hold locks, but it can die.
        """
        if self._crashed:
            raise Crash(name)
        self.tally.boundaries[name] += 1
        if name in self.deadly:
            self.deadly.remove(name)
            self._die(name, self.tally.directed)
        self._turns -= 1
        if self._place and name.startswith(self._place):
            self._turns, self._place = 0, ""
        if self._turns > 0:
            return
        if self._dies:
            self._die(name, self.tally.crashes)
        if self.open_transactions == 0:
            self._wait(name)

    def _wait(self, name: str) -> None:
        self.trace(f"{self.name} waits at {name}")
        self._stopped.release()
        self._go.acquire()
        if self._dies and self._turns <= 0:
            self._die(name, self.tally.crashes)

    def _die(self, name: str, counted: Counter[str]) -> None:
        self.trace(f"{self.name} dies at {name}")
        counted[name] += 1
        self._crashed = True
        raise Crash(name)


class Unhurried(Worker):
    """What carries a schedule to its end: it runs in the caller's thread and is never interrupted."""

    def boundary(self, name: str) -> None:
        """Nothing happens here; only that it was passed is counted."""
        self.tally.at_the_end[name] += 1
