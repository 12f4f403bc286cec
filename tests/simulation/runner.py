"""Runs one schedule on the real steps, carries the flow fault-free to its end, and reports what was violated.

Add what a worker can do to `_actions`, and what people and sources do to `_events`. What must hold is in `invariants.py`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Engine, select

from livedash_pipeline.analysis.steps.build_requests import build_requests
from livedash_pipeline.base.rules.endpoints import endpoint_of
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.companies import list_companies
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_processing_requests
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.intake.steps.derive_sessions import derive_sessions
from livedash_pipeline.ledger.rules.admission.request_filters import RequestFilter
from livedash_pipeline.ledger.steps.admission.pauses import pausing
from livedash_pipeline.ledger.steps.batches.cancel import cancel_batches
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.recovery.reconcile import reconcile_batches
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.ledger.store.batches.request_search import request_ids
from livedash_pipeline.ledger.store.batches.requests import requeue
from livedash_pipeline.local.batch_api.batches.pace import Pace
from livedash_pipeline.local.batch_api.faults.faulty_service import FaultyService
from livedash_pipeline.local.batch_api.faults.script import FaultScript
from livedash_pipeline.local.batch_api.records import ENDED
from livedash_pipeline.services.openai.tokens import count_tokens
from tests.simulation.bills import BillRates
from tests.simulation.cap_watch import CapWatch
from tests.simulation.clock import START, Clock
from tests.simulation.database import (
    SimulationDatabase,
    change_transcript,
    set_company_status,
)
from tests.simulation.engine import KeepCommit, WatchedEngine
from tests.simulation.gateway import RecordingService, SimulatedGateway
from tests.simulation.invariants import Observed, read_books, violations_of
from tests.simulation.ledger_money import money_violations
from tests.simulation.money_world import USD_EUR, lift_own_caps, settings_of
from tests.simulation.operators import Operator
from tests.simulation.rivals import Rivals
from tests.simulation.schedule import ACCEPTS_VANISHED, NO_CAPS, WORKERS, Schedule, Step
from tests.simulation.workers import Tally, Unhurried, Worker

_BASE_URL = "https://simulation.test/v1"
# Seconds that pass between the rounds of the fault-free end: holds, leases and stalls are over sooner or later.
_ROUNDS = (60.0, 1000.0, 1000.0, 4000.0, 8000.0, 30_000.0, 60_000.0, 90_000.0, 90_000.0, 90_000.0, 90_000.0, 90_000.0)
_BELIEVES_VANISHED_FROM = 7
# A probe that came to nothing has been replaced by then, so that what still waits for a proof waits for a person.
_WAITS_FOR_A_PERSON_FROM = 6
_CAPS_LIFTED_AT = 2
"""The round of the fault-free end in which somebody raises the caps, since what they keep waiting would wait for ever."""
_LONGEST_DELAY = 200_000.0
# What a late call makes is retrieved at most so often until it has ended and is settled.
_LATE_ROUNDS = 4


@dataclass(frozen=True)
class Sabotage:
    """What a mutation takes away that lies outside the package's modules."""

    keep_commit: KeepCommit = lambda _name: True
    create_tries: int = 1
    deletes: bool = True
    names_creates: bool = True


@dataclass
class Result:
    """What came of one schedule."""

    violations: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


class Simulation:
    """Runs schedules one after the other on one database.

    Args:
        engine: A migrated database that nobody else uses.
        directory: Where service and workers keep their files.
        sabotage: What is taken away from the world.
        second_kind: Whether every company has parcels beside its sessions.
        before_each: Called before every schedule.
    """

    def __init__(
        self,
        engine: Engine,
        directory: Path,
        sabotage: Sabotage | None = None,
        *,
        second_kind: bool = False,
        before_each: Callable[[], None] = lambda: None,
    ) -> None:
        self.engine = engine
        self._before_each = before_each
        self._database = SimulationDatabase(engine, second_kind=second_kind)
        self._directory = directory
        self.sabotage = sabotage or Sabotage()

    def run(self, schedule: Schedule) -> Result:
        """Everything from an empty database to the invariants."""
        self._before_each()
        self._database.reset()
        place = Path(tempfile.mkdtemp(prefix="schedule-", dir=self._directory))
        try:
            return _Run(self._database, place, schedule, self.sabotage).result()
        finally:
            shutil.rmtree(place, ignore_errors=True)


