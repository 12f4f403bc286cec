"""The schedule of a seed: the world, faults and steps, all of them drawn from the seed alone.

Changing anything here gives every seed another schedule: what was found is kept as data (`test_found_faults.py`).
"""

from __future__ import annotations

from random import Random
from typing import Any

from tests.simulation.fault_draws import draw_fault
from tests.simulation.money_draws import with_money
from tests.simulation.plots import PLOTS
from tests.simulation.scenes import PLACES, SCENES
from tests.simulation.schedule import MOST_REQUESTS, WORKERS, Schedule, Step, World
from tests.simulation.workers import ALL

Fault = dict[str, Any]

_ACTIONS = {"submit": 30, "poll": 22, "ingest": 14, "build": 8, "reconcile": 8, "cancel": 9}
_PLOTTED = 0.12
_STANDING_STILL = frozenset({"moves_when_retrieved", "frozen_listing"})
_WAITS = (5.0, 40.0, 95.0, 130.0, 300.0, 1000.0, 4000.0, 30_000.0, 90_000.0)


def draw_schedule(seed: int) -> Schedule:
    """The schedule of a seed."""
    random = Random(seed)
    world = _draw_world(random)
    faults = tuple(draw_fault(random) for _ in range(random.choice((0, 0, 1, 1, 2, 2, 3, 4))))
    steps = [Step("start", 0, "build"), Step("go", 0, number=ALL)]
    if random.random() < _PLOTTED:
        needed, played = random.choice(PLOTS)(random)
        faults, steps = (*needed, *faults), [*steps, *played]
    return with_money(Schedule(seed, world, _followable(faults), (*steps, *_draw_steps(random))))


def _followable(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """Without listings that stand still, where a look-up takes only ids that the listing, or the create, does not tell.

    After a lost reply nobody could learn from such a service how a batch goes on.
    """
    unnamed = any(fault["kind"] == "renamed_id" and fault["accepts"] != "both" for fault in faults)
    return tuple(fault for fault in faults if not (unnamed and fault["kind"] in _STANDING_STILL))


def _draw_world(random: Random) -> World:
    companies = random.choice((1, 1, 1, 2))
    most = random.choice((2, 3, 4, MOST_REQUESTS)) // companies
    return World(
        sessions=tuple(random.randint(1, max(1, most)) for _ in range(companies)),
        skew=random.choice((0.0, -200.0, 200.0)),
        validating=random.choice((0.5, 2.0, 200.0)),
        running=random.choice((3.0, 3.0, 30.0, 200.0, 2000.0, 40_000.0)),
        finalizing=random.choice((1.0, 1.0, 300.0)),
        cancelling=random.choice((1.0, 1.0, 500.0)),
        token_limit=random.choice((0, 0, 0, 2500)),
    )


def _draw_steps(random: Random) -> list[Step]:
    steps: list[Step] = []
    busy: dict[int, str] = {}
    for _ in range(random.randint(4, 16)):
        kind = random.choices(("act", "go", "wait", "world", "scene"), (34, 18, 25, 9, 14))[0]
        if kind == "wait":
            steps.append(Step("wait", seconds=random.choice(_WAITS)))
        elif kind == "world":
            steps.append(_draw_event(random))
        elif kind == "scene":
            steps += random.choice(SCENES)(random)
            busy.clear()
        else:
            steps += _draw_work(random, kind, busy)
    return steps


def _draw_work(random: Random, kind: str, busy: dict[int, str]) -> list[Step]:
    idle = sorted(set(range(WORKERS)) - busy.keys())
    started = []
    if not idle or (kind == "go" and busy):
        worker = random.choice(sorted(busy))
        action = busy.pop(worker)
    else:
        worker = random.choice(idle)
        action = random.choices(list(_ACTIONS), list(_ACTIONS.values()))[0]
        started = [Step("start", worker, action, random.randint(0, 7))]
    end = random.choices(("finish", "stop", "die"), (45, 30, 25))[0]
    if end == "finish":
        return [*started, Step("go", worker, number=ALL)]
    if end == "stop":
        busy[worker] = action
    return [*started, _to_somewhere(random, worker, action, "die" if end == "die" else "go")]


def _to_somewhere(random: Random, worker: int, action: str, kind: str) -> Step:
    if random.random() < 0.5:
        return Step(kind, worker, number=random.randint(1, 30))
    return Step(kind, worker, number=ALL, place=random.choice(PLACES[action]))


def _draw_event(random: Random) -> Step:
    kind = random.choices(("change", "suspend", "resume", "requeue"), (5, 1, 2, 4))[0]
    return Step(kind, number=random.randint(0, 11))
