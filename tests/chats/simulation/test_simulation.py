"""Chat batches under crashes, lapsed leases and cancels: whatever happens, every batch ends, and every purchase is in the ledger.

`python -m tests.chats.simulation --replay SEED` shows a failing schedule, whole and shrunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from livedash_pipeline.base.store.connect import make_engine
from tests.chats.simulation.draws import draw_schedule
from tests.chats.simulation.mutations import MUTATIONS
from tests.chats.simulation.provider import OUTCOMES
from tests.chats.simulation.runner import ChatSimulation
from tests.chats.simulation.schedule import Plan, Schedule, pick
from tests.chats.simulation.soak import shrink
from tests.simulation.database import own_database
from tests.simulation.runner import Sabotage
from tests.simulation.schedule import Step
from tests.simulation.workers import ALL

SCHEDULES = 60
PARTS = 6
_CRITICAL = 50


@pytest.fixture(scope="session")
def session_simulation(postgres_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatSimulation]:
    """The simulation of this process, on a database that nobody else uses."""
    with own_database(postgres_template) as url:
        engine = make_engine(url)
        yield ChatSimulation(engine, Path(tmp_path_factory.mktemp("chat-simulation")))
        engine.dispose()


@pytest.fixture
def simulation(session_simulation: ChatSimulation) -> Iterator[ChatSimulation]:
    """The simulation, without the thousands of lines that workers log."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_CRITICAL))
    yield session_simulation
    structlog.configure(**before)


@pytest.mark.parametrize("part", range(PARTS))
def test_invariants_hold_after_every_schedule(simulation: ChatSimulation, part: int) -> None:
    size = SCHEDULES // PARTS
    failed = {}
    for seed in range(part * size, (part + 1) * size):
        violations = simulation.run(draw_schedule(seed)).violations
        if violations:
            failed[f"python -m tests.chats.simulation --replay {seed}"] = violations
    assert failed == {}


def test_a_seed_replays_exactly(simulation: ChatSimulation) -> None:
    first, second = (simulation.run(draw_schedule(5)) for _ in range(2))
    assert first.trace == second.trace
    assert first.tally == second.tally


@pytest.mark.parametrize("word", OUTCOMES)
def test_whatever_a_call_comes_to_is_in_the_ledger(simulation: ChatSimulation, word: str) -> None:
    steps = (Step("start", 0, "slice", pick(0, 2)), Step("go", 0, number=ALL))
    schedule = Schedule(0, (Plan((1, 2, -2), policy="continue"),), ((0, word), (2, word)), steps)
    assert simulation.run(schedule).violations == []


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_worker_that_dies_at_its_call_is_followed_by_another(simulation: ChatSimulation, place: str) -> None:
    steps = (Step("start", 0, "slice", pick(0, 1)), Step("die", 0, number=ALL, place=f"call complete: {place}"))
    result = simulation.run(Schedule(0, steps=steps))
    assert result.violations == []
    assert result.tally.crashes == {f"call complete: {place}": 1}


def _overtaken(place: str) -> Schedule:
    """A worker is at a place when its lease passes; another has taken over and is at its call when the first one goes on."""
    steps = (
        Step("start", 0, "slice", pick(0, 1)),
        Step("go", 0, number=ALL, place=place),
        Step("wait", seconds=160.0),
        Step("start", 1, "slice", pick(0, 1)),
        Step("go", 1, number=ALL, place="call complete: after"),
        Step("go", 0, number=ALL),
        Step("go", 1, number=ALL),
    )
    return Schedule(0, steps=steps)


_CANCELLED = Schedule(
    0,
    steps=(
        Step("start", 0, "slice", pick(0, 1)),
        Step("go", 0, number=ALL, place="commit chats.steps.process._Worker._next: after"),
        Step("start", 1, "cancel"),
        Step("go", 1, number=ALL),
        Step("go", 0, number=ALL),
    ),
)


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("no write carries the fence", _overtaken("commit chats.steps.process._Worker._next: after")),
        ("a settled call is settled again", _overtaken("call complete: after")),
        ("a lease is taken away before it has passed", _overtaken("call complete: before").without(steps=slice(2, 3))),
        ("the batch's state is not asked before a call", _CANCELLED),
        ("counts do not follow the conversations", Schedule(0)),
        ("the call is not written down before it is made", Schedule(0)),
    ],
)
def test_a_missing_safeguard_is_noticed(simulation: ChatSimulation, name: str, schedule: Schedule) -> None:
    assert simulation.run(schedule).violations == []
    with MUTATIONS[name](simulation.engine) as simulation.sabotage:
        noticed = simulation.run(schedule).violations
    simulation.sabotage = Sabotage()
    assert noticed


def test_a_failing_schedule_is_shrunk_to_what_it_takes() -> None:
    schedule = next(each for each in map(draw_schedule, range(100)) if len(each.steps) > 8 and each.faults)

    def fails(candidate: Schedule) -> bool:
        return sum(step.kind == "start" for step in candidate.steps) >= 2

    smallest = shrink(schedule, fails)
    assert [step.kind for step in smallest.steps] == ["start", "start"]
    assert smallest.faults == ()
    assert all(len(plan.turns) == 1 for plan in smallest.plans)
