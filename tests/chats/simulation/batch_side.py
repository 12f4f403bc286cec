"""The ledger's part of the simulation of chat batches: its real steps, with the local server's own logic as the Batch API.

Turns that are asked through batches go out and come back by what a worker does here. Add an action of the ledger to `actions`.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from livedash_pipeline.base.rules.endpoints import endpoint_of
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.admission.pauses import pausing
from livedash_pipeline.ledger.steps.batches.cancel import cancel_batches
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.recovery.reconcile import reconcile_batches
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.local.batch_api.batches.pace import Pace
from livedash_pipeline.local.batch_api.faults.faulty_service import FaultyService
from livedash_pipeline.local.batch_api.faults.script import FaultScript
from livedash_pipeline.settings import Settings
from tests.chats.simulation.schedule import Schedule
from tests.simulation.clock import Clock
from tests.simulation.gateway import RecordingService, SimulatedGateway
from tests.simulation.workers import Worker

# Seconds that the service takes for a batch in all.
_LIFE = 7.0


class LineKeepingService(RecordingService):
    """The service, which keeps every line that it was sent."""

    def __init__(self, state_dir: Path, **options: Any) -> None:
        super().__init__(state_dir, **options)
        self.bodies: dict[str, list[dict[str, Any]]] = {}
        """What was asked by each custom id, over all files."""

    def upload_file(self, stream: Any, **options: Any) -> dict[str, Any]:
        """As the service does."""
        content = stream.read()
        for line in map(json.loads, content.splitlines()):
            self.bodies.setdefault(line["custom_id"], []).append(line["body"])
        return super().upload_file(io.BytesIO(content), **options)


class BatchSide:
    """The Batch API of one schedule, and what workers do with it."""

    def __init__(self, schedule: Schedule, place: Path, clock: Clock, settings: Settings) -> None:
        self._place = place
        self._clock = clock
        self._settings = settings
        counts = Counter[str]()

        def count_id(prefix: str) -> str:
            counts[prefix] += 1
            return f"{prefix}{counts[prefix]:04}"

        self.service = LineKeepingService(
            place / "service",
            clock=clock.service_time,
            new_id=count_id,
            pace=Pace(validating=1.0, lines_per_second=1e9, least_running=3.0, finalizing=1.0, cancelling=1.0),
            faults=FaultScript.model_validate({"seed": schedule.seed, "faults": schedule.service_faults}, strict=False),
        )
        self._connection = FaultyService(self.service)

    def actions(
        self, engine: Engine, worker: Worker, live: Callable[[], list[str]]
    ) -> dict[str, Callable[[int], object]]:
        """What a worker can do, by name; `live` tells the ids of batches that are not over."""
        context = self._context(engine, worker)
        return {
            "submit": lambda choice: submit_pending(context, ignore_minimum=True, unhold=choice % 2 == 0),
            "poll": lambda choice: poll_batches(context, rotation=choice, monotonic=self._clock.monotonic),
            "ingest": lambda _choice: ingest_finished(context),
            "reconcile": lambda _choice: reconcile_batches(context),
            "stop batch": lambda choice: cancel_batches(
                context, live()[:1], unfinished="failed" if choice % 2 else "pending"
            ),
        }

    def get_well(self) -> None:
        """From now on nothing goes wrong."""
        self.service.install_faults(FaultScript(), replace=True)

    def carry_on(self, act: Callable[[str, int], None], turn: int) -> None:
        """A round of everything that the ledger does."""
        act("submit", 0)
        self._clock.advance(_LIFE)
        act("poll", 2 * turn)
        act("ingest", 0)
        if turn % 2:
            act("reconcile", 0)

    def _context(self, engine: Engine, worker: Worker) -> BatchContext:
        endpoint = endpoint_of(self._settings.openai_base_url)
        on_failure = pausing(engine, endpoint, lambda _connection: self._clock.now())
        return BatchContext(
            engine,
            SimulatedGateway(self._connection, worker, self._clock, endpoint, on_failure=on_failure),
            KINDS,
            self._settings,
            now=lambda _connection: self._clock.now(),
            sleep=self._clock.advance,
            spool_dir=self._place / "spool" / worker.name.replace(" ", "-"),
        )
