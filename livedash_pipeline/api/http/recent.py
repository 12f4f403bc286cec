"""Keeps answers for a moment, so that a million rows are counted once and not for every client.

An answer is kept a hundred times as long as it took to compute, and at most ten seconds: on a small database nobody notices its
age. Keep nothing here that belongs to one caller.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

_TIMES_ITS_WORK = 100.0
MAX_SECONDS = 10.0
_REMEMBERED = 256


@dataclass
class _Kept:
    value: Any = None
    made_at: float = 0.0
    fresh_until: float = 0.0
    usable_until: float = 0.0
    working: Lock = field(default_factory=Lock)


class RecentAnswers:
    """Answers by key. While one is computed anew, other callers get the previous one, up to twice its time.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[Hashable, _Kept] = {}
        self._lock = Lock()

    def get(self, key: Hashable, work: Callable[[], Any], *, fresh: bool = False) -> tuple[Any, float]:
        """Returns an answer and its age in seconds.

        Args:
            key: The question.
            work: Computes the answer.
            fresh: Whether to compute it even if one is kept.
        """
        kept = self._entry(key)
        if not fresh and self._clock() < kept.fresh_until:
            return kept.value, self._clock() - kept.made_at
        must_wait = fresh or self._clock() >= kept.usable_until
        if not kept.working.acquire(blocking=must_wait):
            return kept.value, max(0.0, self._clock() - kept.made_at)
        try:
            # Another caller may have computed it during the wait.
            if not fresh and self._clock() < kept.fresh_until:
                return kept.value, self._clock() - kept.made_at
            return self._renew(kept, work), 0.0
        finally:
            kept.working.release()

    def clear(self) -> None:
        """Forgets everything, after a change."""
        with self._lock:
            self._kept.clear()

    def _entry(self, key: Hashable) -> _Kept:
        with self._lock:
            if key not in self._kept and len(self._kept) >= _REMEMBERED:
                self._kept.clear()
            return self._kept.setdefault(key, _Kept())

    def _renew(self, kept: _Kept, work: Callable[[], Any]) -> Any:
        begun = self._clock()
        value = work()
        keep = min(MAX_SECONDS, (self._clock() - begun) * _TIMES_ITS_WORK)
        kept.value, kept.made_at = value, begun
        kept.fresh_until, kept.usable_until = begun + keep, begun + 2 * keep
        return value
