"""Schedules of workers, crashes and faults: whatever happens, every request ends once, is paid once, and nothing is stuck.

`python -m tests.simulation --replay SEED` shows a failing one, whole and shrunk.
"""

from __future__ import annotations

import json
from random import Random
from typing import get_args

import pytest

from livedash_pipeline.local.batch_api.faults.script import parse_script
from livedash_pipeline.local.batch_api.faults.shown_kinds import ShownFault, SurvivingInput
from tests.simulation.draws import draw_schedule
from tests.simulation.fault_draws import draw_fault
from tests.simulation.mutations import MUTATIONS
from tests.simulation.runner import Sabotage, Simulation
from tests.simulation.schedule import MOST_REQUESTS, Schedule, Step
from tests.simulation.shrink import shrink
from tests.simulation.workers import ALL

SCHEDULES = 100
PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_invariants_hold_after_every_schedule(simulation: Simulation, part: int) -> None:
    size = SCHEDULES // PARTS
    failed = {}
    for seed in range(part * size, (part + 1) * size):
        violations = simulation.run(draw_schedule(seed)).violations
        if violations:
            failed[f"python -m tests.simulation --replay {seed}"] = violations
    assert failed == {}


def test_invariants_hold_of_two_kinds_side_by_side(simulation_of_two_kinds: Simulation) -> None:
    failed = {}
    for seed in range(1000, 1010):
        violations = simulation_of_two_kinds.run(draw_schedule(seed)).violations
        if violations:
            failed[f"python -m tests.simulation --second-kind --replay {seed}"] = violations
    assert failed == {}


@pytest.mark.parametrize("seed", [1, 4])
def test_a_seed_replays_exactly(simulation: Simulation, seed: int) -> None:
    schedule = draw_schedule(seed)
    first, second = simulation.run(schedule), simulation.run(draw_schedule(seed))
    assert first.trace == second.trace
    assert first.tally == second.tally


def test_schedules_stay_within_a_dozen_requests() -> None:
    assert max(sum(draw_schedule(seed).world.sessions) for seed in range(500)) <= MOST_REQUESTS


def test_faults_of_what_the_service_shows_are_drawn_only_when_asked_for() -> None:
    def kinds(*, shown: bool) -> set[str]:
        faults = [draw_fault(Random(seed), shown=shown) for seed in range(600)]
        parse_script(json.dumps(faults))
        return {fault["kind"] for fault in faults}

    names = {get_args(model.model_fields["kind"].annotation)[0] for model in (*get_args(ShownFault), SurvivingInput)}
    assert names <= kinds(shown=True)
    assert names.isdisjoint(kinds(shown=False))
    assert kinds(shown=False) < kinds(shown=True)


def test_a_worker_that_dies_before_its_commit_leaves_nothing_behind(simulation: Simulation) -> None:
    claim = "commit ledger.steps.batches.submit._claim: before"
    steps = (
        Step("start", 0, "build"),
        Step("go", 0, number=ALL),
        Step("start", 0, "submit"),
        Step("die", 0, number=ALL, place=claim),
    )
    result = simulation.run(Schedule(0, steps=steps))
    assert result.violations == []
    assert result.tally.crashes == {claim: 1}


@pytest.mark.parametrize(
    "name",
    [
        "create is sent again when its answer is lost",
        "the start of create is not committed",
        "a batch that is found is not adopted",
    ],
)
def test_a_missing_safeguard_is_noticed(simulation: Simulation, name: str) -> None:
    with MUTATIONS[name](simulation.engine) as simulation.sabotage:
        noticed = any(simulation.run(draw_schedule(seed)).violations for seed in range(60))
    simulation.sabotage = Sabotage()
    assert noticed


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_safeguard_can_still_be_taken_away(simulation: Simulation, name: str) -> None:
    # What a mutation replaces may have moved or been worded anew since.
    with MUTATIONS[name](simulation.engine):
        pass


def test_a_failing_schedule_is_shrunk_to_what_it_takes() -> None:
    schedule = draw_schedule(3)
    assert len(schedule.steps) > 8

    def fails(candidate: Schedule) -> bool:
        return sum(step.kind == "wait" for step in candidate.steps) >= 2

    smallest = shrink(schedule, fails)
    assert [step.kind for step in smallest.steps] == ["wait", "wait"]
    assert smallest.faults == ()
    assert smallest.world.sessions == (1,)
