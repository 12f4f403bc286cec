"""Slows all processes down when the service asks for it: after a rate limit seen by one of them, all of them pause.

A pause changes no batch: the next poll, submit or ingest after it does what was left undone. It does not stop calls under way,
and never delays a create that has begun.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.ledger.rules.admission.pauses import Pause, asks_for_pause, next_pause
from livedash_pipeline.ledger.rules.service.failures import ApiFailure
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.store.admission import pauses
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)


def paused_until(context: BatchContext) -> datetime | None:
    """Returns the end of the endpoint's pause; None if it may be called."""
    with context.engine.connect() as connection:
        return pauses.paused_until(connection, context.endpoint, now=context.now(connection))


def unpaused(context: BatchContext, time_left: Callable[[], bool] = lambda: True) -> Callable[[], bool]:
    """Whether to go on: there is time left and the endpoint is not paused."""
    return lambda: time_left() and paused_until(context) is None


def describe_pause(endpoint: str, until: datetime) -> str:
    """Describes a pause in words, for reports and skip reasons."""
    return f"{endpoint} asked for fewer calls: nothing calls it before {until.isoformat(timespec='seconds')}"


def pausing(
    engine: Engine, endpoint: str, now: Callable[[Connection], datetime] = database_now
) -> Callable[[ApiFailure], None]:
    """Returns what a gateway calls after each failed call: it stores a pause for all processes where the failure asks for one."""

    def note(failure: ApiFailure) -> None:
        if not asks_for_pause(failure):
            return

        def write(connection: Connection) -> Pause:
            moment = now(connection)
            return pauses.lengthen_pause(
                connection,
                endpoint,
                lambda known: next_pause(failure, known=known, now=moment),
                reason=failure.code or failure.kind.value,
                now=moment,
            )

        pause = in_transaction(engine, write)
        log.warning(
            "endpoint paused",
            endpoint=endpoint,
            until=pause.until.isoformat(timespec="seconds"),
            times=pause.times,
            http_status=failure.status,
        )

    return note