class _Run:
    """One schedule under way."""

    def __init__(self, database: SimulationDatabase, place: Path, schedule: Schedule, sabotage: Sabotage) -> None:
        self._database = database
        self._schedule = schedule
        self._sabotage = sabotage
        self._outcome = Result()
        self._place = place
        self._clock = Clock(skew=schedule.world.skew)
        self._observed = Observed(
            unfenced=any(map(_breaks_the_fence, schedule.faults)),
            limited=bool(schedule.world.token_limit),
            cut_off=any(fault["kind"] in ("cut_listing", "recent_only") for fault in schedule.faults),
        )
        self._operator = Operator(database.engine, self._observed)
        self._settings = settings_of(schedule.world, _BASE_URL, schedule.world.caps)
        self._caps = CapWatch(database.engine, schedule.world.caps)
        self._service = _service(schedule, place, self._clock)
        self._connection = FaultyService(self._service)
        deadly = set(schedule.dies_at)
        self._workers = [
            Worker(f"worker {number}", self._outcome.tally, self._note, deadly) for number in range(WORKERS)
        ]
        self._last = Unhurried("end", self._outcome.tally, self._note)
        rival = Unhurried("rival", self._outcome.tally, self._note)
        self._rivals = Rivals(database.engine, lambda: self._context(rival))

    def result(self) -> Result:
        """Run it."""
        try:
            self._imports = self._database.store_world(self._schedule.world)
            for step in self._schedule.steps:
                self._take(step)
            for worker in self._workers:
                worker.kill()
            self._carry_to_the_end()
            self._find_violations()
        finally:
            self._service.close()
        return self._outcome

    def _find_violations(self) -> None:
        engine = self._database.engine
        books = read_books(engine, self._service, self._observed)
        rates = BillRates(START, self._schedule.world.long_context)
        self._outcome.violations += [
            *violations_of(books, self._observed),
            *money_violations(engine, books, rates, usd_eur=Decimal(USD_EUR), most_output=self._service.most_output),
            *dict.fromkeys(self._caps.violations),
            *self._database.subject_violations(),
        ]

    def _after_commit(self) -> None:
        self._rivals.on_commit()
        self._caps.look(self._clock.now())

    def _note(self, text: str) -> None:
        self._outcome.trace.append(f"{self._clock.passed:10.1f} {text}")

    def _take(self, step: Step) -> None:
        self._note(f"-- {step}")
        worker = self._workers[step.worker]
        match step.kind:
            case "start":
                if not worker.busy:
                    worker.start(lambda: self._act(worker, step.action, step.number))
            case "go" | "die":
                worker.go(step.number, place=step.place, then_die=step.kind == "die")
            case "wait":
                self._clock.advance(step.seconds)
            case "rival":
                self._rivals.call()
            case _:
                self._happen(step)

    def _happen(self, step: Step) -> None:
        engine, number = self._database.engine, step.number
        if step.kind == "requeue":
            self._requeue()
            return
        with engine.begin() as connection:
            if step.kind == "change":
                place = number % len(self._imports)
                change_transcript(connection, self._imports[place], place, number)
                self._database.change_subject(connection, number)
            else:
                status = "SUSPENDED" if step.kind == "suspend" else "ACTIVE"
                set_company_status(connection, number % len(self._schedule.world.sessions), status)

    def _requeue(self) -> None:
        """Somebody puts all failed requests back."""
        requests = ai_processing_requests.c
        with self._database.engine.begin() as connection:
            failed = request_ids(connection, RequestFilter(RequestStatus.PROCESSING_FAILED))
            requeue(connection, failed, self._database.kinds, now=self._clock.now(), dry_run=False)
            waiting = select(requests.id).where(
                requests.id.in_(failed), requests.processing_status == RequestStatus.PENDING_BATCHING
            )
            self._observed.requeues.update(connection.execute(waiting).scalars())

    def _act(self, worker: Worker, action: str, number: int) -> None:
        """One action of a worker; what the program says in such a case is no violation, anything else is."""
        try:
            said = self._actions(worker)[action](number)
        except LivedashError as error:
            said = f"{type(error).__name__}: {error}"
        except TypeError:
            # Most likely a sabotage that no longer fits into its place, which must not pass for one that was noticed.
            raise
        except Exception as error:  # noqa: BLE001 - whatever escapes is what is looked for
            self._outcome.violations.append(f"{action} raised {type(error).__name__}: {error}")
            said = "raised"
        self._note(f"{worker.name} ended {action}: {said}")

    def _actions(self, worker: Worker) -> dict[str, Callable[[int], object]]:
        context = self._context(worker)
        return {
            "build": lambda number: self._build(context, worker, requeue_meanwhile=number % 2 == 1),
            "submit": lambda number: submit_pending(context, ignore_minimum=True, unhold=number % 2 == 0),
            "poll": lambda number: poll_batches(context, rotation=number, monotonic=self._clock.monotonic),
            "ingest": lambda _number: self._ingest(context),
            "reconcile": lambda number: reconcile_batches(context, accept_vanished=number == ACCEPTS_VANISHED),
            "cancel": lambda number: cancel_batches(
                context, self._operator.live(number), unfinished="failed" if number % 2 else "pending"
            ),
            "accept": lambda number: self._operator.accept(context, number),
            "again": lambda number: self._operator.ask_again(context, number),
        }

    def _context(self, worker: Worker) -> BatchContext:
        watched = WatchedEngine(
            self._database.engine,
            worker,
            self._sabotage.keep_commit,
            on_commit=self._after_commit,
            before_commit=self._rivals.before_commit,
        )
        engine = cast(Engine, watched)
        endpoint = endpoint_of(_BASE_URL)
        gateway = SimulatedGateway(
            self._connection,
            worker,
            self._clock,
            endpoint,
            create_tries=self._sabotage.create_tries,
            deletes=self._sabotage.deletes,
            names_creates=self._sabotage.names_creates,
            on_failure=pausing(engine, endpoint, lambda _connection: self._clock.now()),
        )
        return BatchContext(
            engine,
            gateway,
            self._database.kinds,
            self._settings,
            now=lambda _connection: self._clock.now(),
            sleep=self._clock.advance,
            spool_dir=self._place / "spool" / worker.name.replace(" ", "-"),
        )

    def _build(self, context: BatchContext, worker: Worker, *, requeue_meanwhile: bool) -> object:
        """Derive sessions and make requests; perhaps somebody requeues while they are being measured, in a transaction."""
        waiting = [self._requeue] if requeue_meanwhile else []

        def count(text: str) -> int:
            if waiting and worker.open_transactions:
                waiting.pop()()
            return count_tokens(text)

        reports = []
        with self._database.engine.connect() as connection:
            companies = list_companies(connection)
        for company in companies:
            derive_sessions(context.engine, company, clock=context.now)
            reports.append(
                build_requests(
                    context.engine,
                    company,
                    default_model=self._settings.openai_model,
                    count_tokens=count,
                    clock=context.now,
                )
            )
            self._database.ask(context.engine, company.id, model=self._settings.openai_model, now=self._clock.now())
        return reports

    def _ingest(self, context: BatchContext) -> object:
        report = ingest_finished(context)
        self._observed.taken_in.update(report.batches)
        return dict(report.outcomes)

    def _carry_to_the_end(self) -> None:
        """Nothing goes wrong any more, and time passes until there is nothing left to do."""
        self._service.install_faults(FaultScript(), replace=True)
        with self._database.engine.begin() as connection:
            for place in range(len(self._schedule.world.sessions)):
                set_company_status(connection, place, "ACTIVE")
        world = self._schedule.world
        life = world.validating + world.running + world.finalizing + world.cancelling + 1
        for turn, pause in enumerate(_ROUNDS):
            self._clock.advance(pause)
            if turn == _CAPS_LIFTED_AT:
                self._lift_caps()
            for action in ("build", "submit"):
                self._act(self._last, action, 0)
            self._clock.advance(life)
            self._act(self._last, "poll", turn)
            self._act(self._last, "ingest", 0)
            unfinished = self._database.count_unfinished()
            if unfinished == 0 and not self._alive():
                break
            if turn >= _WAITS_FOR_A_PERSON_FROM and self._all_wait_for_a_person():
                break
            if turn % 2 or unfinished == 0:
                self._act(self._last, "reconcile", ACCEPTS_VANISHED if turn >= _BELIEVES_VANISHED_FROM else 0)
        self._let_late_calls_come(life)
        self._act(self._last, "reconcile", 0)
        if world.asks_again:
            for number in range(self._operator.count_given_up()):
                self._act(self._last, "again", number)

    def _lift_caps(self) -> None:
        self._settings = settings_of(self._schedule.world, _BASE_URL, NO_CAPS)
        with self._database.engine.begin() as connection:
            lift_own_caps(connection)
        self._caps.lift()

    def _let_late_calls_come(self, life: float) -> None:
        """Calls that were still on their way take effect after everything is over, and may make nothing of it undone."""
        if not self._service.faults()["delayed"]:
            return
        self._service.release_delayed()
        self._clock.advance(_LONGEST_DELAY)
        self._act(self._last, "reconcile", 0)
        self._clock.advance(life)
        # One that somebody waited for is found now, and is brought to its end.
        for turn in range(_LATE_ROUNDS):
            if self._database.count_unfinished() == 0:
                break
            for action in ("poll", "ingest", "build", "submit"):
                self._act(self._last, action, turn)
            self._clock.advance(life)

    def _all_wait_for_a_person(self) -> bool:
        """Whether nothing is open but creates of which the service proves nothing, and that is not because of a lag."""
        batches = ai_batch_requests.c
        open_batches = select(batches.absence_doubt, batches.create_started_at).where(batches.processed_at.is_(None))
        waiting = ai_processing_requests.c.processing_status == RequestStatus.PENDING_BATCHING
        with self._database.engine.connect() as connection:
            found = connection.execute(open_batches).all()
            pending = connection.execute(select(ai_processing_requests.c.id).where(waiting).limit(1)).first()
        longest = self._clock.now() - timedelta(hours=6)
        doubted = all(row.absence_doubt and row.create_started_at < longest for row in found)
        return bool(found) and doubted and pending is None and not self._alive()

    def _alive(self) -> bool:
        return any(record.status not in ENDED for record in self._service.records())


def _breaks_the_fence(fault: Mapping[str, Any]) -> bool:
    is_of_deletion = fault.get("operation") == "delete_file" and fault["kind"] in ("pretend", "status")
    return is_of_deletion or fault["kind"] == "surviving_input"


def _service(schedule: Schedule, place: Path, clock: Clock) -> RecordingService:
    world, counts = schedule.world, Counter[str]()

    def count_id(prefix: str) -> str:
        counts[prefix] += 1
        return f"{prefix}{counts[prefix]:04}"

    return RecordingService(
        place / "service",
        clock=clock.service_time,
        new_id=count_id,
        pace=Pace(
            validating=world.validating,
            lines_per_second=1e9,
            least_running=world.running,
            finalizing=world.finalizing,
            cancelling=world.cancelling,
        ),
        faults=FaultScript.model_validate({"seed": schedule.seed, "faults": list(schedule.faults)}, strict=False),
    )
