"""The long run: `python -m tests.chats.simulation --schedules 2000 --processes 2 --seed-from 0 [--mutations [WORD]]`.

Seeds are taken in order, so a run that was ended goes on with `--seed-from`. `--replay SEED` runs one schedule, tells what
happens, and shrinks it if it fails. Everything runs on a Postgres and in directories of its own, which are removed at the end.
Exit 1: something was violated, or a mutation was not noticed.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.chats.simulation.draws import draw_schedule
from tests.chats.simulation.mutations import MUTATIONS
from tests.chats.simulation.runner import ChatSimulation
from tests.chats.simulation.schedule import Schedule
from tests.chats.simulation.trials import Found, Trial, run_seeds, run_trial
from tests.simulation.processes import Pool, be_quiet, open_pool, open_server, open_simulation
from tests.simulation.shrink import TRIES, without_faults, without_steps

_CHUNK = 25


def main() -> int:
    """Read arguments and run what they ask for."""
    asked = _arguments()
    be_quiet()
    # Whoever ends it leaves no server behind; a shell lets what it starts in the background ignore SIGINT.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    with open_server() as (url, directory):
        if asked.replay is not None:
            return _replay(url, directory, asked.replay)
        with open_pool(url, directory, asked.processes, ChatSimulation) as pool:
            failed = _soak(pool, asked) if asked.schedules else False
            unnoticed = _try_mutations(pool, asked) if asked.mutations is not None else 0
    return int(failed or bool(unnoticed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chats.simulation", description=__doc__)
    parser.add_argument("--schedules", type=int, default=2000, help="how many; 0 for none")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed-from", type=int, default=0)
    parser.add_argument("--replay", type=int, help="run one seed, with its trace, and shrink it if it fails")
    parser.add_argument(
        "--mutations", nargs="?", const="", help="take safeguards away, one at a time; all, or those named by a word"
    )
    parser.add_argument("--most", type=int, default=500, help="schedules in which a mutation has to be noticed")
    return parser.parse_args()


def _soak(pool: Pool[ChatSimulation], asked: argparse.Namespace) -> bool:
    """Whether the drawn schedules show a fault."""
    started = time.monotonic()
    end = asked.seed_from + asked.schedules
    chunks = [range(start, min(start + _CHUNK, end)) for start in range(asked.seed_from, end, _CHUNK)]
    total = Found()
    for number, found in enumerate(pool.each(run_seeds, chunks), start=1):
        total.add(found)
        for seed, violations in found.violations.items():
            _say(f"--replay {seed} FAILED: {'; '.join(each.partition(chr(10))[0] for each in violations[:3])}")
        if number % 10 == 0:
            _say(
                f"{total.schedules} schedules, {len(total.violations)} failed, next --seed-from {chunks[number - 1].stop}"
            )
    tally, seconds = total.tally, time.monotonic() - started
    passed = tally.boundaries.keys() | tally.at_the_end.keys()
    for name in sorted(passed):
        _say(f"{name:75} {tally.boundaries[name]:9} {tally.crashes[name]:8}")
    _say(
        f"{total.schedules} schedules in {seconds:.0f} s ({1000 * seconds / max(total.schedules, 1):.0f} ms each),"
        f" {len(total.violations)} with violations\n"
        f"{tally.switches} switches and {tally.crashes.total()} crashes, at {len(tally.crashes)} of {len(passed)} boundaries"
    )
    return bool(total.violations)


def _try_mutations(pool: Pool[ChatSimulation], asked: argparse.Namespace) -> int:
    """How many safeguards can be taken away and nobody notices."""
    trials = [Trial(name, asked.seed_from, asked.most) for name in MUTATIONS if asked.mutations in name]
    unnoticed = 0
    for trial, found in zip(trials, pool.each(run_trial, trials), strict=True):
        if found is None:
            unnoticed += 1
            _say(f"NOT NOTICED in {trial.most} schedules: {trial.name}")
        else:
            _say(f"noticed after {found[0]:4} schedules: {trial.name} ({found[1][:150]})")
    _say(f"{len(trials) - unnoticed} of {len(trials)} mutations noticed")
    return unnoticed


def _replay(url: str, directory: Path, seed: int) -> int:
    """Run a schedule again; print what happens, and where it fails its shrunk form."""
    with open_simulation(url, directory, f"replay_{time.monotonic_ns()}", ChatSimulation) as simulation:
        schedule = draw_schedule(seed)
        result = simulation.run(schedule)
        _say("\n".join([schedule.describe(), *result.trace]))
        if not result.violations:
            _say(f"--replay {seed} holds")
            return 0
        _say("\n  ".join([f"\n--replay {seed} FAILED:", *result.violations]))
        smallest = shrink(schedule, lambda candidate: bool(simulation.run(candidate).violations))
        result = simulation.run(smallest)
        _say("\n  ".join([f"shrunk:\n{smallest.describe()}", *result.violations]))
        _say("\n".join(result.trace))
        return 1


def shrink(schedule: Schedule, fails: Callable[[Schedule], bool], *, tries: int = TRIES) -> Schedule:
    """The smallest failing schedule that leaving out steps, faults and conversations leads to, in so many tries."""
    left = [tries]

    def still_fails(candidate: Schedule) -> bool:
        left[0] -= 1
        return left[0] >= 0 and fails(candidate)

    before = None
    while schedule != before and left[0] > 0:
        before = schedule
        schedule = without_faults(without_steps(schedule, still_fails), still_fails)
        for place, plan in enumerate(schedule.plans):
            for chat in reversed(range(len(plan.turns))) if len(plan.turns) > 1 else ():
                fewer = replace(plan, turns=plan.turns[:chat] + plan.turns[chat + 1 :])
                plans = (*schedule.plans[:place], fewer, *schedule.plans[place + 1 :])
                candidate = replace(schedule, plans=plans)
                if still_fails(candidate):
                    schedule = candidate
                    break
    return schedule


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
