"""A look-up of one batch by its id, where not being known is an answer and no failure."""

from __future__ import annotations

from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.services.errors import ServiceError


def look_up(context: BatchContext, remote_batch_id: str, *, timeout: float | None = None) -> RemoteBatch | None:
    """The batch as the service shows it to the present key; None if it knows none of that id.

    Raises:
        ServiceError: The service could not be asked.
    """
    try:
        return context.gateway.retrieve_batch(remote_batch_id, timeout=timeout)
    except ServiceError as error:
        if error.failure.kind is FailureKind.NOT_FOUND:
            return None
        raise
