"""Says why nothing of a batch that was started would be asked now, as a slice would find it, without calling anybody.

Add what keeps a slice from asking and can be read from our own tables or settings.
"""

from __future__ import annotations

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus
from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.chats.steps.asking.talk import COMPANY_IS_OFF
from livedash_pipeline.chats.steps.context import ChatContext, target_of
from livedash_pipeline.chats.store.batches import ChatBatch
from livedash_pipeline.errors import SettingsError
from livedash_pipeline.ledger.steps.calls.calls import holding


def standstill(context: ChatContext, batch: ChatBatch) -> str | None:
    """The reason in words; None where a slice would go on, or the batch is not being processed."""
    if batch.status is not ChatBatchStatus.PROCESSING:
        return None
    try:
        target = target_of(batch.configuration, context.api_key(batch.configuration))
    except SettingsError as error:
        return str(error)
    with context.engine.connect() as connection:
        if not get_company(connection, batch.company).is_working:
            return COMPANY_IS_OFF
        return holding(connection, target, now=context.now(connection))
