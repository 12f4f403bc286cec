"""The sweep after the drawn schedules: workers are sent to die where none or few have died.

Schedules that are known to pass such a boundary run again, and the first worker that comes to it dies there. That changes what
follows, so boundaries may be seen then that were never seen before: the sweep goes on until nothing is left to try.
"""

from __future__ import annotations

from dataclasses import replace

from tests.simulation.coverage import Coverage, Origin
from tests.simulation.processes import Pool
from tests.simulation.runner import Simulation

# Several, since what a crash leaves behind depends on what else is under way.
CRASHES = 3
"""How many workers are to have died at every boundary."""


def sweep(pool: Pool[Simulation], coverage: Coverage) -> Coverage:
    """Directs workers to boundaries where fewer than `CRASHES` have died.

    Args:
        pool: Who runs schedules.
        coverage: What is known; what the sweep finds is counted in.

    Returns:
        What came of the directed schedules alone.
    """
    alone = Coverage()
    tried: set[Origin] = set()
    while origins := next_origins(coverage, tried):
        tried.update(origins)
        for found in pool.each(run_directed, origins):
            coverage.add(found)
            alone.add(found)
    return alone


def next_origins(coverage: Coverage, tried: set[Origin]) -> list[Origin]:
    """For each boundary as many untried schedules that die there as it lacks crashes."""
    found = []
    for name in sorted(coverage.seen):
        lacking = CRASHES - coverage.crashes[name]
        known = [_dying_at(origin, name) for origin in coverage.passed_by.get(name, []) if name not in origin.dies_at]
        found += [origin for origin in known if origin not in tried][: max(lacking, 0)]
    return list(dict.fromkeys(found))


def _dying_at(origin: Origin, name: str) -> Origin:
    return replace(origin, dies_at=(*origin.dies_at, name))


def run_directed(simulation: Simulation, origin: Origin) -> Coverage:
    """One schedule with its directed crashes; of the crashes that steps will only the drawn schedules' are counted."""
    result = simulation.run(origin.schedule())
    result.tally.crashes.clear()
    coverage = Coverage()
    coverage.note(origin, result.tally, result.violations)
    return coverage
