"""Schedules are data: a world, the faults of its service, and steps. Each seed gives one, and any part can be left out.

Add a step or a fault to what is drawn here; what a step does is in `runner.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any

from tests.simulation.workers import ALL

WORKERS = 3
MOST_REQUESTS = 12
# Within what the settings allow the service: LIVEDASH_VISIBILITY_LAG is 120 s.
LONGEST_LAG = 115.0

_ACTIONS = {"submit": 30, "poll": 22, "ingest": 14, "build": 8, "reconcile": 8, "cancel": 9}
_WAITS = (5.0, 40.0, 95.0, 130.0, 300.0, 1000.0, 4000.0, 30_000.0, 90_000.0)


@dataclass(frozen=True)
class World:
    """What a schedule begins with.

    Attributes:
        sessions: Sessions of each company.
        skew: Seconds by which the service's clock is ahead of ours.
        validating: Seconds that the service takes to validate a batch.
        running: Seconds that it takes to run one.
        finalizing: Seconds that it takes to write its files.
        cancelling: Seconds that it takes to cancel one.
        token_limit: Tokens that our settings allow in the service's queue; 0 for no limit.
    """

    sessions: tuple[int, ...] = (2,)
    skew: float = 0.0
    validating: float = 2.0
    running: float = 3.0
    finalizing: float = 1.0
    cancelling: float = 2.0
    token_limit: int = 0


@dataclass(frozen=True)
class Step:
    """One thing that happens.

    `start` gives a worker an action, `go` lets it pass `number` boundaries, `die` lets it pass them and die at the last one;
    with a `place` both end at the next boundary whose name begins with it. `wait` lets time pass. `change`, `suspend`, `resume`
    and `requeue` are what people and sources do meanwhile.
    """

    kind: str
    worker: int = 0
    action: str = ""
    number: int = 0
    seconds: float = 0.0
    place: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "start":
                return f"worker {self.worker} starts {self.action}({self.number})"
            case "go" | "die":
                count = "all" if self.number == ALL else str(self.number)
                way = f"goes to {self.place!r}" if self.place else f"passes {count} boundaries"
                return f"worker {self.worker} {way}{' and dies' if self.kind == 'die' else ''}"
            case "wait":
                return f"{self.seconds:g} seconds pass"
        return f"{self.kind}({self.number})"


@dataclass(frozen=True)
class Schedule:
    """A world, the faults of its service as its fault scripts write them, and steps."""

    seed: int
    world: World = World()
    faults: tuple[dict[str, Any], ...] = ()
    steps: tuple[Step, ...] = ()

    def describe(self) -> str:
        """All of it, one thing a line."""
        lines = [f"seed {self.seed}", json.dumps(asdict(self.world))]
        lines += [f"fault {json.dumps(fault)}" for fault in self.faults]
        return "\n".join([*lines, *(f"{place:3} {step}" for place, step in enumerate(self.steps))])

    def without(self, *, steps: slice | None = None, fault: int | None = None) -> Schedule:
        """The same with some steps, or one fault, left out."""
        kept = list(self.steps)
        if steps is not None:
            del kept[steps]
        faults = tuple(each for place, each in enumerate(self.faults) if place != fault)
        return replace(self, steps=tuple(kept), faults=faults)


def draw_schedule(seed: int) -> Schedule:
    """The schedule of a seed."""
    random = Random(seed)
    world = _draw_world(random)
    faults = tuple(_draw_fault(random) for _ in range(random.choice((0, 0, 1, 1, 2, 2, 3, 4))))
    if random.random() < 0.04:
        faults = (*_hidden_late_create(random), *faults)
    return Schedule(seed, world, faults, tuple(_draw_steps(random)))


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


# Where the order of two workers, or the death of one, has mattered most.
_PLACES = {
    "submit": (
        "commit flow.submit._claim: ",
        "transaction flow.sending._upload: begin",
        "call upload_input: ",
        "commit flow.sending._upload: ",
        "transaction flow.sending._begin_create: begin",
        "commit flow.sending._begin_create: ",
        "call create_batch: before",
        "call create_batch: after",
        "commit flow.sending._create: ",
        "commit flow.recover.recover_batches: ",
        "call file: after",
        "call list_batches: after",
        "commit flow.recover._Recovery.",
        "call delete_file: ",
    ),
    "poll": (
        "commit flow.recover.recover_batches: ",
        "call file: after",
        "call list_batches: ",
        "commit flow.recover._Recovery.",
        "call delete_file: ",
        "call retrieve_batch: ",
        "commit flow.poll.poll_batches: ",
        "commit flow.surplus.",
        "call cancel_batch: ",
    ),
    "ingest": ("call file: before", "call download: ", "transaction flow.ingest.ingest_batch: ", "commit flow.ingest."),
    "build": ("commit flow.derive_sessions.", "commit flow.build_requests.", "transaction flow.build_requests."),
    "reconcile": ("call list_batches: ", "call list_files: ", "call delete_file: ", "commit flow.reconcile."),
    "cancel": ("commit flow.cancel.cancel_batches: ", "call cancel_batch: ", "commit flow.sending.cancel_unbought: "),
}


def _draw_steps(random: Random) -> list[Step]:
    steps = [Step("start", 0, "build"), Step("go", 0, number=ALL)]
    busy: dict[int, str] = {}
    for _ in range(random.randint(4, 16)):
        kind = random.choices(("act", "go", "wait", "world", "scene"), (34, 18, 25, 9, 14))[0]
        if kind == "wait":
            steps.append(Step("wait", seconds=random.choice(_WAITS)))
        elif kind == "world":
            steps.append(_draw_event(random))
        elif kind == "scene":
            steps += random.choice(_SCENES)(random)
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
    return Step(kind, worker, number=ALL, place=random.choice(_PLACES[action]))


def _whole(worker: int, action: str, number: int = 0) -> list[Step]:
    return [Step("start", worker, action, number), Step("go", worker, number=ALL)]


def _to(worker: int, action: str, place: str) -> list[Step]:
    return [Step("start", worker, action, 2), Step("go", worker, number=ALL, place=place)]


def _wait(random: Random, *seconds: float) -> Step:
    return Step("wait", seconds=random.choice(seconds))


def _late_submitters(random: Random) -> list[Step]:
    """Two submitters with one batch: the second took it over from the first, which was only slow."""
    places = [random.choice(_PLACES["submit"][2:9]) for _ in range(2)]
    return [
        *_to(0, "submit", places[0]),
        _wait(random, 950.0, 1000.0),
        *_to(1, "submit", places[1]),
        Step("go", 0, number=ALL),
        _wait(random, 0.0, 200.0, 1000.0),
        Step("go", 1, number=ALL),
    ]


def _two_at_once(random: Random) -> list[Step]:
    """Two workers do the same, one of them in the middle of the other."""
    action = random.choice(("ingest", "ingest", "poll", "reconcile", "submit", "build"))
    before = _whole(2, "poll") if action == "ingest" else []
    return [
        *before,
        *_to(0, action, random.choice(_PLACES[action])),
        *_whole(1, action),
        *(_whole(1, "submit", 2) if random.random() < 0.5 else []),
        Step("go", 0, number=ALL),
    ]


def _lost_and_found(random: Random) -> list[Step]:
    """A submitter dies around its create, and others look for the batch, at the very moments that count."""
    place = random.choice(("call create_batch: before", "call create_batch: after", "commit flow.sending._create: "))
    looks = [random.choice(("poll", "submit", "reconcile")) for _ in range(3)]
    waits = (_wait(random, 0.0, 95.0, 179.0, 181.0), _wait(random, 0.0, 60.0, 121.0), _wait(random, 0.0, 121.0, 1000.0))
    steps = [Step("start", 0, "submit", 2), Step("die", 0, number=ALL, place=place)]
    for wait, look in zip(waits, looks, strict=True):
        steps += [wait, *_whole(1, look, 2)]
    return steps


def _take_in(random: Random) -> list[Step]:
    """A batch ends and is taken in, by somebody who may die over it, while others do something else."""
    kind = random.choice(("go", "go", "die"))
    return [
        *_whole(0, "submit", 2),
        _wait(random, 40.0, 1000.0, 4000.0, 90_000.0),
        *_whole(1, "poll", random.randint(0, 7)),
        Step("start", 2, "ingest"),
        Step(kind, 2, number=ALL, place=random.choice(_PLACES["ingest"])),
        *_whole(1, random.choice(("ingest", "poll", "cancel", "build"))),
        *_whole(0, random.choice(("submit", "ingest")), 2),
        Step("go", 2, number=ALL),
    ]


def _cancel_meanwhile(random: Random) -> list[Step]:
    """Somebody wishes a batch cancelled while another one submits it, and may get no further than the wish."""
    place = random.choice(("", "commit flow.cancel.cancel_batches: after"))
    return [
        *_to(0, "submit", random.choice(_PLACES["submit"][:9])),
        Step("start", 1, "cancel", random.randint(0, 1)),
        Step("go", 1, number=ALL, place=place),
        Step("go", 0, number=ALL),
        Step("go", 1, number=ALL),
    ]


def _change_meanwhile(random: Random) -> list[Step]:
    """A transcript changes while its request is on its way, or has failed, and perhaps changes back."""
    number = random.randint(0, 11)
    return [
        *(_whole(0, "submit", 2) if random.random() < 0.5 else _to(0, "submit", random.choice(_PLACES["submit"][:9]))),
        _wait(random, 0.0, 100.0, 4000.0),
        *(_whole(2, "poll") if random.random() < 0.5 else []),
        *(_whole(2, "ingest") if random.random() < 0.5 else []),
        Step("change", number=number),
        *_whole(1, "build", random.randint(0, 1)),
        *([Step("change", number=0), *_whole(1, "build")] if random.random() < 0.4 else []),
        Step("go", 0, number=ALL),
    ]


def _put_back_meanwhile(random: Random) -> list[Step]:
    """Requests fail with their batch, their transcripts change, and somebody requeues them while new ones are made."""
    number = random.randint(0, 11)
    return [
        *_to(0, "submit", random.choice(_PLACES["submit"][1:6])),
        *_whole(1, "cancel", 1),
        Step("go", 0, number=ALL),
        Step("change", number=number),
        Step("change", number=number + 1),
        *_whole(1, "build", 1),
    ]


_SCENES = (
    _late_submitters,
    _late_submitters,
    _two_at_once,
    _lost_and_found,
    _lost_and_found,
    _take_in,
    _take_in,
    _cancel_meanwhile,
    _change_meanwhile,
    _put_back_meanwhile,
)


def _draw_event(random: Random) -> Step:
    kind = random.choices(("change", "suspend", "resume", "requeue"), (5, 1, 2, 4))[0]
    return Step(kind, number=random.randint(0, 11))


Draw = Callable[[Random], dict[str, Any]]
_LOOKS = ("get_batch", "list_batches", "get_file", "download_file", "get_model", "list_files", "any")


def _nth(random: Random, most: int = 4) -> dict[str, Any]:
    return {"nth": random.randint(1, most)}


def _lost_create(random: Random) -> dict[str, Any]:
    return {"kind": random.choice(("lose_reply", "drop")), "operation": "create_batch", "match": _nth(random, 3)}


def _late_create(random: Random) -> dict[str, Any]:
    seconds = random.choice((1.0, 50.0, 100.0, 200.0, 330.0, 1000.0, 20_000.0, 200_000.0, None))
    return {"kind": "delay", "operation": "create_batch", "seconds": seconds, "match": _nth(random, 3)}


def _hidden_late_create(random: Random) -> list[dict[str, Any]]:
    """It takes effect late, just before its input file may be deleted, and shows later still."""
    late = {"kind": "delay", "operation": "create_batch", "seconds": random.choice((100.0, 170.0)), "match": {"nth": 1}}
    lag = {"kind": "visibility_lag", "seconds": LONGEST_LAG, "of": "batch", "on": "both", "match": {"nth": 1}}
    return [late, lag]


def _late_other(random: Random) -> dict[str, Any]:
    operation = random.choice(("cancel_batch", "delete_file"))
    return {"kind": "delay", "operation": operation, "seconds": random.choice((1.0, 200.0)), "match": _nth(random, 2)}


def _lost_call(random: Random) -> dict[str, Any]:
    operation = random.choice(("upload_file", "cancel_batch", "delete_file", *_LOOKS))
    match = random.choice((_nth(random, 8), {"share": 0.2}))
    return {"kind": random.choice(("lose_reply", "drop")), "operation": operation, "match": match}


def _error_on_create(random: Random) -> dict[str, Any]:
    status, acted = random.choice(((500, False), (503, True), (429, False), (408, True), (409, False), (502, True)))
    return {
        "kind": "status",
        "operation": "create_batch",
        "status": status,
        "acted": acted,
        "match": _nth(random, 3),
    }


def _refusal(random: Random) -> dict[str, Any]:
    status, code = random.choice(((429, "insufficient_quota"), (401, "invalid_api_key"), (400, None), (403, None)))
    operation = random.choice(("create_batch", "create_batch", "upload_file"))
    return {"kind": "status", "operation": operation, "status": status, "code": code, "match": _nth(random, 2)}


def _error(random: Random) -> dict[str, Any]:
    return {
        "kind": "status",
        "operation": random.choice(("upload_file", *_LOOKS)),
        "status": random.choice((500, 503, 429)),
        "match": random.choice((_nth(random, 8), {"share": 0.25})),
    }


def _lag(random: Random) -> dict[str, Any]:
    return {
        "kind": "visibility_lag",
        "seconds": random.choice((5.0, 60.0, LONGEST_LAG)),
        "of": "batch",
        "on": random.choice(("get", "list", "both")),
        "match": _nth(random, 3),
    }


def _short_download(random: Random) -> dict[str, Any]:
    times = random.choice((2, 3, 4, 7, None))
    keep = random.choice((0.3, 0.6, 0.95))
    fault: dict[str, Any] = {"kind": "truncate", "operation": "download_file", "keep": keep, "silent": True}
    return fault | ({"times": times} if times else {"match": {"share": 0.6}})


def _line(random: Random) -> dict[str, Any]:
    kind: dict[str, Any] = random.choice(
        (
            {"kind": "missing_line"},
            {"kind": "missing_line"},
            {"kind": "duplicate_line", "other_file": False},
            {"kind": "duplicate_line", "other_file": True},
            {"kind": "foreign_line"},
            {"kind": "lost_line"},
            {"kind": "error_line", "status": 500},
            {"kind": "error_line", "status": 429},
            {"kind": "error_line", "status": 429, "code": "insufficient_quota"},
            {"kind": "error_line", "status": 400, "code": "invalid_value"},
            {"kind": "garbled_line"},
            {"kind": "string_body"},
            {"kind": "refusal"},
            {"kind": "refusal"},
            {"kind": "length"},
            {"kind": "off_schema"},
            {"kind": "invalid_json"},
            {"kind": "other_session"},
        )
    )
    return kind | {"match": {"share": random.choice((0.4, 0.9)), "nth": random.choice((1, 1, 2, 3))}}


def _batch(random: Random) -> dict[str, Any]:
    kind: dict[str, Any] = random.choice(
        (
            {"kind": "expire", "share": random.choice((0.0, 0.4, 0.7))},
            {"kind": "stuck", "state": "finalizing", "seconds": random.choice((500.0, 100_000.0))},
            {"kind": "stuck", "state": "validating", "seconds": random.choice((500.0, 50_000.0))},
            {"kind": "stuck", "state": "cancelling", "seconds": 3000.0},
            {"kind": "wrong_counts", "all_completed": True},
            {"kind": "wrong_counts", "completed_by": random.choice((-1, 1, 2)), "failed_by": random.choice((-1, 0, 1))},
            {"kind": "token_limit", "limit": random.choice((10, 3000))},
            {"kind": "fail_validation", "code": random.choice(("token_limit_exceeded", "odd_word"))},
            {"kind": "fail_validation", "code": "invalid_json_line", "line": 1},
            {"kind": "fail_validation", "code": "invalid_request", "param": "file_id"},
            {"kind": "vanish_file", "file": random.choice(("output", "error", "both"))},
            {"kind": "vanish_batch", "after": random.choice((0.0, 200.0, 3000.0))},
            {"kind": "empty_error_file"},
            {"kind": "dialect", "upper_case_states": True, "empty_ids": True},
            {"kind": "unknown_state", "seconds": random.choice((100.0, 5000.0))},
        )
    )
    return kind | {"match": _nth(random, 3)}


_FAULTS: tuple[tuple[Draw, int], ...] = (
    (_lost_create, 16),
    (_late_create, 16),
    (_error_on_create, 8),
    (_late_other, 4),
    (_lost_call, 10),
    (_refusal, 5),
    (_error, 6),
    (_lag, 10),
    (_short_download, 6),
    (_line, 22),
    (_batch, 24),
)


def _draw_fault(random: Random) -> dict[str, Any]:
    draws, weights = zip(*_FAULTS, strict=True)
    draw: Draw = random.choices(draws, weights)[0]
    return draw(random)
