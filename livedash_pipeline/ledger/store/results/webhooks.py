"""Stores webhooks of the Batch API, and hints at the batches that they are about.

A delivery only notes that there is news of a batch; the next poll reads what the news is.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, update
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.rules.states import LIVE_BATCHES
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_batch_requests, webhook_deliveries

_batches = ai_batch_requests.c
_DELETED_AT_ONCE = 100


def store_delivery(
    connection: Connection, *, webhook_id: str, event_type: str, remote_batch_id: str | None, now: datetime
) -> bool:
    """Remembers a delivery; False if it came before."""
    added = (
        insert(webhook_deliveries)
        .values(webhook_id=webhook_id, event_type=event_type, remote_batch_id=remote_batch_id, received_at=now)
        .on_conflict_do_nothing()
        .returning(webhook_deliveries.c.webhook_id)
    )
    return connection.execute(added).one_or_none() is not None


def delete_old_deliveries(connection: Connection, *, before: datetime) -> None:
    """Deletes deliveries from before a moment, a limited number per call."""
    connection.execute(statement("ledger/delete_old_webhook_deliveries"), {"before": before, "most": _DELETED_AT_ONCE})


def hint_poll(connection: Connection, remote_batch_id: str, *, now: datetime) -> bool:
    """Notes that the service has news of a batch; False for an unknown batch, and for one that has ended already."""
    hinted = (
        update(ai_batch_requests)
        .where(_batches.remote_batch_id == remote_batch_id, _batches.status.in_(LIVE_BATCHES))
        .values(poll_hinted_at=now)
    )
    return connection.execute(hinted).rowcount == 1
