"""The cancel request of a batch: written once, then read by every process that could still buy for the batch or end it.

Nobody takes a cancel request back, and its first choice for unfinished requests stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, select, update

from livedash_pipeline.base.rules.states import LIVE_BATCHES, BatchStatus
from livedash_pipeline.base.store.tables import ai_batch_requests, companies
from livedash_pipeline.ledger.store.batches.claims import Claim, claim_of

_batches = ai_batch_requests.c


def request_cancel(connection: Connection, batch_ids: Sequence[UUID], *, unfinished: str, now: datetime) -> list[UUID]:
    """Writes the cancel request of batches that have not ended and returns their ids; a second call changes nothing."""
    wished = (
        update(ai_batch_requests)
        .where(_batches.id.in_(batch_ids), _batches.status.in_(LIVE_BATCHES), _batches.processed_at.is_(None))
        .values(
            cancel_requested_at=func.coalesce(_batches.cancel_requested_at, now),
            cancel_unfinished=func.coalesce(_batches.cancel_unfinished, unfinished),
        )
        .returning(_batches.id)
    )
    return list(connection.execute(wished).scalars())


def unbought_to_cancel(connection: Connection, endpoint: str) -> list[Claim]:
    """Returns batches with a cancel request whose create has not begun: nothing was bought, whoever holds the row."""
    query = (
        select(ai_batch_requests, companies.c.slug)
        .join(companies, companies.c.id == _batches.company_id)
        .where(_batches.endpoint == endpoint, _batches.cancel_requested_at.is_not(None))
        .where(_batches.status.in_((BatchStatus.PENDING, BatchStatus.UPLOADING)), _batches.create_started_at.is_(None))
        .order_by(_batches.id)
    )
    return [claim_of(row) for row in connection.execute(query)]


def living_to_cancel(connection: Connection, endpoint: str) -> list[str]:
    """Returns the service's ids of unended batches with a cancel request; those not yet `cancelling` first."""
    query = (
        select(_batches.remote_batch_id)
        .where(_batches.endpoint == endpoint, _batches.cancel_requested_at.is_not(None))
        .where(_batches.remote_batch_id.is_not(None), _batches.status.in_(LIVE_BATCHES))
        .order_by(_batches.remote_status == "cancelling", _batches.id)
    )
    return [name for name in connection.execute(query).scalars() if name is not None]
