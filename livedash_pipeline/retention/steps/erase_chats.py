"""Erases what one conversation of a chat batch said, or all of them, because somebody asked for it.

Deletion by age is `retention.steps.prune`. Nothing under way is erased beneath its worker: what runs is cancelled first. Add a
place of such words to `retention.store.chat_texts`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.chats.steps.named import required_batch
from livedash_pipeline.chats.store.moves import lock_batch
from livedash_pipeline.errors import UsageError
from livedash_pipeline.logs import get_logger
from livedash_pipeline.retention.store import chat_texts
from livedash_pipeline.retention.store.retention import record_deletion

log = get_logger(__name__)


def erase_chats(
    engine: Engine,
    batch_id: UUID,
    *,
    chat: str | None = None,
    dry_run: bool = True,
    clock: Callable[[Connection], datetime] = database_now,
) -> Document:
    """Erases a batch's conversations, or the one with an id of ours or of its file; running it again changes nothing.

    Args:
        engine: Our database.
        batch_id: The batch.
        chat: A conversation's id; None for all.
        dry_run: Count, and change nothing.
        clock: The time of a transaction.

    Raises:
        UsageError: No such batch or conversation, or one that has not ended.
    """

    def work(connection: Connection) -> Document:
        batch = required_batch(connection, batch_id)
        lock_batch(connection, batch_id)
        now = clock(connection)
        named = chat_texts.named_chats(connection, batch_id, chat)
        _refuse_unfit(batch_id, named, chat)
        counts = chat_texts.count_texts(connection, batch_id, named.ids)
        copies = chat_texts.erase_chats(connection, batch.company_id, batch_id, named, now=now)
        told = {"chats": len(named.ids), "questions": counts.messages, "answers": counts.answers, "copies": copies}
        if counts.messages or counts.answers or copies:
            record_deletion(
                connection,
                None,
                "erasure",
                told,
                company_id=batch.company_id,
                started_at=now,
                finished_at=clock(connection),
            )
        log.info("chats erased", chat_batch_id=str(batch_id), dry_run=dry_run, **told)
        return {"ok": True, "dryRun": dry_run, "batchId": str(batch_id), **told}

    if not dry_run:
        return in_transaction(engine, work)
    with engine.connect() as connection:
        counted = work(connection)
        connection.rollback()
    return counted


def _refuse_unfit(batch_id: UUID, named: chat_texts.NamedChats, chat: str | None) -> None:
    if not named.ids:
        raise UsageError(
            f"Chat batch {batch_id} has no conversation {str(chat)[:100]!r}.",
            remedy="Give a chatId of its results, or of its file.",
            code="no_such_chat",
        )
    if named.open_chats:
        raise UsageError(
            f"{plural(named.open_chats, 'conversation')} of chat batch {batch_id} may still be asked or answered.",
            remedy=f"Cancel it first, and wait until nothing is under way: livedash chat-batch cancel {batch_id}",
            code="chat_not_ended",
        )
