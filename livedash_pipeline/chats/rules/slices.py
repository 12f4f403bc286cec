"""When a slice of work stops, and why: pure state that several workers share under one lock of their own.

A slice ends at its deadline, when nothing is left, when its batch is cancelled, when nothing may be asked (held), or when the
service fails again and again (paused). Add a reason here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

SHORTEST, LONGEST, USUAL = 1, 300, 30
"""Seconds of a slice."""


class StopReason(StrEnum):
    """Why a slice ended."""

    FINISHED = "finished"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    PAUSED = "paused"
    HELD = "held"


def is_slice(seconds: float) -> bool:
    """Whether a slice may last so long."""
    return SHORTEST <= seconds <= LONGEST


@dataclass
class Breaker:
    """Stops a slice when calls fail one after the other: what is down is not asked once per question.

    `limit` failures in a row without an answer between them open it for the rest of the slice.
    """

    limit: int
    failures: int = 0

    def note(self, *, troubled: bool, answered: bool) -> bool:
        """Takes in how one question went; True once the breaker is open."""
        if answered:
            self.failures = 0
        elif troubled:
            self.failures += 1
        return self.failures >= self.limit


def breaker_for(concurrency: int) -> Breaker:
    """Every question under way may fail of one cause, and a few more show that it lasts."""
    return Breaker(limit=concurrency + 4)


@dataclass
class Pace:
    """The most calls in a minute, evenly spread: each has a moment before which it does not begin.

    Attributes:
        per_minute: Calls a minute; None for no bound.
        next_at: The earliest moment of the next call, by the clock of the slice.
    """

    per_minute: int | None
    next_at: float = field(default=0.0)

    def wait(self, now: float) -> float:
        """Seconds that a call would have to wait now; no moment is taken."""
        return 0.0 if self.per_minute is None else max(self.next_at - now, 0.0)

    def take(self, now: float) -> float:
        """Seconds to wait before a call that is to begin at `now`; its moment is taken."""
        if self.per_minute is None:
            return 0.0
        begins = max(self.next_at, now)
        self.next_at = begins + 60.0 / self.per_minute
        return begins - now
