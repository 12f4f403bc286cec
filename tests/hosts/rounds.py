"""One round: companies publish sessions, faults strike, everything comes to its end by itself, and the books are judged.

Add what a round does. What goes wrong is `plan`, what must hold is `oracle`.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from livedash_pipeline.overview.steps.stages import retry_stage
from livedash_pipeline.settings import Settings
from tests.hosts.oracle import find_violations, progress, what_is_left
from tests.hosts.plan import Fault, Plan
from tests.hosts.services import COMPANIES
from tests.hosts.strikes import Struck
from tests.hosts.transactions import trap
from tests.hosts.watch import Watch
from tests.hosts.world import World

_LOOK = 0.25
_LOOK_AT_RUNS = 1.0
# Seconds without any progress after which the round is taken for stuck; leases, back-offs and giving up take less.
_PATIENCE = 300.0
# Companies are imported when the round says so, and not at every interval: each import is a run.
_HOLD = text("""
    UPDATE companies SET next_import_at = clock_timestamp() + interval '1 day'
    WHERE slug = :slug AND next_import_at < clock_timestamp() + interval '1 hour'
      AND (SELECT count(*) FROM session_imports WHERE company_id = companies.id) >= :published
      AND NOT EXISTS (
          SELECT 1 FROM session_imports JOIN session_processing_status AS stage ON stage.import_id = session_imports.id
          WHERE session_imports.company_id = companies.id AND stage.stage = 'TRANSCRIPT_FETCH'
            AND stage.status IN ('PENDING', 'IN_PROGRESS'))""")
_FAILED_FETCHES = text(
    "SELECT count(*) FROM session_processing_status WHERE stage = 'TRANSCRIPT_FETCH' AND status = 'FAILED'"
)
_DUE = text("UPDATE companies SET next_import_at = clock_timestamp()")


@dataclass
class RoundResult:
    """What came of a round."""

    plan: Plan
    seconds: float = 0.0
    struck: list[Struck] = field(default_factory=list)
    missed: list[Fault] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    retried: int = 0
    """Transcripts that a host behind a cut link could not fetch: they fail, as documented, and somebody tries them again."""
    held: float = 0.0
    """Longest time from the end of a host to the end of one of its runs, by the wall's clock."""
    given_up: list[float] = field(default_factory=list)
    """Seconds from the last beat of each run that was given up to its giving up, by Postgres's clock, of the world so far."""
    kept: Path | None = None

    def line(self) -> str:
        """The round in one line."""
        what = "; ".join(each.describe() for each in self.struck) or "nothing"
        verdict = f"FAILED, kept in {self.kept}" if self.violations else "ok"
        missed = f", {len(self.missed)} missed" if self.missed else ""
        missed += f", {self.retried} fetches tried again by hand" if self.retried else ""
        return (
            f"{self.plan.engine:12} seed {self.plan.seed:4}  {self.seconds:4.0f} s  held {self.held:3.0f} s  "
            f"{what}{missed}  {verdict}"
        )


def play_round(world: World, plan: Plan) -> RoundResult:
    """Plays a round to its end and judges.

    Raises:
        StoppedError: The whole run is to end.
    """
    result = RoundResult(plan)
    begin = time.monotonic()
    _Round(world, result).play()
    result.seconds = time.monotonic() - begin
    return result


class _Round:
    """A round under way."""

    def __init__(self, world: World, result: RoundResult) -> None:
        self._world = world
        self._result = result
        self._watch = Watch(world.postgres, world.strikes.ended)
        self._first = len(world.strikes.struck)
        self._begun: set[str] = set()
        self._progress: object = None
        self._moved = time.monotonic()
        self._next_look = 0.0

    def play(self) -> None:
        world, plan = self._world, self._result.plan
        world.services.publish(plan.sessions)
        world.moments.arm(plan.faults)
        with world.postgres.engine.begin() as connection:
            connection.execute(_DUE)
        with ExitStack() as stack:
            if any(fault.step == "transaction" for fault in plan.faults):
                stack.enter_context(trap(world.postgres, self._meet_in_transaction))
            left = self._wait()
        result = self._result
        result.missed = world.moments.waiting
        world.moments.arm(())
        result.struck = world.strikes.struck[self._first :]
        result.held = max(self._watch.held.values(), default=0.0)
        result.violations = [*left, *self._watch.overdue(), *self._watch.late(), *find_violations(world)]
        result.given_up = [float(row.seconds) for row in self._watch.given_up() if not row.unseen]

    def _meet_in_transaction(self, address: str) -> bool:
        """Sensors have transactions as well; those of runs are what matters."""
        world = self._world
        return world.runs_runs(address) and world.moments.meet("transaction", address) is not None

    def _wait(self) -> list[str]:
        """Waits until all is done; returns what is left where it does not come to an end."""
        while True:
            self._world.check_not_stopped()
            self._world.strikes.mend_due()
            if time.monotonic() >= self._next_look:
                self._next_look = time.monotonic() + _LOOK_AT_RUNS
                left = self._look()
                if not left or self._is_stuck():
                    return left
            time.sleep(_LOOK)

    def _look(self) -> list[str]:
        """Looks at everything once; returns what is still to be done."""
        self._watch.look()
        for run_id, server in self._watch.starting.items():
            if run_id not in self._begun:
                self._begun.add(run_id)
                # With Celery nobody knows which worker will take it.
                self._world.moments.meet("starting", server if self._world.engine == "code-servers" else None)
        try:
            self._hold_imports()
            self._retry_fetches()
            self._note_progress()
            left = what_is_left(self._world)
        except (DBAPIError, psycopg.Error) as error:
            return [f"Postgres does not answer: {type(error).__name__}"]
        return left if self._world.strikes.mended else [*left, "something is still broken"]

    def _hold_imports(self) -> None:
        with self._world.postgres.engine.begin() as connection:
            for company in COMPANIES:
                published = self._world.services.count_of(company.slug)
                connection.execute(_HOLD, {"slug": company.slug, "published": published})

    def _retry_fetches(self) -> None:
        """What a person does who sees them; later imports would, after six hours."""
        if self._watch.unfinished or not self._world.strikes.mended:
            return
        with self._world.postgres.engine.begin() as connection:
            failed = int(connection.execute(_FAILED_FETCHES).scalar_one())
            if failed:
                connection.execute(_DUE)
        if failed:
            self._result.retried += failed
            retry_stage(self._world.postgres.engine, Settings(), stage="transcript_fetch", dry_run=False)

    def _note_progress(self) -> None:
        now = progress(self._world)
        if now != self._progress:
            self._progress, self._moved = now, time.monotonic()

    def _is_stuck(self) -> bool:
        waiting = bool(self._world.strikes.mended) and time.monotonic() > self._moved + _PATIENCE
        return waiting or bool(self._watch.overdue())
