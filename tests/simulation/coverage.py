"""Which boundaries many schedules passed, where workers died, and which schedules lead back to a boundary.

A boundary counts as hit when a worker died there and the schedule was carried to its end all the same. Those that the drawn
schedules pass and never hit are left to `sweep.py`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from tests.simulation.draws import draw_schedule
from tests.simulation.schedule import Schedule
from tests.simulation.workers import Tally

# Schedules that are remembered for each boundary.
_REMEMBERED = 8


@dataclass(frozen=True)
class Origin:
    """What a schedule follows from: its seed, and where workers are made to die."""

    seed: int
    dies_at: tuple[str, ...] = ()

    def schedule(self) -> Schedule:
        """The schedule."""
        return replace(draw_schedule(self.seed), dies_at=self.dies_at)


@dataclass(frozen=True)
class Failure:
    """A schedule after which something did not hold."""

    origin: Origin
    violations: list[str]


@dataclass
class Coverage:
    """What came of many schedules.

    Attributes:
        schedules: How many.
        tally: Over all of them.
        passed_by: For every boundary a few schedules in which a worker that can die passed it.
        failures: Schedules after which something did not hold.
    """

    schedules: int = 0
    tally: Tally = field(default_factory=Tally)
    passed_by: dict[str, list[Origin]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def note(self, origin: Origin, tally: Tally, violations: list[str]) -> None:
        """Count one schedule in."""
        self.schedules += 1
        self.tally.add(tally)
        for name in tally.boundaries:
            self._remember(name, origin)
        if violations:
            self.failures.append(Failure(origin, violations))

    def add(self, other: Coverage) -> None:
        """Count others in."""
        self.schedules += other.schedules
        self.tally.add(other.tally)
        for name, origins in other.passed_by.items():
            for origin in origins:
                self._remember(name, origin)
        self.failures += other.failures

    def _remember(self, name: str, origin: Origin) -> None:
        known = self.passed_by.setdefault(name, [])
        if len(known) < _REMEMBERED and origin not in known:
            known.append(origin)

    @property
    def seen(self) -> set[str]:
        """All boundaries that anybody passed, those included that only the last worker, which cannot die, came to."""
        return {*self.tally.boundaries, *self.tally.at_the_end}

    @property
    def crashes(self) -> Counter[str]:
        """Where workers died, whoever willed it."""
        return self.tally.crashes + self.tally.directed

    @property
    def unhit(self) -> list[str]:
        """Boundaries at which nobody died."""
        return sorted(self.seen - self.crashes.keys())

    def table(self) -> str:
        """All boundaries with how often workers passed them and died there, by a drawn step or as they were directed."""
        tally = self.tally
        head = f"{'boundary':75} {'passed':>9} {'crashes':>8} {'directed':>8}"
        rows = (
            f"{name:75} {tally.boundaries[name]:9} {tally.crashes[name]:8} {tally.directed[name]:8}"
            for name in sorted(self.seen)
        )
        return "\n".join((head, *rows))
