"""Schedules are data: a world, the faults of its service, and steps; any part of one can be left out.

Add here what a schedule can hold. What a step does is in `runner.py`; how a seed gives a schedule, in `draws.py`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from tests.simulation.workers import ALL

WORKERS = 3
MOST_REQUESTS = 12
ACCEPTS_VANISHED = 8
"""The number of a `reconcile` by an operator who gives up what the service does not show."""


@dataclass(frozen=True)
class Caps:
    """Spending caps in euro, written as settings are; None where there is none.

    Attributes:
        monthly: Of each company.
        daily: Of each company.
        total_monthly: Of all companies together.
        total_daily: Of all companies together.
        own_monthly: The first company's own, which counts for it instead.
        own_daily: The first company's own, which counts for it instead.
    """

    monthly: str | None = None
    daily: str | None = None
    total_monthly: str | None = None
    total_daily: str | None = None
    own_monthly: str | None = None
    own_daily: str | None = None


NO_CAPS = Caps()


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
        caps: What may be spent, until somebody raises all caps in the end.
        models: The model of each company; those that have none here take the usual one.
        long_context: Above so many prompt tokens a request has long-context rates; 0 for prices without such rates.
        asks_again: Whether an operator asks in the end for answers that were given up.
    """

    sessions: tuple[int, ...] = (2,)
    skew: float = 0.0
    validating: float = 2.0
    running: float = 3.0
    finalizing: float = 1.0
    cancelling: float = 2.0
    token_limit: int = 0
    caps: Caps = NO_CAPS
    models: tuple[str, ...] = ()
    long_context: int = 0
    asks_again: bool = False


@dataclass(frozen=True)
class Step:
    """One thing that happens.

    `start` gives a worker an action, `go` lets it pass `number` boundaries, `die` lets it pass them and die at the last one;
    with a `place` both end at the next boundary whose name begins with it. `wait` lets time pass. `rival` has the next claim meet
    one for another company in the middle of its transaction. `change`, `suspend`, `resume` and `requeue` are what people and
    sources do meanwhile.
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
    """A world, the faults of its service as its fault scripts write them, and steps.

    Attributes:
        seed: Also that of the service's own chances.
        world: What it begins with.
        faults: What goes wrong at the service.
        steps: What happens.
        dies_at: Boundaries, by their whole names, at each of which the first worker that comes there dies.
    """

    seed: int
    world: World = World()
    faults: tuple[dict[str, Any], ...] = ()
    steps: tuple[Step, ...] = ()
    dies_at: tuple[str, ...] = ()

    @property
    def replay(self) -> str:
        """The arguments of `python -m tests.simulation` that run it again, where its seed gives the rest."""
        return " ".join([f"--replay {self.seed}", *(f"--dies-at '{name}'" for name in self.dies_at)])

    def describe(self) -> str:
        """All of it, one thing a line."""
        lines = [f"seed {self.seed}", json.dumps(asdict(self.world))]
        lines += [f"fault {json.dumps(fault)}" for fault in self.faults]
        lines += [f"the first worker that comes to {name!r} dies there" for name in self.dies_at]
        return "\n".join([*lines, *(f"{place:3} {step}" for place, step in enumerate(self.steps))])

    def without(self, *, steps: slice | None = None, fault: int | None = None) -> Schedule:
        """The same with some steps, or one fault, left out."""
        kept = list(self.steps)
        if steps is not None:
            del kept[steps]
        faults = tuple(each for place, each in enumerate(self.faults) if place != fault)
        return replace(self, steps=tuple(kept), faults=faults)
