"""Schedules from seeds: the same seed gives the same schedule, on any machine.

Most steps are drawn one by one; some are scenes, in which workers come to meet where it matters. Add a scene for a race that the
single steps seldom hit. Changing anything here gives every seed another schedule.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tests.chats.simulation.provider import ANSWERED, OUTCOMES
from tests.chats.simulation.schedule import CONCURRENCY, Plan, Schedule, pick
from tests.simulation.schedule import WORKERS, Step
from tests.simulation.workers import ALL

_LEASE = 160.0
_WAITS = (1.0, 20.0, _LEASE, _LEASE, 1000.0, 30_000.0)
_MOST_CALLS = 24
_BEFORE, _AFTER = "call complete: before", "call complete: after"
_CLAIMED = "commit chats.steps.process._Worker._next: after"
_PLACES = (_BEFORE, _AFTER, _CLAIMED, "commit chats.steps.asking.ask", "sleep")
_BATCHED = ("slice", "submit", "poll", "ingest", "slice")


def draw_schedule(seed: int) -> Schedule:
    """The schedule of a seed."""
    random = Random(seed)
    plans = tuple(_draw_plan(random) for _ in range(random.choice((1, 1, 1, 2))))
    troubled = random.choice((0.0, 0.1, 0.3, 0.6))
    words = [word for word in OUTCOMES if word != ANSWERED]
    calls = [(call, random.choice(words)) for call in range(_MOST_CALLS) if random.random() < troubled]
    faults: tuple[Any, ...] = tuple(calls)
    if any(plan.mode != "slices" for plan in plans):
        faults += tuple(_draw_service_fault(random) for _ in range(random.choice((0, 0, 1, 2))))
    return Schedule(seed, plans, faults, tuple(_draw_steps(random, plans)))


def _draw_plan(random: Random) -> Plan:
    conversations = random.choice((1, 1, 2, 2, 3, 4, 6))
    turns = tuple(
        random.choices((1, 2, 3), (6, 3, 2))[0] * random.choices((1, -1), (12, 1))[0] for _ in range(conversations)
    )
    policy = random.choice(("stop", "continue"))
    mode = random.choices(("slices", "batch", "auto"), (60, 20, 20))[0]
    if mode == "slices":
        return Plan(turns, mode, None, policy, random.choice(list(CONCURRENCY)))
    return Plan(turns, mode, random.choice((None, 3.0, 27.0, 30.0)) if mode == "auto" else None, policy)


def _draw_service_fault(random: Random) -> dict[str, Any]:
    line = {"match": {"share": random.choice((0.4, 0.9))}}
    nth = {"match": {"nth": random.randint(1, 2)}}
    fault: dict[str, Any] = random.choice(
        (
            {"kind": "refusal", **line},
            {"kind": "length", **line},
            {"kind": "length", "match": {"share": 1.0}},
            {"kind": "missing_line", **line},
            {"kind": "error_line", "status": 500, **line},
            {"kind": "error_line", "status": 400, "code": "invalid_value", **line},
            {"kind": "expire", "share": random.choice((0.0, 0.5)), **nth},
            {"kind": "lose_reply", "operation": "create_batch", **nth},
            {"kind": "status", "operation": "create_batch", "status": 429, **nth},
        )
    )
    return fault


def _draw_steps(random: Random, plans: tuple[Plan, ...]) -> list[Step]:
    steps: list[Step] = []
    busy: set[int] = set()
    for _ in range(random.randint(3, 14)):
        batch = random.randrange(len(plans))
        kind = random.choices(("work", "wait", "event", "scene"), (52, 18, 8, 22))[0]
        if kind == "work":
            steps += _draw_work(random, plans[batch], batch, busy)
        elif kind == "wait":
            steps.append(Step("wait", seconds=random.choice(_WAITS)))
        elif kind == "event":
            steps.append(Step(random.choice(("lift", "requeue"))))
        else:
            steps += random.choice(_scenes(plans[batch]))(random, plans[batch], batch)
            busy.clear()
    return steps


def _draw_work(random: Random, plan: Plan, batch: int, busy: set[int]) -> list[Step]:
    if busy and random.random() < 0.35:
        worker = random.choice(sorted(busy))
        started = []
    else:
        idle = sorted(set(range(WORKERS)) - busy)
        if not idle:
            return [Step("go", busy.pop(), number=ALL)]
        worker = random.choice(idle)
        started = [Step("start", worker, _draw_action(random, plan), pick(batch, random.randint(0, 3)))]
    busy.discard(worker)
    end = random.choices(("finish", "stop", "die"), (40, 35, 25))[0]
    if end == "finish":
        return [*started, Step("go", worker, number=ALL)]
    if end == "stop":
        busy.add(worker)
    return [*started, _somewhere(random, worker, "die" if end == "die" else "go")]


def _draw_action(random: Random, plan: Plan) -> str:
    ledger: tuple[str, ...] = ("submit", "poll", "ingest", "stop batch") if plan.mode != "slices" else ()
    return random.choice(("slice", "slice", "slice", "slice", "cancel", "resume", *ledger))


def _somewhere(random: Random, worker: int, kind: str) -> Step:
    if random.random() < 0.5:
        return Step(kind, worker, number=random.randint(1, 20))
    return Step(kind, worker, number=ALL, place=random.choice(_PLACES))


Scene = Callable[[Random, Plan, int], list[Step]]


def _scenes(plan: Plan) -> tuple[Scene, ...]:
    if plan.mode == "slices":
        return (_taken_over, _taken_over, _cancelled_under_way, _two_starters, _crashes)
    if plan.due is not None:
        return (_wave, _out_of_time, _out_of_time, _cancelled_wave, _taken_over, _cancelled_under_way)
    return (_wave, _wave, _cancelled_wave, _taken_over, _cancelled_under_way)


def _taken_over(random: Random, plan: Plan, batch: int) -> list[Step]:
    """A worker stands still until its lease passes; another one takes over, and then both go on.

    What waits is claimed before what was lost, so the second worker comes to that after as many questions as there are.
    """
    place = random.choice((_BEFORE, _AFTER, "commit chats.steps.asking.ask"))
    return [
        Step("start", 0, "slice", pick(batch, 1)),
        Step("go", 0, number=ALL, place=random.choice((*_PLACES, _CLAIMED))),
        Step("wait", seconds=_LEASE),
        Step("start", 1, "slice", pick(batch, 1)),
        *[Step("go", 1, number=ALL, place=place)] * random.randint(1, 1 + sum(map(abs, plan.turns))),
        Step("go", 0, number=random.choice((2, 4, ALL))),
        Step("go", 1, number=ALL),
        Step("go", 0, number=ALL),
    ]


def _cancelled_under_way(random: Random, plan: Plan, batch: int) -> list[Step]:
    """A batch is cancelled while a worker is at a question, which goes on, dies or lets its lease pass; then it is resumed."""
    end = random.choice(("go", "go", "die"))
    return [
        Step("start", 0, "slice", pick(batch, 1)),
        Step("go", 0, number=ALL, place=random.choice(_PLACES)),
        Step("start", 1, "cancel", pick(batch, 0)),
        Step("go", 1, number=ALL),
        *([Step("wait", seconds=_LEASE)] if random.random() < 0.3 else []),
        Step(end, 0, number=random.choice((1, ALL))),
        Step("start", 1, "slice", pick(batch, 0)),
        Step("go", 1, number=ALL),
        Step("start", 2, "resume", pick(batch, random.randint(0, 1))),
        Step("go", 2, number=ALL),
    ]


def _two_starters(random: Random, plan: Plan, batch: int) -> list[Step]:
    """Two begin the same batch, at the same time or once the first is at a question, and go on in turns."""
    steps = [Step("start", each, "slice", pick(batch, 1)) for each in (0, 1)]
    if random.random() < 0.5:
        steps += [Step("go", each, number=ALL, place=random.choice(_PLACES)) for each in (0, 1)]
    steps += [Step("go", random.randint(0, 1), number=random.randint(1, 8)) for _ in range(random.randint(2, 12))]
    return [*steps, Step("go", 0, number=ALL), Step("go", 1, number=ALL)]


def _crashes(random: Random, plan: Plan, batch: int) -> list[Step]:
    """One worker after the other dies at the same conversation."""
    steps = []
    for _ in range(random.randint(2, 4)):
        steps += [
            Step("start", 0, "slice", pick(batch, 1)),
            Step("die", 0, number=ALL, place=random.choice((_BEFORE, _AFTER))),
            Step("wait", seconds=_LEASE),
        ]
    return steps


def _wave(random: Random, plan: Plan, batch: int) -> list[Step]:
    """Turns are requested, sent, and taken in; perhaps somebody puts back what failed."""
    steps = []
    for _ in range(random.randint(1, 3)):
        for action in _BATCHED:
            steps += [Step("start", 2, action, pick(batch, 1)), Step("go", 2, number=ALL), Step("wait", seconds=8.0)]
    return [*steps, Step("requeue")] if random.random() < 0.4 else steps


def _out_of_time(random: Random, plan: Plan, batch: int) -> list[Step]:
    """Turns wait for a batch, or are at the service, while the time comes at which the Batch API cannot answer them any more."""
    reached = random.randint(1, 3)
    steps = []
    for action in _BATCHED[:reached]:
        steps += [Step("start", 2, action, pick(batch, 1)), Step("go", 2, number=ALL), Step("wait", seconds=8.0)]
    steps.append(Step("wait", seconds=random.choice((15_000.0, 15_000.0, 90_000.0))))
    steps += [Step("start", 0, "slice", pick(batch, 1)), Step("go", 0, number=random.choice((2, 5, ALL)))]
    steps += [Step("start", 2, random.choice(_BATCHED), pick(batch, 1)), Step("go", 2, number=ALL)]
    return [*steps, Step("go", 0, number=ALL)]


def _cancelled_wave(random: Random, plan: Plan, batch: int) -> list[Step]:
    """A batch is cancelled before its turns are claimed, while they are at the service, or while they are taken in."""
    steps = [Step("wait", seconds=8.0)]
    reached = random.randint(1, len(_BATCHED) - 1)
    for action in _BATCHED[:reached]:
        steps += [Step("start", 2, action, pick(batch, 1)), Step("go", 2, number=ALL), Step("wait", seconds=8.0)]
    steps += [Step("start", 2, _BATCHED[reached], pick(batch, 1)), Step("go", 2, number=random.randint(1, 12))]
    steps += [Step("start", 1, "cancel", pick(batch, 0)), Step("go", 1, number=ALL), Step("go", 2, number=ALL)]
    if random.random() < 0.5:
        steps += [Step("start", 1, "resume", pick(batch, random.randint(0, 1))), Step("go", 1, number=ALL)]
    return steps
