"""One submitted batch and how it goes on, for tests of taking results in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine

from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_holds, ai_processing_requests, ai_request_attempts
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.results.ingest import IngestReport, ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from tests.support.batch_service import BatchService, analysis, answered
from tests.support.rows import rows_of


@dataclass
class Round:
    """One submitted batch, and how it goes on."""

    engine: Engine
    context: BatchContext
    service: BatchService
    name: str

    @property
    def ids(self) -> list[str]:
        return self.service.requests_of(self.name)

    def answer(self, request_id: str, **changes: Any) -> dict[str, Any]:
        """A good line about a request."""
        return answered(request_id, analysis(self.service.sessions_of(self.name)[request_id], **changes))

    def end(self, status: str = "completed", **how: Any) -> Round:
        """Lets the batch end, and polls."""
        self.service.end(self.name, status, **how)
        poll_batches(self.context)
        return self

    def ingest(self, later: timedelta = timedelta(0)) -> IngestReport:
        return ingest_finished(at(self.context, later))

    def requests(self) -> list[Any]:
        return rows_of(self.engine, ai_processing_requests)

    def outcomes(self) -> dict[str, str | None]:
        """Request id → outcome in the ledger, in id order."""
        attempts = rows_of(self.engine, ai_request_attempts)
        return {str(row.request_id): row.outcome for row in sorted(attempts, key=lambda row: row.request_id)}

    def holds(self) -> list[Any]:
        return rows_of(self.engine, ai_holds)


Begin = Callable[..., Round]


def at(context: BatchContext, by: timedelta) -> BatchContext:
    """The same at a later time."""
    return replace(context, now=lambda connection: database_now(connection) + by)


def batch_row(engine: Engine) -> Any:
    (row,) = rows_of(engine, ai_batch_requests)
    return row
