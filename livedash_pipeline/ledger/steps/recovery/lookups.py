"""Looks one batch up by its id; that the service does not know it is an answer, not a failure."""

from __future__ import annotations

from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.services.errors import ServiceError


def look_up(context: BatchContext, remote_batch_id: str, *, timeout: float | None = None) -> RemoteBatch | None:
    """Returns the batch as the service shows it to the present key; None if the service does not know the id.

    Raises:
        ServiceError: The service could not be asked.
    """
    try:
        return context.gateway.retrieve_batch(remote_batch_id, timeout=timeout)
    except ServiceError as error:
        if error.failure.kind is FailureKind.NOT_FOUND:
            return None
        raise
