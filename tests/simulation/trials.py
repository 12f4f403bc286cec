"""Tries the mutations: each is in force in one process while that process runs schedules, until one of them notices.

Several are tried at once, in processes of their own; what is said of them comes in the order of `MUTATIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.simulation.coverage import Failure, Origin
from tests.simulation.mutations import MUTATIONS
from tests.simulation.processes import Pool
from tests.simulation.runner import Sabotage, Simulation


@dataclass(frozen=True)
class Trial:
    """One mutation, and the seeds of the schedules that may notice it."""

    name: str
    seed_from: int
    most: int


def try_mutations(pool: Pool[Simulation], trials: Sequence[Trial], say: Callable[[str], None]) -> list[str]:
    """Tries them all; returns the names of those that no schedule noticed."""
    unnoticed = []
    for trial, found in zip(trials, pool.each(_try, trials), strict=True):
        if found is None:
            unnoticed.append(trial.name)
            say(f"NOT NOTICED in {trial.most} schedules: {trial.name}")
        else:
            schedules = found.origin.seed - trial.seed_from + 1
            # A database's error goes on for pages.
            first = found.violations[0].partition("\n")[0]
            say(f"noticed after {schedules:4} schedules: {trial.name} ({first})")
    say(f"{len(trials) - len(unnoticed)} of {len(trials)} mutations noticed")
    return unnoticed


def _try(simulation: Simulation, trial: Trial) -> Failure | None:
    with MUTATIONS[trial.name](simulation.engine) as simulation.sabotage:
        found = _first_failure(simulation, trial)
    simulation.sabotage = Sabotage()
    return found


def _first_failure(simulation: Simulation, trial: Trial) -> Failure | None:
    for seed in range(trial.seed_from, trial.seed_from + trial.most):
        origin = Origin(seed)
        violations = simulation.run(origin.schedule()).violations
        if violations:
            return Failure(origin, violations)
    return None
