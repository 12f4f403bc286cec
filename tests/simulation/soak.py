"""The long run: `python -m tests.simulation --schedules 10000 --processes 2 --seed-from 0 [--mutations]`.

Seeds are taken in order, so a run that was ended goes on with `--seed-from`; one seed is replayed with `--replay SEED`.
Everything runs on a Postgres and in directories of its own, which are removed at the end. Exit 1: something was violated, or a
mutation was not noticed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from sqlalchemy import create_engine, text

from livedash_pipeline.db.connect import make_engine
from livedash_pipeline.db.migrate import upgrade
from livedash_pipeline.local.postgres import ensure_database, remove_postgres, start_postgres
from tests.simulation.draws import draw_schedule
from tests.simulation.mutations import MUTATIONS
from tests.simulation.runner import Sabotage, Simulation
from tests.simulation.schedule import Schedule
from tests.simulation.shrink import shrink
from tests.simulation.workers import Tally

_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_CHUNK = 50
_CRITICAL = 50


@dataclass
class _Failure:
    seed: int
    violations: list[str]


@dataclass
class _Chunk:
    """What came of some seeds."""

    first: int
    schedules: int = 0
    tally: Tally = field(default_factory=Tally)
    failures: list[_Failure] = field(default_factory=list)


def main() -> int:
    """Read arguments and run what they ask for."""
    asked = _arguments()
    _be_quiet()
    # Whoever ends it leaves no server behind; a shell lets what it starts in the background ignore SIGINT.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    with _server() as (url, directory):
        if asked.replay is not None:
            return _replay(url, directory, asked.replay)
        failed = _soak(url, directory, asked) if asked.schedules else False
        unnoticed = _try_mutations(url, directory, asked) if asked.mutations is not None else []
    return int(failed or bool(unnoticed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000, help="how many; 0 for none")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed-from", type=int, default=0)
    parser.add_argument("--replay", type=int, help="run one seed, with its trace, and shrink it if it fails")
    parser.add_argument(
        "--mutations", nargs="?", const="", help="take safeguards away, one at a time; all, or those named by a word"
    )
    parser.add_argument("--most", type=int, default=1500, help="schedules in which a mutation has to be noticed")
    return parser.parse_args()


def _be_quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_CRITICAL))


@contextmanager
def _server() -> Iterator[tuple[str, Path]]:
    """URL with the placeholder DATABASE of a server that has a migrated template, and a directory for files."""
    with tempfile.TemporaryDirectory(prefix="livedash-simulation-") as name:
        home = Path(name)
        server = start_postgres(home, settings=_FAST)
        try:
            ensure_database(server, "template_livedash")
            engine = make_engine(server.url("template_livedash"))
            upgrade(engine)
            engine.dispose()
            yield server.url("DATABASE"), home
        finally:
            remove_postgres(home)


@contextmanager
def _simulation(url: str, directory: Path, name: str) -> Iterator[Simulation]:
    admin = create_engine(url.replace("DATABASE", "postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE template_livedash'))
    engine = make_engine(url.replace("DATABASE", name))
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=directory) as files:
        yield Simulation(engine, Path(files))
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}"'))
    admin.dispose()


def _soak(url: str, directory: Path, asked: argparse.Namespace) -> bool:
    end = asked.seed_from + asked.schedules
    chunks = [(start, min(start + _CHUNK, end)) for start in range(asked.seed_from, end, _CHUNK)]
    started, total = time.monotonic(), _Chunk(asked.seed_from)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        asked.processes, mp_context=context, initializer=_open_process, initargs=(url, directory)
    ) as pool:
        for number, chunk in enumerate(pool.map(_run_chunk, chunks), start=1):
            total.schedules += chunk.schedules
            total.tally.add(chunk.tally)
            total.failures += chunk.failures
            for failure in chunk.failures:
                _say(f"seed {failure.seed} FAILED: {'; '.join(failure.violations[:3])}")
            if number % 10 == 0:
                _say(
                    f"{total.schedules} schedules, {len(total.failures)} failed, next --seed-from {chunks[number - 1][1]}"
                )
    _report(total, time.monotonic() - started)
    for failure in total.failures[:3]:
        _replay(url, directory, failure.seed, trace=False)
    return bool(total.failures)


_OWN: list[Simulation] = []
_OPENED = ExitStack()


def _open_process(url: str, directory: Path) -> None:
    """Each process has a database of its own for all of its chunks."""
    _be_quiet()
    name = f"soak_{multiprocessing.current_process().pid}"
    _OWN.append(_OPENED.enter_context(_simulation(url, directory, name)))


def _run_chunk(seeds: tuple[int, int]) -> _Chunk:
    chunk = _Chunk(seeds[0])
    for seed in range(*seeds):
        result = _OWN[0].run(draw_schedule(seed))
        chunk.schedules += 1
        chunk.tally.add(result.tally)
        if result.violations:
            chunk.failures.append(_Failure(seed, result.violations))
    return chunk


def _report(total: _Chunk, seconds: float) -> None:
    tally = total.tally
    _say(f"\n{'boundary':75} {'passed':>9} {'crashes':>8}")
    for name, passed in sorted(tally.boundaries.items()):
        _say(f"{name:75} {passed:9} {tally.crashes[name]:8}")
    _say(
        f"\n{total.schedules} schedules in {seconds:.0f} s ({1000 * seconds / max(total.schedules, 1):.0f} ms each),"
        f" {sum(tally.crashes.values())} crashes at {len(tally.crashes)} of {len(tally.boundaries)} boundaries,"
        f" {tally.switches} switches, {len(total.failures)} schedules with violations"
    )


def _replay(url: str, directory: Path, seed: int, *, trace: bool = True) -> int:
    """Run a seed again; print what happens, and where it fails its shrunk form."""
    with _simulation(url, directory, f"replay_{seed}") as simulation:
        schedule = draw_schedule(seed)
        result = simulation.run(schedule)
        if trace:
            _say("\n".join(result.trace))
        if not result.violations:
            _say(f"seed {seed} holds")
            return 0
        _say_shrunk(simulation, schedule, result.violations)
        return 1


def _say_shrunk(simulation: Simulation, schedule: Schedule, violations: list[str]) -> None:
    _say(f"\nseed {schedule.seed} FAILED:\n  " + "\n  ".join(violations))
    smallest = shrink(schedule, lambda candidate: bool(simulation.run(candidate).violations))
    result = simulation.run(smallest)
    _say(f"shrunk:\n{smallest.describe()}\n  " + "\n  ".join(result.violations))
    _say("\n".join(result.trace))


def _try_mutations(url: str, directory: Path, asked: argparse.Namespace) -> list[str]:
    unnoticed = []
    chosen = {name: mutation for name, mutation in MUTATIONS.items() if asked.mutations in name}
    with _simulation(url, directory, "mutations") as simulation:
        for name, mutation in chosen.items():
            with mutation(simulation.engine) as simulation.sabotage:
                found = _first_failure(simulation, asked.seed_from, asked.most)
            simulation.sabotage = Sabotage()
            if found is None:
                unnoticed.append(name)
                _say(f"NOT NOTICED in {asked.most} schedules: {name}")
            else:
                _say(f"noticed after {found.seed - asked.seed_from + 1:4} schedules: {name} ({found.violations[0]})")
    _say(f"{len(chosen) - len(unnoticed)} of {len(chosen)} mutations noticed")
    return unnoticed


def _first_failure(simulation: Simulation, seed_from: int, most: int) -> _Failure | None:
    for seed in range(seed_from, seed_from + most):
        violations = simulation.run(draw_schedule(seed)).violations
        if violations:
            return _Failure(seed, violations)
    return None


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
