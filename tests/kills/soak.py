"""The long run: `python -m tests.kills --rounds 50 --seed-from 0 [--lanes 2]`, or one round again: `--replay SEED`.

Seeds are taken in order, so a run that was ended goes on with `--seed-from`. Rounds share nothing, so several run side by side,
as many as there are lanes; they wait for nothing but processes, so two keep two cores busy. A seed draws the same plan each
time, but real processes do not repeat themselves to the millisecond: a replay meets similar moments, not the same ones.
Leases are not waited for; `tests.kills.world` says what is done instead, and why that is honest.
Exit 1: something was violated; the directory of such a round is kept and named.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import FrameType

from tests.kills.killing import planned
from tests.kills.plan import TARGETS, draw_plan
from tests.kills.rounds import RoundResult, run_round
from tests.kills.world import StoppedError


def main(arguments: Sequence[str] | None = None) -> int:
    """Read arguments and run what they ask for."""
    asked = _arguments(arguments)
    seeds = [asked.replay] if asked.replay is not None else range(asked.seed_from, asked.seed_from + asked.rounds)
    parent = Path(tempfile.mkdtemp(prefix="livedash-kills-"))
    stopping = threading.Event()
    received: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        stopping.set()

    # A shell lets what it starts in the background ignore SIGINT. Lanes look at `stopping`, end their processes, and leave.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    begin = time.monotonic()
    results, broken = _run_all(seeds, parent, asked.lanes, stopping)
    if asked.replay is not None:
        _say_waves(asked.replay)
    _say_summary(results, time.monotonic() - begin)
    failed = [result for result in results if result.violations]
    if not failed and not broken:
        shutil.rmtree(parent, ignore_errors=True)
    if received:
        return 128 + received[0]
    return int(bool(failed or broken))


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed-from", type=int, default=0)
    parser.add_argument("--lanes", type=int, default=2, help="rounds that run side by side")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one round, and print its plan")
    return parser.parse_args(arguments)


def _run_all(
    seeds: Sequence[int], parent: Path, lanes: int, stopping: threading.Event
) -> tuple[list[RoundResult], bool]:
    """All rounds, and whether one broke: neither held nor was violated, which is a fault of the harness or the machine."""
    results: list[RoundResult] = []
    broken = False
    with ThreadPoolExecutor(lanes) as pool:
        waiting = {pool.submit(run_round, draw_plan(seed), parent, stopping): seed for seed in seeds}
        open_futures: set[Future[RoundResult]] = set(waiting)
        while open_futures:
            # In short steps, so that signals are handled between them.
            done, open_futures = wait(open_futures, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                error = None if future.cancelled() else future.exception()
                if error is not None and not isinstance(error, StoppedError):
                    broken = True
                    _say(f"seed {waiting[future]:5}  BROKEN, kept below {parent}: {type(error).__name__}: {error}")
                elif error is None and not future.cancelled():
                    results.append(future.result())
                    _say_round(results[-1])
            if stopping.is_set():
                for future in open_futures:
                    future.cancel()
    return results, broken


def _say_round(result: RoundResult) -> None:
    _say(result.line())
    for violation in result.violations:
        _say(f"             {violation}")


def _say_waves(seed: int) -> None:
    plan = draw_plan(seed)
    _say(f"\nsessions {plan.sessions} + {plan.more}, speed {plan.speed}, pool {plan.pool}, faults {plan.faults}")
    for wave in plan.waves:
        _say(f"{wave.name}: {', '.join(f'{each.command} at {each.after:.1f} s' for each in wave.launches)}")
        for kill in wave.kills:
            when = (
                f"{kill.trigger.event} ({kill.trigger.nth})" if kill.trigger.event else f"{kill.trigger.cpu} s of CPU"
            )
            _say(
                f"    {kill.target} {kill.trigger.delay:.2f} s after {when} of {wave.launches[kill.trigger.worker].command}"
            )


def _say_summary(results: list[RoundResult], seconds: float) -> None:
    hits, missed, met, errors, events, runs, commands = (Counter[str]() for _ in range(7))
    for result in results:
        hits.update(result.havoc.hits)
        missed.update(result.havoc.missed)
        met.update(result.havoc.met)
        errors.update(result.havoc.errors)
        events.update(result.events)
        runs.update(result.runs)
        commands.update(result.commands)
    intended = Counter[str]()
    for result in results:
        intended.update(planned(draw_plan(result.seed).waves))
    _say(f"\n{'killed':12} {'planned':>8} {'met':>8} {'missed':>8}")
    for target in TARGETS:
        _say(f"{target:12} {intended[target]:8} {hits[target]:8} {missed[target]:8}")
    _say_counts("what a kill met", met)
    _say_counts("commands", commands)
    _say_counts("commands that failed while something was down", errors)
    _say_counts("Dagster runs", runs)
    lifecycle = (
        "batch claimed",
        "batch created",
        "create has no known outcome",
        "batch adopted",
        "surplus batch found",
    )
    _say_counts("what the commands logged", Counter({name: events[name] for name in lifecycle}))
    _say_counts("steps of recovery", Counter({name: n for name, n in events.items() if name.startswith("recovery: ")}))
    unknown = sum(len(result.havoc.unknown_creates) for result in results)
    _say(
        f"\n{len(results)} rounds in {seconds:.0f} s, {sum(hits.values())} kills, {unknown} batches left with an unknown"
        f" create, {events['batch adopted']} adopted, {sum(result.surplus for result in results)} surplus,"
        f" {sum(result.spool_left for result in results)} spool files left behind,"
        f" {sum(bool(result.violations) for result in results)} rounds with violations;"
        f" {_computed() / max(len(results), 1):.0f} s of CPU a round"
    )


def _computed() -> float:
    """Seconds that this process and those that ended below it have computed; Postgres, a child of nobody, is not among them."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _say_counts(title: str, counts: Counter[str]) -> None:
    if counts:
        _say(f"\n{title}:")
        for name, count in sorted(counts.items()):
            _say(f"  {count:6}  {name}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
