"""The long run: `python -m tests.hosts --rounds 20 --seed-from 0 [--engine code-servers|celery]`.

Both engines play side by side, half of the rounds each, with the same seeds; each has a world of its own, in which rounds follow
each other. A run that was ended goes on with `--seed-from`. A world in which something was violated is kept and named, and the
next round begins in a new one. Where hosts cannot be made, it says why and exits 0.
Exit 1: something was violated, or with `--without-giving-up` nothing was: that round takes a safeguard away, and must notice.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from tests.hosts.network import why_not
from tests.hosts.plan import ENGINES, Engine, Fault, Plan, draw_plan
from tests.hosts.rounds import RoundResult, play_round
from tests.hosts.world import StoppedError, opened_world

# A host that is killed without a good-bye while it imports, and comes back under another name.
_CONTROL = Fault("import", 1, "host killed", 5.0, silent=True, number=0)


@dataclass
class _Lane:
    """The rounds of one engine."""

    engine: Engine
    plans: list[Plan]
    results: list[RoundResult] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads arguments and runs what they ask for."""
    asked = _arguments(arguments)
    reason = why_not()
    if reason is not None:
        _say(f"skipped: {reason}")
        return 0
    parent = Path(tempfile.mkdtemp(prefix="livedash-hosts-"))
    # Postgres's own user has to come to its cluster.
    parent.chmod(0o755)
    stopping = threading.Event()
    received: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    lanes = _lanes(asked)
    begin = time.monotonic()
    broken = _run(lanes, parent, stopping, gives_up=not asked.without_giving_up)
    results = [result for lane in lanes for result in lane.results]
    _say_summary(results, time.monotonic() - begin)
    failed = any(result.violations for result in results)
    if not failed and not broken:
        shutil.rmtree(parent, ignore_errors=True)
    if received:
        return 128 + received[0]
    if asked.without_giving_up:
        _say("noticed" if failed else "NOT NOTICED: nothing was violated although no run was given up")
        return int(broken or not failed)
    return int(failed or broken)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.hosts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed-from", type=int, default=0)
    parser.add_argument("--engine", choices=ENGINES, help="this one alone")
    parser.add_argument("--without-giving-up", action="store_true", help="one control round, which has to fail")
    return parser.parse_args(arguments)


def _lanes(asked: argparse.Namespace) -> list[_Lane]:
    engines: tuple[Engine, ...] = (asked.engine,) if asked.engine else ENGINES
    missing = [name for name in ("dagster_celery", "redis") if find_spec(name) is None]
    missing += ["redis-server"] if shutil.which("redis-server") is None else []
    if "celery" in engines and missing:
        _say(f"without Celery: {', '.join(missing)} not installed")
        engines = tuple(engine for engine in engines if engine != "celery")
    if find_spec("time_machine") is None:
        raise SystemExit("time-machine is not installed, without which hosts have one clock: install the dev group.")
    if asked.without_giving_up:
        return [_Lane(engine, [Plan(asked.seed_from, engine, (3, 3), (_CONTROL,))]) for engine in engines]
    lanes = []
    for number, engine in enumerate(engines):
        rounds = len(range(number, asked.rounds, len(engines)))
        seeds = range(asked.seed_from, asked.seed_from + rounds)
        lanes.append(_Lane(engine, [draw_plan(seed, engine) for seed in seeds]))
    return lanes


def _run(lanes: list[_Lane], parent: Path, stopping: threading.Event, *, gives_up: bool) -> bool:
    """Plays all lanes; True if one broke, which is a fault of the harness or the machine and no verdict."""
    broken = False
    with ThreadPoolExecutor(max(len(lanes), 1)) as pool:
        futures = {lane.engine: pool.submit(_play, lane, parent, stopping, gives_up) for lane in lanes}
        # In short steps, so that signals are handled between them.
        while not all(future.done() for future in futures.values()):
            time.sleep(0.3)
        for engine, future in futures.items():
            error = future.exception()
            if error is not None and not isinstance(error, StoppedError):
                broken = True
                _say(f"{engine}: BROKEN, kept below {parent}: {type(error).__name__}: {error}")
    return broken


def _play(lane: _Lane, parent: Path, stopping: threading.Event, gives_up: bool) -> None:
    plans = list(lane.plans)
    while plans:
        directory = Path(tempfile.mkdtemp(prefix=f"{lane.engine}-{plans[0].seed}-", dir=parent))
        directory.chmod(0o755)
        with opened_world(directory, lane.engine, plans[0].seed, stopping, gives_up=gives_up) as world:
            while plans:
                result = play_round(world, plans.pop(0))
                result.kept = directory if result.violations else None
                lane.results.append(result)
                _say_round(result)
                if result.violations:
                    break
        if not result.violations:
            shutil.rmtree(directory, ignore_errors=True)


def _say_round(result: RoundResult) -> None:
    _say(result.line())
    for violation in result.violations:
        _say(f"             {violation}")


def _say_summary(results: list[RoundResult], seconds: float) -> None:
    kinds, steps = Counter[str](), Counter[str]()
    for result in results:
        kinds.update(each.fault.kind for each in result.struck)
        steps.update(each.fault.step for each in result.struck)
    for title, counts in (("what went wrong", kinds), ("at which step", steps)):
        _say(f"\n{title}: {', '.join(f'{name} {count}' for name, count in sorted(counts.items())) or 'nothing'}")
    missed = sum(len(result.missed) for result in results)
    held = max((result.held for result in results), default=0.0)
    silent = max((each for result in results for each in result.given_up), default=0.0)
    failed = sum(bool(result.violations) for result in results)
    _say(
        f"\n{len(results)} rounds in {seconds:.0f} s, {sum(kinds.values())} faults, {missed} missed, {failed} rounds with"
        f" violations; longest time held {held:.0f} s, runs given up at most {silent:.0f} s after their last beat"
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
