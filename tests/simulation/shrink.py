"""Makes a failing schedule small: parts are left out as long as it still fails.

What is left is the schedule to read; the seed remains the way to get the whole one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, Self, TypeVar

from tests.simulation.schedule import Schedule, World


class Reducible(Protocol):
    """A schedule of any kind, of which single steps and faults can be left out."""

    @property
    def steps(self) -> Sequence[Any]: ...

    @property
    def faults(self) -> Sequence[Any]: ...

    def without(self, *, steps: slice | None = None, fault: int | None = None) -> Self: ...


Fails = Callable[[Schedule], bool]
_Plan = TypeVar("_Plan", bound=Reducible)

TRIES = 400
"""How many schedules are run to make one smaller."""


def shrink(schedule: Schedule, fails: Fails, *, tries: int = TRIES) -> Schedule:
    """The smallest failing schedule that leaving out steps, faults and oddities of the world leads to, in so many tries."""
    left = [tries]

    def still_fails(candidate: Schedule) -> bool:
        left[0] -= 1
        return left[0] >= 0 and fails(candidate)

    before = None
    while schedule != before and left[0] > 0:
        before = schedule
        schedule = without_steps(schedule, still_fails)
        schedule = without_faults(schedule, still_fails)
        schedule = _plainer(schedule, still_fails)
    return schedule


def without_steps(schedule: _Plan, fails: Callable[[_Plan], bool]) -> _Plan:
    """The schedule without steps that it does not take to fail: halves first, then smaller parts."""
    size = max(1, len(schedule.steps) // 2)
    while size:
        start = 0
        while start < len(schedule.steps):
            candidate = schedule.without(steps=slice(start, start + size))
            if fails(candidate):
                schedule = candidate
            else:
                start += size
        size //= 2
    return schedule


def without_faults(schedule: _Plan, fails: Callable[[_Plan], bool]) -> _Plan:
    """The schedule without faults that it does not take to fail."""
    for place in reversed(range(len(schedule.faults))):
        candidate = schedule.without(fault=place)
        if fails(candidate):
            schedule = candidate
    return schedule


def _plainer(schedule: Schedule, fails: Fails) -> Schedule:
    """Each quality of the world as it is usually, and as few sessions as will do."""
    usual = World()
    qualities = ("skew", "validating", "running", "finalizing", "cancelling", "token_limit")
    for name in (*qualities, "caps", "models", "long_context", "asks_again"):
        candidate = replace(schedule, world=replace(schedule.world, **{name: getattr(usual, name)}))
        if candidate != schedule and fails(candidate):
            schedule = candidate
    for sessions in ((1,), (2,), schedule.world.sessions[:1]):
        candidate = replace(schedule, world=replace(schedule.world, sessions=sessions))
        if sum(sessions) < sum(schedule.world.sessions) and fails(candidate):
            return candidate
    return schedule
