"""What a seed draws of money, beside its schedule: caps, models, prices, and operators who accept files and ask again.

It has numbers of its own, so that most seeds keep the schedule that they had without it.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from tests.simulation.scenes import whole
from tests.simulation.schedule import MOST_REQUESTS, Caps, Schedule, Step, World
from tests.simulation.workers import ALL

MODELS = ("gpt-5-mini", "gpt-5-nano", "gpt-4o-mini", "gpt-5.1")
_CHEAP = MODELS[:3]
_RIVALLED, _CAPPED, _LONG, _UNSTATED, _TAKEN, _ASKED_AGAIN = 0.08, 0.38, 0.2, 0.15, 0.15, 0.3
# One request reserves about 0.004 EUR with the usual model, and costs a tenth of that.
_CAPS = ("0.003", "0.005", "0.009", "0.014", "0.03")
_OF_ALL = ("0.005", "0.009", "0.014", "0.03")
_LATE: tuple[dict[str, Any], ...] = (
    {"kind": "late_output_file", "seconds": 4000.0},
    {"kind": "late_output_file", "seconds": 90_000.0},
    {"kind": "truncate", "operation": "download_file", "keep": 0.6, "silent": True, "match": {"share": 0.6}},
    {"kind": "truncate", "operation": "download_file", "keep": 0.3, "silent": True, "times": 7},
    {"kind": "status", "operation": "get_file", "status": 404, "match": {"share": 0.5}},
    {"kind": "vanish_file", "file": "output", "match": {"nth": 1}},
    {"kind": "missing_line", "match": {"share": 0.5}},
)


def with_money(schedule: Schedule) -> Schedule:
    """The schedule with what its seed draws of money."""
    random = Random(f"money {schedule.seed}")
    world, steps, faults = schedule.world, schedule.steps, schedule.faults
    chance = random.random()
    if chance < _RIVALLED:
        world, steps = _rivalled(random, world, steps)
    elif chance < _CAPPED:
        world = _capped(random, world)
    if random.random() < _LONG:
        world = replace(world, long_context=random.choice((500, 900, 1300)))
    if random.random() < _UNSTATED:
        match = random.choice(({}, {"nth": 1}, {"share": 0.5}))
        faults = (*faults, {"kind": "unstated_usage", "match": match})
    if random.random() < _TAKEN:
        late, taken = random.choice(_LATE), _taken(random)
        faults, steps = (*faults, late), (*steps, *taken)
    if random.random() < _ASKED_AGAIN:
        world = replace(world, asks_again=True)
    return replace(schedule, world=world, faults=faults, steps=steps)


def _capped(random: Random, world: World) -> World:
    if len(world.sessions) == 1 and random.random() < 0.6:
        most = MOST_REQUESTS // 2
        world = replace(world, sessions=(min(world.sessions[0], most), random.randint(1, most)))
    names = random.sample(("monthly", "daily", "total_monthly", "total_daily", "own_monthly", "own_daily"), 2)
    drawn = {name: random.choice(_OF_ALL if name.startswith("total") else _CAPS) for name in names}
    models = random.choice(((), (), (MODELS[0], random.choice(MODELS)), tuple(random.choices(MODELS, k=2))))
    return replace(world, caps=Caps(**drawn), models=models)


def _rivalled(random: Random, world: World, steps: tuple[Step, ...]) -> tuple[World, tuple[Step, ...]]:
    """Two companies with two models, so that only their total cap keeps one claim from another, and claims that meet."""
    sessions = (random.randint(1, 6), random.randint(2, 6))
    cap = {random.choice(("total_monthly", "total_daily")): random.choice(_OF_ALL)}
    models = tuple(random.sample(_CHEAP, 2))
    played = [*steps[:2], Step("rival"), *whole(0, "submit", 2)]
    for step in steps[2:]:
        is_met = step.kind == "start" and step.action == "submit"
        played += [Step("rival"), step] if is_met else [step]
    return replace(world, sessions=sessions, caps=Caps(**cap), models=models), tuple(played)


def _taken(random: Random) -> list[Step]:
    """An operator accepts what there is, and one asks again later; either may die over it, or meet the other."""
    kind = random.choice(("go", "die"))
    places = ("call download: ", "call file: ", "commit ledger.steps.", "transaction ledger.steps.")
    return [
        *whole(0, "submit", 2),
        Step("wait", seconds=random.choice((40.0, 1000.0, 4000.0, 90_000.0))),
        *whole(1, "poll"),
        Step("start", 0, "accept", random.randint(0, 3)),
        Step(kind, 0, number=ALL, place=random.choice(places)),
        *whole(1, random.choice(("accept", "ingest"))),
        Step("go", 0, number=ALL),
        Step("wait", seconds=random.choice((5.0, 4000.0, 90_000.0))),
        Step("start", 2, "again", random.randint(0, 3)),
        Step(random.choice(("go", "die")), 2, number=ALL, place=random.choice(places)),
        *whole(1, "again", random.randint(0, 3)),
        Step("go", 2, number=ALL),
    ]
