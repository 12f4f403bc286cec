"""Answers for pages that take long to compute: a page shows the newest there is, with its age, and never waits for the next.

One computation at a time for each question and two in all, in threads of their own, so that readers of pages, however many, cost
the database what two people cost. `api.http.recent` is for callers that wait.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from livedash_pipeline.api.http.facts import log_unforeseen
from livedash_pipeline.errors import LivedashError

# What takes no longer than this is shown at once, so that nobody sees a small database count.
PATIENCE = 0.03
# An answer is fresh for so many times as long as it took, so that readers cost the database a fiftieth of its time, at least for
# the first of the bounds and at most for the second.
_TIMES_ITS_WORK = 50.0
_FRESH_SECONDS = (1.0, 300.0)
_REMEMBERED = 256
_AT_ONCE = 2
# Questions that are under way or wait for their turn; each has a thread. What is asked beyond them is asked again by its page.
_UNDER_WAY = 32
# Waits longer than the first, as those of downloads, hold threads that everything else of the process needs: so many at once.
_LONG_SECONDS, _LONG_WAITS = 1.0, 4


@dataclass(frozen=True)
class Kept:
    """An answer as it was found.

    Attributes:
        value: The answer; None while the first one is computed.
        age: Seconds since its computation began.
        is_known: Whether there is one.
        failure: Why the last computation failed; None if it did not. It is everybody's: whoever raises it does so without the
            traceback of those before, whose frames hold their requests.
    """

    value: Any
    age: float
    is_known: bool
    failure: Exception | None = None


@dataclass
class _Entry:
    value: Any = None
    is_known: bool = False
    begun: float = 0.0
    fresh_until: float = 0.0
    failure: Exception | None = None
    working: threading.Event | None = None
    outdated: bool = False
    oldest: float | None = None
    done: float = 0.0

    def is_too_old(self, now: float) -> bool:
        return self.is_known and self.oldest is not None and now - self.done > self.oldest


class KeptAnswers:
    """Answers by key.

    Args:
        clock: Seconds that only grow.
        patience: Seconds that a reader waits for an answer which is not there yet.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, patience: float = PATIENCE) -> None:
        self._clock, self._patience = clock, patience
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = threading.Semaphore(_AT_ONCE)
        self._long_waits = threading.Semaphore(_LONG_WAITS)
        self._under_way = 0

    def look(
        self, key: Hashable, work: Callable[[], Any], *, patience: float | None = None, oldest: float | None = None
    ) -> Kept:
        """Returns the newest answer, and has a newer one computed where it is not fresh.

        Args:
            key: The question, with everything that the answer depends on, the caller's company above all.
            work: Computes the answer, in another thread; it takes its connections from `Services.patient`.
            patience: Seconds to wait, where they are others than usual.
            oldest: Seconds after which an answer is shown to nobody, and forgotten with the next look at any.
        """
        with self._lock:
            entry = self._entry(key)
            entry.oldest = oldest
            self._forget_old()
            started = entry.working
            # An answer that is merely old is shown at once; after a change a reader looks for what has changed.
            waits = not entry.is_known or entry.outdated
            is_due = entry.outdated or self._clock() >= entry.fresh_until
            if started is None and is_due and self._under_way < _UNDER_WAY:
                started = entry.working = threading.Event()
                self._under_way += 1
                entry.outdated = False
                name = f"kept answer {key[0] if isinstance(key, tuple) else key}"
                threading.Thread(target=self._compute, args=(entry, started, work), name=name, daemon=True).start()
        if started is not None and (waits or patience is not None):
            self._wait(started, self._patience if patience is None else patience)
        with self._lock:
            age = self._clock() - entry.begun if entry.is_known else 0.0
            return Kept(entry.value, max(age, 0.0), entry.is_known, entry.failure)

    def outdate(self) -> None:
        """Has everything computed anew when it is looked at next, after a change; until then the old answers are shown."""
        with self._lock:
            for entry in self._entries.values():
                entry.outdated = True

    def close(self, *, seconds: float) -> None:
        """Waits for what is being computed, so that no thread uses a database that its owner has closed."""
        with self._lock:
            under_way = [entry.working for entry in self._entries.values() if entry.working is not None]
        end = self._clock() + seconds
        for done in under_way:
            done.wait(max(end - self._clock(), 0.0))

    def _entry(self, key: Hashable) -> _Entry:
        entry = self._entries.pop(key, None) or _Entry()
        self._entries[key] = entry
        while len(self._entries) > _REMEMBERED:
            # What is under way is never forgotten: it would be computed twice, and not be waited for at the end.
            del self._entries[next(each for each, known in self._entries.items() if known.working is None)]
        return entry

    def _forget_old(self) -> None:
        now = self._clock()
        for entry in self._entries.values():
            if entry.is_too_old(now):
                entry.value, entry.is_known, entry.fresh_until = None, False, 0.0

    def _wait(self, started: threading.Event, seconds: float) -> None:
        if seconds <= _LONG_SECONDS:
            started.wait(seconds)
        elif self._long_waits.acquire(blocking=False):
            try:
                started.wait(seconds)
            finally:
                self._long_waits.release()
        else:
            started.wait(_LONG_SECONDS)

    def _compute(self, entry: _Entry, done: threading.Event, work: Callable[[], Any]) -> None:
        with self._turns:
            begun = self._clock()
            value, failure = None, None
            try:
                value = work()
            except Exception as error:  # noqa: BLE001 - the reader is told; a thread has nobody above it
                failure = error
            with self._lock:
                took = self._clock() - begun
                least, most = _FRESH_SECONDS
                entry.fresh_until = self._clock() + min(max(_TIMES_ITS_WORK * took, least), most)
                entry.failure, entry.working = failure, None
                self._under_way -= 1
                if failure is None:
                    entry.value, entry.begun, entry.is_known = value, begun, True
                    entry.done = self._clock()
        if failure is not None and not isinstance(failure, LivedashError):
            log_unforeseen(failure)
        done.set()
