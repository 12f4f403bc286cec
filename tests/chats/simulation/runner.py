"""Runs one schedule on the real steps, carries every batch to its end, and reports what was violated.

Add what a worker can do to `_actions`, and what people do besides to `_happen`. What must hold after every commit is in
`watch.py`, what must hold at the end in `invariants.py`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import cast
from uuid import UUID

import psycopg
from sqlalchemy import Engine, select

from livedash_pipeline.base.rules.endpoints import endpoint_of
from livedash_pipeline.base.rules.states import LIVE_BATCHES, RequestStatus
from livedash_pipeline.base.store.tables import ai_batch_requests
from livedash_pipeline.chats.rules.providers import Configuration
from livedash_pipeline.chats.steps.cancel import cancel, resume
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.rules.admission.request_filters import RequestFilter
from livedash_pipeline.ledger.steps.admission.pauses import pausing
from livedash_pipeline.ledger.store.admission.holds import lift_holds
from livedash_pipeline.ledger.store.batches.request_search import request_ids
from livedash_pipeline.ledger.store.batches.requests import requeue
from livedash_pipeline.settings import Settings
from tests.chats.simulation.batch_side import BatchSide
from tests.chats.simulation.invariants import count_unfinished, find_violations
from tests.chats.simulation.provider import MODEL, Connection, Provider
from tests.chats.simulation.schedule import CONCURRENCY, Schedule, pick
from tests.chats.simulation.watch import Watch
from tests.simulation.clock import START, Clock
from tests.simulation.database import SimulationDatabase
from tests.simulation.engine import WatchedEngine
from tests.simulation.runner import Result, Sabotage
from tests.simulation.schedule import WORKERS, Step
from tests.simulation.workers import Unhurried, Worker
from tests.support.chat_rounds import make_batch
from tests.support.rows import insert_company

BASE_URL = "https://simulation.test/v1"
_SECONDS = (5.0, 60.0, 300.0, 120.0)
_AT_THE_END = 3
# A busy machine lets nobody sleep for less.
_SHORTEST_SLEEP = 5.0
# Every look at the clock takes a while, so that whoever does nothing comes to the end of a slice soon.
_MOMENT = 1.0
# Seconds between the rounds of the end: holds, leases, pauses and stalls are over sooner or later.
_ROUNDS = (60.0, 200.0, 1000.0, 4000.0, 8000.0, 30_000.0, *(90_000.0,) * 8)


class ChatSimulation:
    """Runs schedules one after the other on one database.

    Args:
        engine: A migrated database that nobody else uses.
        directory: Where providers are described, and where the Batch API and workers keep their files.
        sabotage: What is taken away from the world.
        before_each: Called before every schedule.
    """

    def __init__(
        self,
        engine: Engine,
        directory: Path,
        sabotage: Sabotage | None = None,
        *,
        before_each: Callable[[], None] = lambda: None,
    ) -> None:
        self.engine = engine
        self._database = SimulationDatabase(engine)
        self._directory = directory
        self.sabotage = sabotage or Sabotage()
        self._before_each = before_each
        described = directory / "providers.toml"
        described.write_text("".join(_described(name) for name in CONCURRENCY if name != "openai"), encoding="utf-8")
        self._settings = Settings(
            openai_base_url=BASE_URL,
            openai_api_key="simulation",
            openai_model=MODEL,
            livedash_usd_eur="0.9",
            livedash_chat_providers=described,
        )

    def run(self, schedule: Schedule) -> Result:
        """Everything from an empty database to the invariants."""
        self._before_each()
        self._database.reset()
        place = Path(tempfile.mkdtemp(prefix="schedule-", dir=self._directory))
        url = self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                clock = Clock()
                watch = Watch(connection, clock)
                return _Run(self.engine, place, schedule, self.sabotage, self._settings, clock, watch).result()
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _described(name: str) -> str:
    return f'[providers.{name}]\nbase_url = "{BASE_URL}"\nmodel = "{MODEL}"\nconcurrency = {CONCURRENCY[name]}\n'


class _Run:
    """One schedule under way."""

    def __init__(
        self,
        engine: Engine,
        place: Path,
        schedule: Schedule,
        sabotage: Sabotage,
        settings: Settings,
        clock: Clock,
        watch: Watch,
    ) -> None:
        self._engine = engine
        self._schedule = schedule
        self._sabotage = sabotage
        self._settings = settings
        self._clock = clock
        self._watch = watch
        self._outcome = Result()
        self._random = Random(schedule.seed)
        self._provider = Provider(schedule.call_ends)
        self._side = BatchSide(schedule, place, clock, settings) if schedule.uses_batches else None
        self._workers = [Worker(f"worker {number}", self._outcome.tally, self._note) for number in range(WORKERS)]
        self._last = Unhurried("end", self._outcome.tally, self._note)
        self._batches: list[UUID] = []
        self._requeued = set[UUID]()

    def result(self) -> Result:
        """Run it."""
        try:
            self._make_batches()
            for step in self._schedule.steps:
                self._take(step)
            for worker in self._workers:
                worker.kill()
            self._carry_to_the_end()
            self._outcome.violations += self._watch.violations
            self._outcome.violations += find_violations(
                self._engine,
                self._provider,
                self._watch,
                requeued=self._requeued,
                service=self._side.service if self._side else None,
            )
        finally:
            if self._side is not None:
                self._side.service.close()
        return self._outcome

    def _make_batches(self) -> None:
        with self._engine.begin() as connection:
            company = insert_company(connection)
        context = self._context(self._last)
        for number, plan in enumerate(self._schedule.plans):
            due_at = None if plan.due is None else START + timedelta(hours=plan.due)
            self._batches.append(
                make_batch(
                    context,
                    company.slug,
                    list(plan.rows(number)),
                    ai_provider=plan.provider,
                    mode=plan.mode,
                    turn_policy=plan.policy,
                    due_at=due_at,
                )
            )

    def _note(self, text: str) -> None:
        self._outcome.trace.append(f"{self._clock.passed:10.1f} {text}")

    def _take(self, step: Step) -> None:
        self._note(f"-- {step}")
        worker = self._workers[step.worker]
        match step.kind:
            case "start":
                if not worker.busy:
                    self._watch.begun.pop(worker.name, None)
                    worker.start(partial(self._act, worker, step.action, step.number))
            case "go" | "die":
                worker.go(step.number, place=step.place, then_die=step.kind == "die")
            case "wait":
                self._clock.advance(step.seconds)
            case _:
                self._happen(step.kind)

    def _happen(self, kind: str) -> None:
        """What people do with the ledger: lift holds, or put all failed requests back."""
        with self._engine.begin() as connection:
            if kind == "lift":
                lift_holds(connection, endpoint_of(BASE_URL))
            else:
                failed = request_ids(connection, RequestFilter(RequestStatus.PROCESSING_FAILED))
                requeue(connection, failed, KINDS, now=self._clock.now(), dry_run=False)
                self._requeued.update(failed)
        self._watch.look("people")

    def _act(self, worker: Worker, action: str, number: int) -> None:
        """One action of a worker; what the program says in such a case is no violation, anything else is."""
        batch_id, choice = self._batches[number % 2 % len(self._batches)], number // 2
        try:
            said = self._actions(worker, batch_id)[action](choice)
        except LivedashError as error:
            said = f"{type(error).__name__}: {error}"
        except TypeError:
            # Most likely a sabotage that no longer fits into its place, which must not pass for one that was noticed.
            raise
        except Exception as error:  # noqa: BLE001 - whatever escapes is what is looked for
            self._outcome.violations.append(f"{action} raised {type(error).__name__}: {error}")
            said = "raised"
        self._note(f"{worker.name} ended {action}: {said}")

    def _actions(self, worker: Worker, batch_id: UUID) -> dict[str, Callable[[int], object]]:
        context = self._context(worker)
        # One thread each: a worker of the simulation stands at one boundary at a time.
        actions: dict[str, Callable[[int], object]] = {
            "slice": lambda choice: process_for_duration(context, batch_id, seconds=_SECONDS[choice], workers=1),
            "cancel": lambda _choice: cancel(context, batch_id, by="a person"),
            "resume": lambda choice: resume(context, batch_id, failed_too=choice % 2 == 1),
        }
        if self._side is not None:
            actions |= self._side.actions(context.engine, worker, self._live_batches)
        return actions

    def _live_batches(self) -> list[str]:
        query = select(ai_batch_requests.c.id).where(ai_batch_requests.c.status.in_(LIVE_BATCHES))
        with self._engine.connect() as connection:
            return [str(each) for each in connection.execute(query.order_by(ai_batch_requests.c.id)).scalars()]

    def _context(self, worker: Worker) -> ChatContext:
        watched = WatchedEngine(
            self._engine, worker, self._sabotage.keep_commit, on_commit=lambda: self._watch.look(worker.name)
        )
        engine = cast(Engine, watched)

        @contextmanager
        def connect(configuration: Configuration, _key: str, _engine: Engine) -> Iterator[Connection]:
            on_failure = pausing(engine, configuration.endpoint, lambda _connection: self._clock.now())
            begun = partial(self._watch.take_begun, worker.name)
            yield Connection(self._provider, worker, self._clock, begun, on_failure)

        def sleep(seconds: float) -> None:
            self._clock.advance(max(seconds, _SHORTEST_SLEEP))
            worker.boundary("sleep")

        def monotonic() -> float:
            self._clock.advance(_MOMENT)
            return self._clock.monotonic()

        return ChatContext(
            engine,
            self._settings,
            {},
            connect=connect,
            now=lambda _connection: self._clock.now(),
            monotonic=monotonic,
            sleep=sleep,
            jitter=self._random.random,
            count_tokens=len,
        )

    def _carry_to_the_end(self) -> None:
        """Nothing goes wrong any more, and time passes until there is nothing left to do."""
        self._provider.is_well = True
        if self._side is not None:
            self._side.get_well()
        for turn, pause in enumerate(_ROUNDS):
            self._clock.advance(pause)
            self._happen("lift")
            for number, batch_id in enumerate(self._batches):
                if batch_id not in self._watch.ended:
                    self._act(self._last, "slice", pick(number, _AT_THE_END))
            if self._side is not None:
                self._side.carry_on(partial(self._act, self._last), turn)
            if count_unfinished(self._engine) == 0:
                return
