"""What a round is going to do, drawn from its seed: commands side by side, what is killed when, what the server does wrong.

The same seed draws the same plan. What then happens is not the same to the millisecond: real processes start when the machine
lets them. Moments are therefore bound to what a process has said or how much it has computed, not to the clock alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

Target = Literal["worker", "server", "postmaster", "backend"]
TARGETS: tuple[Target, ...] = ("worker", "server", "postmaster", "backend")

# The moment at which a worker's Dagster run is recorded: its libraries are loaded, and its work begins.
RUN = "run begun"
# The moment at which the server has made a batch, whether or not it has answered.
MADE = "batch made"
# Whatever a worker logs: what a recovery comes upon is not known beforehand.
ANYTHING = "anything"
# What each command logs directly after a commit or a call, by wave, so that a kill after it meets the next step.
_SAYS = {
    ("import", "import"): (
        "import started",
        "import finished",
        "transcripts fetched",
        "sessions derived",
        "requests built",
    ),
    ("submit", "submit"): ("batch claimed", "input uploaded", "input uploaded", "input uploaded", "batch created"),
    ("recover", "import"): ("import finished", "transcripts fetched", "sessions derived", "requests built"),
    ("recover", "submit"): (ANYTHING, ANYTHING, "recovery", "input uploaded"),
    ("recover", "poll"): (ANYTHING,),
    ("recover", "reconcile"): (ANYTHING,),
    ("settle", "ingest"): ("results ingested",),
    ("settle", "submit"): (ANYTHING,),
}
# Seconds for which a command works once its run has begun, on a machine that has other things to do as well.
_WORKS = 1.0
# Seconds of its own computing after which `requeue`, which is no Dagster run, does its work.
_REQUEUES = (0.9, 1.5)
_MOST_COMPANIES = 4
_MOST_SESSIONS = 6


@dataclass(frozen=True)
class Trigger:
    """When a kill is due: a worker has logged `event` (or begun a run) for the n-th time, or has computed for `cpu` seconds.

    `delay` seconds later it strikes.
    """

    worker: int
    event: str | None = None
    nth: int = 1
    cpu: float = 0.0
    delay: float = 0.0


@dataclass(frozen=True)
class Kill:
    """One SIGKILL. `number` chooses a backend; `down` is how long a server stays away before it is started again."""

    target: Target
    trigger: Trigger
    number: int = 0
    down: float = 0.0


@dataclass(frozen=True)
class Launch:
    """A command, started so many seconds after the wave began; `number` chooses what it is about."""

    command: str
    after: float = 0.0
    number: int = 0


@dataclass(frozen=True)
class Wave:
    """Commands that run side by side, and what is killed meanwhile. Time passes before it if `late`."""

    name: str
    launches: tuple[Launch, ...]
    kills: tuple[Kill, ...]
    late: bool = False


@dataclass(frozen=True)
class Plan:
    """One round.

    Attributes:
        sessions: How many sessions each company publishes.
        more: How many more each publishes before the second half.
        speed: The server's simulated seconds a second.
        pool: How many runs Dagster lets call the service at once: 1 as deployed, or so many that only SQL guards them.
        faults: What the server does wrong until the kills are over, a script of `livedash batch-api --faults`.
        waves: What is done and killed, one after the other.
        settings: Over those that all rounds have.
    """

    seed: int
    sessions: tuple[int, ...]
    more: int
    speed: float
    pool: int
    faults: tuple[dict[str, Any], ...]
    waves: tuple[Wave, ...]
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def kills(self) -> int:
        """How many kills are planned."""
        return sum(len(wave.kills) for wave in self.waves)


def draw_plan(seed: int) -> Plan:
    """The plan of a round."""
    rng = Random(seed)
    return Plan(
        seed,
        sessions=tuple(rng.randint(3, _MOST_SESSIONS) for _ in range(rng.randint(2, _MOST_COMPANIES))),
        more=rng.choice((0, 0, 2)),
        speed=rng.choice((1.5, 6.0, 40.0)),
        pool=rng.choice((1, 4, 4)),
        faults=_faults(rng),
        waves=tuple(_waves(rng)),
    )


def _waves(rng: Random) -> list[Wave]:
    cancels = rng.random() < 0.35
    waves = [
        _wave(rng, "import", ["import"] * rng.choice((1, 1, 2)), kills=1),
        _wave(rng, "submit", ["submit", "submit", *rng.choice(([], ["poll"], ["submit"]))], kills=rng.randint(1, 3)),
        _wave(
            rng,
            "recover",
            rng.choice((["submit", "poll"], ["reconcile", "submit"], ["submit", "submit"], ["import", "submit"]))
            + (["cancel"] if cancels else []),
            kills=rng.randint(1, 3),
            late=True,
        ),
        _wave(rng, "settle", ["ingest", rng.choice(("poll", "ingest", "submit"))], kills=rng.randint(1, 2)),
    ]
    if cancels:
        waves.append(_wave(rng, "requeue", ["requeue"], kills=rng.randint(0, 1)))
    return waves


def _wave(rng: Random, name: str, commands: list[str], *, kills: int, late: bool = False) -> Wave:
    launches = tuple(Launch(command, round(rng.uniform(0, 0.6), 3), rng.randrange(100)) for command in commands)
    # Several workers rather than one several times.
    struck = [worker for _ in range(kills) for worker in rng.sample(range(len(commands)), len(commands))][:kills]
    return Wave(name, launches, tuple(_kill(rng, name, commands, worker) for worker in struck), late)


def _kill(rng: Random, wave: str, commands: list[str], worker: int) -> Kill:
    target: Target = rng.choices(TARGETS, (60, 16, 12, 12))[0]
    return Kill(target, _trigger(rng, wave, commands, worker), rng.randrange(100), down=round(rng.uniform(0, 1.5), 2))


def _trigger(rng: Random, wave: str, commands: list[str], worker: int) -> Trigger:
    command = commands[worker]
    if command == "requeue":
        return Trigger(worker, cpu=round(rng.uniform(*_REQUEUES), 2))
    says = _SAYS.get((wave, command))
    if says is not None and rng.random() < 0.65:
        delay = rng.choice((0.0, rng.uniform(0, 0.05), rng.uniform(0, 0.05), rng.uniform(0, 0.5)))
        return Trigger(worker, rng.choice(says), rng.choice((1, 1, 1, 2)), delay=round(delay, 3))
    return Trigger(worker, RUN, delay=round(rng.uniform(0, _WORKS), 3))


def _faults(rng: Random) -> tuple[dict[str, Any], ...]:
    """Mostly one that makes creates unknown; none of them loses an answer that was paid for."""
    about_create = (
        {"kind": "slow", "operation": "create_batch", "seconds": round(rng.uniform(0.2, 1.2), 2)},
        {"kind": "lose_reply", "operation": "create_batch", "match": {"share": 0.6}},
        {"kind": "lose_reply", "operation": "create_batch", "times": 1, "hang": 1.0},
        {"kind": "delay", "operation": "create_batch", "seconds": round(rng.uniform(0.5, 8), 1), "times": 2},
        # Until everything else is over.
        {"kind": "delay", "operation": "create_batch", "match": {"share": 0.5}},
        {"kind": "status", "operation": "create_batch", "status": 502, "acted": True, "match": {"share": 0.6}},
        {"kind": "drop", "operation": "create_batch", "times": 1},
        {"kind": "truncate", "operation": "create_batch", "times": 1},
    )
    about_others = (
        {"kind": "slow", "operation": "upload_file", "seconds": 0.4},
        {"kind": "lose_reply", "operation": "delete_file", "times": 1},
        {"kind": "lose_reply", "operation": "cancel_batch", "times": 1},
        {"kind": "slow", "operation": "download_file", "seconds": 0.5},
        {"kind": "status", "operation": "any", "status": 503, "match": {"share": 0.05}},
    )
    drawn: list[dict[str, Any]] = []
    if rng.random() < 0.7:
        drawn.append(rng.choice(about_create))
    if rng.random() < 0.4:
        drawn.append(rng.choice(about_others))
    return tuple(drawn)
