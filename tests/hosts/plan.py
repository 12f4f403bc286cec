"""What goes wrong in a round, drawn from its seed: which part fails, at which step of which host, and for how long.

The same seed draws the same plan; when a host comes to a step differs by seconds from run to run, since processes are real.
Add a step, or a kind of fault. Pure: who waits for a step is `moments`, who strikes is `strikes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

Engine = Literal["code-servers", "celery"]
"""What runs the runs: code servers, each on its host, or Celery workers that one code server's runs are sent to."""

Step = Literal["starting", "import", "transaction", "upload", "before create", "after create", "ingest"]
"""A run was launched and has not begun · fetches transcripts · is in the middle of a transaction · uploads an input file · is
about to buy · has bought, and does not know it yet · downloads results."""

Kind = Literal[
    "host killed",
    "processes killed",
    "link cut",
    "Postgres cut off",
    "Postgres killed",
    "service cut off",
    "daemon killed",
    "Redis cut off",
    "Redis killed",
]

STEPS: tuple[Step, ...] = get_args(Step)
ENGINES: tuple[Engine, ...] = get_args(Engine)
_OF_CELERY: tuple[Kind, ...] = ("Redis cut off", "Redis killed")
# Hosts die and links are cut more often than the parts of which there is one.
_WEIGHTS: dict[Kind, int] = {
    "host killed": 8,
    "processes killed": 3,
    "link cut": 7,
    "Postgres cut off": 2,
    "Postgres killed": 2,
    "service cut off": 1,
    "daemon killed": 1,
    "Redis cut off": 2,
    "Redis killed": 2,
}
# Seconds. Some cuts are longer than the silence after which a run is given up.
_CUTS = (2.0, 10.0, 25.0, 45.0, 110.0)
_CUT_WEIGHTS = (3, 3, 3, 2, 2)
_POSTGRES_AWAY = 30.0
_LONGEST_WAIT_FOR_A_NEW_HOST = 20.0
# Minutes by which clocks are apart at most.
_SKEW_MINUTES = 7.0


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        step: When a host comes to this step,
        nth: for the n-th time in the round,
        kind: this happens; what concerns one host strikes the one that has come there.
        seconds: How long the link is cut, or until what was killed comes back (a host: under another name).
        silent: Before the host is killed its link is cut, so that nobody hears of its end; a link is cut without its noticing.
        number: Chooses a host where nobody knows which one has come there.
    """

    step: Step
    nth: int
    kind: Kind
    seconds: float
    silent: bool
    number: int


@dataclass(frozen=True)
class Plan:
    """One round: how many sessions more each company publishes, and what goes wrong meanwhile."""

    seed: int
    engine: Engine
    sessions: tuple[int, ...]
    faults: tuple[Fault, ...]


def draw_plan(seed: int, engine: Engine) -> Plan:
    """Draws the round of a seed; seeds that follow each other come to all steps in turn."""
    rng = Random(f"hosts {engine} {seed}")
    steps = [STEPS[seed % len(STEPS)]]
    if rng.random() < 0.6:
        steps.append(rng.choice([step for step in STEPS if step != steps[0]]))
    sessions = tuple(rng.randint(2, 6) for _ in range(2))
    return Plan(seed, engine, sessions, tuple(_fault(rng, step, engine) for step in steps))


def draw_skew(seed: int, host: str) -> float:
    """Seconds by which a host's clock is ahead; below 0 it is behind."""
    return round(Random(f"clock {seed} {host}").uniform(-_SKEW_MINUTES, _SKEW_MINUTES) * 60, 1)


def kinds_of(engine: Engine) -> tuple[Kind, ...]:
    """The kinds of fault that an engine's rounds have."""
    return tuple(kind for kind in _WEIGHTS if engine == "celery" or kind not in _OF_CELERY)


def _fault(rng: Random, step: Step, engine: Engine) -> Fault:
    kinds = kinds_of(engine)
    kind = rng.choices(kinds, [_WEIGHTS[kind] for kind in kinds])[0]
    # A round comes to a transaction that waits once.
    nth = 1 if step == "transaction" else rng.choice((1, 1, 2))
    return Fault(step, nth, kind, _seconds(rng, kind), rng.random() < 0.5, rng.randrange(100))


def _seconds(rng: Random, kind: Kind) -> float:
    if kind == "link cut":
        return rng.choices(_CUTS, _CUT_WEIGHTS)[0]
    if kind in ("Postgres cut off", "Postgres killed"):
        return _POSTGRES_AWAY
    if kind == "processes killed":
        return 0.0
    return round(rng.uniform(1, _LONGEST_WAIT_FOR_A_NEW_HOST), 1)
