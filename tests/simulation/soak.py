"""The long run: `python -m tests.simulation --schedules 10000 --processes 2 --seed-from 0 [--mutations] [--second-kind]`.

Seeds are taken in order, so a run that was ended goes on with `--seed-from`; then workers are directed to boundaries where few or
none died. A schedule is replayed with `--replay SEED [--dies-at BOUNDARY]`. Everything runs on a Postgres and in directories of
its own, which are removed at the end. Exit 1: something was violated, a mutation was not noticed, or, of 2,000 schedules or more,
a boundary was not hit.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from functools import partial
from pathlib import Path

from tests.simulation.coverage import Coverage, Origin
from tests.simulation.mutations import MUTATIONS
from tests.simulation.processes import Pool, be_quiet, open_pool, open_server, open_simulation
from tests.simulation.runner import Simulation
from tests.simulation.schedule import Schedule
from tests.simulation.shrink import shrink
from tests.simulation.sweep import sweep
from tests.simulation.trials import Trial, try_mutations

_CHUNK = 50
EVERY_BOUNDARY_FROM = 2_000
"""Fewer schedules may leave out boundaries, or come to them only in the end, without a fault of theirs."""


def main() -> int:
    """Read arguments and run what they ask for."""
    asked = _arguments()
    be_quiet()
    # Whoever ends it leaves no server behind; a shell lets what it starts in the background ignore SIGINT.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    with open_server() as (url, directory):
        if asked.replay is not None:
            return _replay(url, directory, asked, Origin(asked.replay, tuple(asked.dies_at)))
        make = partial(Simulation, second_kind=asked.second_kind)
        with open_pool(url, directory, asked.processes, make) as pool:
            failed = _soak(pool, url, directory, asked) if asked.schedules else False
            chosen = [name for name in MUTATIONS if asked.mutations is not None and asked.mutations in name]
            trials = [Trial(name, asked.seed_from, asked.most) for name in chosen]
            unnoticed = try_mutations(pool, trials, _say) if asked.mutations is not None else []
    return int(failed or bool(unnoticed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000, help="how many; 0 for none")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed-from", type=int, default=0)
    parser.add_argument("--replay", type=int, help="run one seed, with its trace, and shrink it if it fails")
    parser.add_argument(
        "--dies-at",
        action="append",
        default=[],
        metavar="BOUNDARY",
        help="with --replay: the first worker that comes to this boundary dies there; may be given again",
    )
    parser.add_argument(
        "--second-kind", action="store_true", help="requests of a second kind beside those about sessions"
    )
    parser.add_argument(
        "--mutations", nargs="?", const="", help="take safeguards away, one at a time; all, or those named by a word"
    )
    parser.add_argument("--most", type=int, default=1500, help="schedules in which a mutation has to be noticed")
    return parser.parse_args()


def _soak(pool: Pool[Simulation], url: str, directory: Path, asked: argparse.Namespace) -> bool:
    """Whether the drawn schedules and the directed ones show a fault, or pass over a boundary."""
    started = time.monotonic()
    coverage = _drawn(pool, asked)
    drawn = time.monotonic()
    directed = sweep(pool, coverage)
    swept = time.monotonic()
    _say(f"\n{coverage.table()}\n")
    tally = coverage.tally
    for name in coverage.unhit:
        _say(f"NOT HIT: {name} (workers passed it {tally.boundaries[name]} times, the end {tally.at_the_end[name]})")
    number = coverage.schedules - directed.schedules
    _say(
        f"{number} schedules in {drawn - started:.0f} s ({1000 * (drawn - started) / max(number, 1):.0f} ms each),"
        f" and {directed.schedules} directed ones in {swept - drawn:.0f} s\n"
        f"{tally.crashes.total()} crashes drawn and {tally.directed.total()} directed:"
        f" {len(coverage.seen) - len(coverage.unhit)} of {len(coverage.seen)} boundaries hit\n"
        f"{tally.switches} switches, {len(coverage.failures)} schedules with violations"
    )
    for failure in coverage.failures[:3]:
        _replay(url, directory, asked, failure.origin, trace=False)
    return has_failed(coverage, asked.schedules)


def has_failed(coverage: Coverage, schedules: int) -> bool:
    """Whether something was violated, or a boundary passed over in a run of so many schedules that none should be."""
    passed_over = coverage.unhit if schedules >= EVERY_BOUNDARY_FROM else []
    return bool(coverage.failures or passed_over)


def _drawn(pool: Pool[Simulation], asked: argparse.Namespace) -> Coverage:
    """Runs the schedules that were asked for, and says how far it is."""
    end = asked.seed_from + asked.schedules
    chunks = [(start, min(start + _CHUNK, end)) for start in range(asked.seed_from, end, _CHUNK)]
    total = Coverage()
    for number, found in enumerate(pool.each(_run_chunk, chunks), start=1):
        total.add(found)
        for failure in found.failures:
            _say(f"seed {failure.origin.seed} FAILED: {'; '.join(failure.violations[:3])}")
        if number % 10 == 0:
            _say(f"{total.schedules} schedules, {len(total.failures)} failed, next --seed-from {chunks[number - 1][1]}")
    return total


def _run_chunk(simulation: Simulation, seeds: tuple[int, int]) -> Coverage:
    coverage = Coverage()
    for seed in range(*seeds):
        origin = Origin(seed)
        result = simulation.run(origin.schedule())
        coverage.note(origin, result.tally, result.violations)
    return coverage


def _replay(url: str, directory: Path, asked: argparse.Namespace, origin: Origin, *, trace: bool = True) -> int:
    """Run a schedule again; print what happens, and where it fails its shrunk form."""
    make = partial(Simulation, second_kind=asked.second_kind)
    with open_simulation(url, directory, f"replay_{time.monotonic_ns()}", make) as simulation:
        schedule = origin.schedule()
        result = simulation.run(schedule)
        if trace:
            _say("\n".join(result.trace))
        if not result.violations:
            _say(f"{schedule.replay} holds")
            return 0
        _say_shrunk(simulation, schedule, result.violations)
        return 1


def _say_shrunk(simulation: Simulation, schedule: Schedule, violations: list[str]) -> None:
    _say(f"\n{schedule.replay} FAILED:\n  " + "\n  ".join(violations))
    smallest = shrink(schedule, lambda candidate: bool(simulation.run(candidate).violations))
    result = simulation.run(smallest)
    _say(f"shrunk:\n{smallest.describe()}\n  " + "\n  ".join(result.violations))
    _say("\n".join(result.trace))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
