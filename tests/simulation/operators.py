"""What an operator does to single batches, and which one a number of a step means.

Add here a decision that a person takes about one batch. Requeues and caps, which concern many, are in `runner.py`.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, Engine, select

from livedash_pipeline.base.rules.states import ENDED_BATCHES, LIVE_BATCHES
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_request_attempts
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.named_batch import accept_files, ingest_again
from tests.simulation.invariants import Observed

_batches, _attempts = ai_batch_requests.c, ai_request_attempts.c
_UNSETTLED = _batches.status.in_(ENDED_BATCHES) & _batches.processed_at.is_(None)
_GIVEN_UP = (
    _batches.processed_at.is_not(None)
    & select(_attempts.id)
    .where(
        _attempts.batch_id == _batches.id,
        _attempts.outcome.in_(("missing", "artifact_unavailable", "invalid_output")),
    )
    .exists()
)
"""Settled batches of which an answer may show later."""


class Operator:
    """Somebody who takes decisions about batches; what was accepted is observed."""

    def __init__(self, engine: Engine, observed: Observed) -> None:
        self._engine = engine
        self._observed = observed

    def live(self, number: int) -> list[str]:
        """The id of one live batch, if there is any."""
        found = self._find(_batches.status.in_(LIVE_BATCHES))
        return [str(found[number % len(found)])] if found else []

    def accept(self, context: BatchContext, number: int) -> object:
        """Takes the files of an ended batch for all there is."""
        found = self._find(_UNSETTLED)
        if not found:
            return None
        batch_id = found[number % len(found)]
        self._observed.accepted.add(batch_id)
        return dict(accept_files(context, str(batch_id)).outcomes)

    def ask_again(self, context: BatchContext, number: int) -> object:
        """Asks for answers that a settled batch had none of."""
        found = self._find(_GIVEN_UP)
        return dict(ingest_again(context, str(found[number % len(found)])).outcomes) if found else None

    def count_given_up(self) -> int:
        """How many batches there are to ask again for."""
        return len(self._find(_GIVEN_UP))

    def _find(self, condition: ColumnElement[bool]) -> list[UUID]:
        query = select(_batches.id).where(condition).order_by(_batches.id)
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())
