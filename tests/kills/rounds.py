"""One round: its waves of commands and kills, then the flow without kills to its end, then the judgement.

Add what a round does besides killing here. What is killed when is `plan`, what must hold is `oracle`.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from tests.kills.killing import Havoc, failed_requests, judge, play
from tests.kills.oracle import RemoteBooks, find_all_violations, is_quiet, spool_left
from tests.kills.plan import Plan, Wave
from tests.kills.processes import count_events
from tests.kills.world import StoppedError, World, opened_world, remove_directory
from tests.simulation.database import count_unfinished
from tests.simulation.invariants import Observed

# Rounds of the fault-free end; more than a few mean that something is stuck.
_TURNS = 8
_QUIET_SECONDS = 60.0
_COUNTS = """
    SELECT
        (SELECT count(*) FROM ai_processing_requests WHERE processing_status = 'PENDING_BATCHING') AS pending,
        (SELECT count(*) FROM ai_batch_requests WHERE openai_batch_id IS NULL AND processed_at IS NULL) AS unbought,
        (SELECT count(*) FROM ai_processing_requests) AS requests,
        (SELECT count(*) FROM import_runs WHERE status = 'RUNNING') AS importing,
        (SELECT count(*) FROM ai_batch_requests) AS batches,
        (SELECT count(*) FROM ai_surplus_batches) AS surplus,
        (SELECT count(*) FROM ai_batch_requests WHERE cancel_requested_at IS NOT NULL) AS wishes,
        (SELECT count(*) FROM ai_batch_requests WHERE processed_at IS NULL
            AND status IN ('COMPLETED', 'FAILED', 'CANCELLED')) AS finished"""


@dataclass
class RoundResult:
    """What came of a round."""

    seed: int
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)
    havoc: Havoc = field(default_factory=Havoc)
    events: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    batches: int = 0
    surplus: int = 0
    spool_left: int = 0
    restarts: int = 0
    kept: Path | None = None

    def line(self) -> str:
        """The round in one line."""
        killed = ", ".join(f"{count} {target}" for target, count in sorted(self.havoc.hits.items())) or "nothing"
        verdict = f"FAILED, kept in {self.kept}" if self.violations else "ok"
        return (
            f"seed {self.seed:5}  killed {killed} ({sum(self.havoc.missed.values())} missed)  {self.seconds:.0f} s  "
            f"{self.requests} requests  {self.batches} batches  {self.surplus} surplus  {verdict}"
        )


def run_round(plan: Plan, parent: Path, stopping: threading.Event) -> RoundResult:
    """Runs a round in a directory of its own, which is removed unless something was violated.

    Any other exception leaves the directory: the round broke, which is no verdict.

    Raises:
        StoppedError: The whole run is to end; everything of the round is gone.
    """
    directory = Path(tempfile.mkdtemp(prefix=f"round-{plan.seed}-", dir=parent))
    begin = time.monotonic()
    try:
        with opened_world(directory, plan, stopping) as world:
            result = play_round(world)
    except StoppedError:
        remove_directory(directory)
        raise
    result.seconds = time.monotonic() - begin
    if result.violations:
        result.kept = directory
    else:
        remove_directory(directory)
    return result


def play_round(world: World) -> RoundResult:
    """Plays the world's plan, carries the flow to its end, and judges."""
    result = RoundResult(world.plan.seed)
    _Round(world, result).run()
    return result


