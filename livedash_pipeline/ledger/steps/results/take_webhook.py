"""Takes a webhook of the Batch API: once, and only as a hint that the poll of its batch is due at once.

Everything rests on polls: a webhook that is lost, late or forged costs one look at most.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.ledger.store.results.webhooks import delete_old_deliveries, hint_poll, store_delivery
from livedash_pipeline.logs import get_logger
from livedash_pipeline.services.openai.webhooks import WebhookEvent

log = get_logger(__name__)

# The service repeats a delivery for 72 hours at most.
KEPT = timedelta(days=30)


def take_webhook(engine: Engine, event: WebhookEvent) -> Document:
    """Stores a delivery and hints at its batch; the answer is the same whether it is new, ours, or neither."""

    def work(connection: Connection) -> tuple[bool, bool]:
        now = database_now(connection)
        delete_old_deliveries(connection, before=now - KEPT)
        new = store_delivery(
            connection,
            webhook_id=event.webhook_id,
            event_type=event.type,
            remote_batch_id=event.remote_batch_id,
            now=now,
        )
        if not new or event.remote_batch_id is None:
            return new, False
        return new, hint_poll(connection, event.remote_batch_id, now=now)

    new, hinted = in_transaction(engine, work)
    log.info("webhook taken", webhook_id=event.webhook_id, type=event.type, new=new, hinted=hinted)
    return {"ok": True}
