"""Makes a failing schedule small: parts are left out as long as it still fails.

What is left is the schedule to read; the seed remains the way to get the whole one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.simulation.schedule import Schedule, World

Fails = Callable[[Schedule], bool]

_TRIES = 400


def shrink(schedule: Schedule, fails: Fails, *, tries: int = _TRIES) -> Schedule:
    """The smallest failing schedule that leaving out steps, faults and oddities of the world leads to, in so many tries."""
    left = [tries]

    def still_fails(candidate: Schedule) -> bool:
        left[0] -= 1
        return left[0] >= 0 and fails(candidate)

    before = None
    while schedule != before and left[0] > 0:
        before = schedule
        schedule = _without_steps(schedule, still_fails)
        schedule = _without_faults(schedule, still_fails)
        schedule = _plainer(schedule, still_fails)
    return schedule


def _without_steps(schedule: Schedule, fails: Fails) -> Schedule:
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


def _without_faults(schedule: Schedule, fails: Fails) -> Schedule:
    for place in reversed(range(len(schedule.faults))):
        candidate = schedule.without(fault=place)
        if fails(candidate):
            schedule = candidate
    return schedule


def _plainer(schedule: Schedule, fails: Fails) -> Schedule:
    """Each quality of the world as it is usually, and as few sessions as will do."""
    usual = World()
    for name in ("skew", "validating", "running", "finalizing", "cancelling", "token_limit"):
        candidate = replace(schedule, world=replace(schedule.world, **{name: getattr(usual, name)}))
        if candidate != schedule and fails(candidate):
            schedule = candidate
    for sessions in ((1,), (2,), schedule.world.sessions[:1]):
        candidate = replace(schedule, world=replace(schedule.world, sessions=sessions))
        if sum(sessions) < sum(schedule.world.sessions) and fails(candidate):
            return candidate
    return schedule