class _Round:
    """A round under way."""

    def __init__(self, world: World, result: RoundResult) -> None:
        self._world = world
        self._result = result
        self._havoc = result.havoc
        self._observed = Observed()

    def run(self) -> None:
        for wave in self._world.plan.waves:
            self._play(wave)
        self._world.api.stop_misbehaving()
        ended = self._carry_to_the_end()
        self._judge(ended)

    def _play(self, wave: Wave) -> None:
        """A wave; what it is about is there, and commands before it that are none of its business run unharmed."""
        if wave.name == "submit":
            self._import_if_needed()
        if wave.late:
            self._world.publish_more()
            self._world.let_time_pass()
        if wave.name == "settle":
            self._wait_until_quiet()
            self._run("poll")
        if wave.name == "requeue":
            self._bring_failures_about()
        before = set(failed_requests(self._world)) if wave.name == "requeue" else set()
        play(self._world, wave, self._havoc)
        # Only `requeue` takes a request back from failure, and it runs alone.
        requeued = before - set(failed_requests(self._world)) if before else set()
        self._observed.requeues.update(UUID(str(request)) for request in requeued)

    def _bring_failures_about(self) -> None:
        """What was cancelled is taken in, so that there is something to requeue."""
        if not self._count("wishes"):
            return
        self._world.let_time_pass()
        self._run("poll")
        if not is_quiet(self._world.api):
            self._wait_until_quiet()
            self._run("poll")
        if self._count("finished"):
            self._run("ingest")

    def _run(self, *arguments: str) -> None:
        """A command that nobody kills. It may fail for what the server does wrong, but it has to end and to answer."""
        worker = self._world.start(*arguments)
        if not self._world.finish(worker):
            self._havoc.violations.append(f"{worker.name} ({worker.stderr.name}) did not end")
        judge(worker, self._havoc)

    def _import_if_needed(self) -> None:
        # A killed import counts as running until the next one of its company.
        if self._count("requests") < self._world.expected_sessions or self._count("importing"):
            self._run("import")

    def _carry_to_the_end(self) -> bool:
        """Nothing goes wrong any more; False if the flow does not come to its end."""
        for _ in range(_TURNS):
            self._world.let_time_pass()
            self._import_if_needed()
            if self._count("pending"):
                self._run("submit")
            self._wait_until_quiet()
            # Looks, adopts, fences, polls, and compares the whole listing.
            self._run("reconcile")
            if self._count("unbought"):
                self._world.let_time_pass()
                self._run("reconcile")
            self._wait_until_quiet()
            if self._count("finished"):
                self._run("ingest")
            if count_unfinished(self._world.database) == 0 and is_quiet(self._world.api):
                if not self._world.api.delayed():
                    return True
                self._let_late_calls_come()
        return False

    def _let_late_calls_come(self) -> None:
        """Creates that were still on their way come after everything is over; the next turn finds what they made."""
        self._world.api.release_delayed()
        while self._world.api.delayed():
            self._world.check_not_stopped()
            time.sleep(0.1)

    def _wait_until_quiet(self) -> None:
        end = time.monotonic() + _QUIET_SECONDS
        while not is_quiet(self._world.api) and time.monotonic() < end:
            self._world.check_not_stopped()
            time.sleep(0.1)

    def _count(self, name: str) -> int:
        with self._world.database.connect() as connection:
            return int(getattr(connection.execute(text(_COUNTS)).one(), name))

    def _judge(self, ended: bool) -> None:
        result, world = self._result, self._world
        for worker in world.workers:
            self._observed.taken_in.update(
                UUID(event["batch_id"]) for event in worker.events if event["event"] == "results ingested"
            )
        books = RemoteBooks(world.api)
        with world.dagster() as dagster:
            result.violations = [
                *([] if ended else [f"the flow has not come to its end in {_TURNS} turns without faults"]),
                *self._havoc.violations,
                *find_all_violations(world.database, books, self._observed, dagster, sessions=world.expected_sessions),
            ]
            for status, count in dagster.execute("SELECT status, count(*) FROM runs GROUP BY status").fetchall():
                result.runs[str(status)] = int(str(count))
        for name in ("requests", "batches", "surplus"):
            setattr(result, name, self._count(name))
        result.events = count_events(world.workers)
        result.commands.update(worker.name for worker in world.workers)
        result.spool_left = spool_left(world.spool)
        result.restarts = world.api.starts - 1
        if result.violations:
            journal = json.dumps(books.journal(), indent=1)
            (world.directory / "journal.json").write_text(journal, encoding="utf-8")
            (world.directory / "violations.txt").write_text("\n".join(result.violations), encoding="utf-8")
