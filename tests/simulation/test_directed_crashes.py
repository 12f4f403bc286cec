"""Workers die where they are directed to, boundaries without crashes are found out, and schedules that lead there tried."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.coverage import Coverage, Origin
from tests.simulation.runner import Simulation
from tests.simulation.schedule import Schedule, Step
from tests.simulation.soak import EVERY_BOUNDARY_FROM, has_failed
from tests.simulation.sweep import CRASHES, next_origins, run_directed
from tests.simulation.workers import ALL, Tally

CREATED = "call create_batch: after"
CLAIMED = "commit ledger.steps.batches.submit._claim: before"
POLLED = "transaction ledger.steps.results.poll.poll_batches: begin"
_NONE: Counter[str] = Counter()


def _steps(*actions: str) -> tuple[Step, ...]:
    steps = []
    for worker, action in enumerate(actions):
        steps += [Step("start", worker, action), Step("go", worker, number=ALL)]
    return tuple(steps)


@pytest.mark.parametrize("name", [CREATED, CLAIMED, POLLED])
def test_the_first_worker_that_comes_to_a_named_boundary_dies_there(simulation: Simulation, name: str) -> None:
    result = simulation.run(Schedule(0, steps=_steps("build", "submit", "poll"), dies_at=(name,)))
    assert result.violations == []
    assert result.tally.directed == {name: 1}
    assert result.tally.crashes == {}
    assert sum(f" dies at {name}" in line for line in result.trace) == 1


def test_several_boundaries_each_kill_once(simulation: Simulation) -> None:
    steps = (*_steps("build", "submit"), Step("wait", seconds=1000.0), *_steps("poll", "poll"))
    result = simulation.run(Schedule(0, steps=steps, dies_at=(CREATED, POLLED)))
    assert result.violations == []
    assert result.tally.directed == {CREATED: 1, POLLED: 1}


def test_a_directed_schedule_replays_exactly(simulation: Simulation) -> None:
    schedule = Origin(1, (CREATED,)).schedule()
    first, second = simulation.run(schedule), simulation.run(schedule)
    assert first.tally.directed == {CREATED: 1}
    assert first.trace == second.trace


def test_a_schedule_says_how_it_is_replayed() -> None:
    assert Origin(7).schedule().replay == "--replay 7"
    assert Origin(7, (CREATED,)).schedule().replay == f"--replay 7 --dies-at '{CREATED}'"


def test_the_last_worker_is_not_killed_but_what_it_passes_is_seen(simulation: Simulation) -> None:
    result = simulation.run(Schedule(0, steps=(), dies_at=(CREATED,)))
    assert result.tally.directed == {}
    assert result.tally.at_the_end[CREATED] == 1
    assert result.tally.boundaries == {}


def _coverage(*origins: Origin, boundaries: Counter[str] = _NONE, at_the_end: Counter[str] = _NONE) -> Coverage:
    coverage = Coverage()
    for origin in origins:
        coverage.note(origin, Tally(boundaries, at_the_end), [])
    return coverage


def test_a_boundary_that_only_the_last_worker_passed_is_not_hit_and_leads_nowhere() -> None:
    coverage = _coverage(Origin(1), at_the_end=Counter([CREATED]))
    assert coverage.unhit == [CREATED]
    assert next_origins(coverage, set()) == []


def test_a_boundary_that_was_not_hit_fails_a_run_of_many_schedules() -> None:
    coverage = _coverage(Origin(1), boundaries=Counter([CREATED]))
    assert has_failed(coverage, EVERY_BOUNDARY_FROM)
    assert not has_failed(coverage, EVERY_BOUNDARY_FROM - 1)
    coverage.tally.directed[CREATED] = 1
    assert not has_failed(coverage, EVERY_BOUNDARY_FROM)


def test_schedules_that_passed_a_boundary_are_tried_until_enough_have_died_there() -> None:
    coverage = _coverage(*map(Origin, range(20)), boundaries=Counter([CREATED]))
    first = next_origins(coverage, set())
    assert first == [Origin(seed, (CREATED,)) for seed in range(CRASHES)]
    coverage.tally.directed[CREATED] = CRASHES - 1
    assert next_origins(coverage, set(first)) == [Origin(CRASHES, (CREATED,))]
    coverage.tally.crashes[CREATED] = 1
    assert next_origins(coverage, set(first)) == []
    assert coverage.unhit == []


def test_a_boundary_that_was_first_seen_after_a_directed_crash_is_reached_through_it() -> None:
    coverage = _coverage(Origin(5, (CREATED,)), boundaries=Counter([POLLED]))
    assert next_origins(coverage, set()) == [Origin(5, (CREATED, POLLED))]


def test_a_directed_run_counts_its_own_crash_and_what_it_passed(simulation: Simulation) -> None:
    found = run_directed(simulation, Origin(1, (CREATED,)))
    assert found.failures == []
    assert found.crashes == {CREATED: 1}
    assert Origin(1, (CREATED,)) in found.passed_by[CREATED]
