"""What the processes of the long run do: chunks of seeds, and mutations until one is noticed."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chats.simulation.draws import draw_schedule
from tests.chats.simulation.mutations import MUTATIONS
from tests.chats.simulation.runner import ChatSimulation
from tests.simulation.runner import Sabotage
from tests.simulation.workers import Tally


@dataclass
class Found:
    """What came of many schedules: how many there were, what was passed, and what did not hold, by seed."""

    schedules: int = 0
    tally: Tally = field(default_factory=Tally)
    violations: dict[int, list[str]] = field(default_factory=dict)

    def add(self, other: Found) -> None:
        """Count others in."""
        self.schedules += other.schedules
        self.tally.add(other.tally)
        self.violations |= other.violations


@dataclass(frozen=True)
class Trial:
    """One mutation, and the seeds of the schedules that may notice it."""

    name: str
    seed_from: int
    most: int


def run_seeds(simulation: ChatSimulation, seeds: range) -> Found:
    """Runs the schedules of some seeds."""
    found = Found()
    for seed in seeds:
        result = simulation.run(draw_schedule(seed))
        found.schedules += 1
        found.tally.add(result.tally)
        if result.violations:
            found.violations[seed] = result.violations
    return found


def run_trial(simulation: ChatSimulation, trial: Trial) -> tuple[int, str] | None:
    """How many schedules it took to notice a mutation, and what was noticed; None where it was not."""
    with MUTATIONS[trial.name](simulation.engine) as simulation.sabotage:
        try:
            for number in range(trial.most):
                violations = simulation.run(draw_schedule(trial.seed_from + number)).violations
                if violations:
                    # A database's error goes on for pages.
                    return number + 1, violations[0].partition("\n")[0]
        finally:
            simulation.sabotage = Sabotage()
    return None
