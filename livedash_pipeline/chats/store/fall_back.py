"""Conversations of `auto` batches that the Batch API cannot answer in time any more: found, and given to calls.

What a batch of the ledger is asking is never asked beside it: such a batch is cancelled first, and its conversations are given to
calls once it is settled. Add what has to be known before a conversation changes its way.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.chat_states import ChatState
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.chats.rules.tiers import MARGIN, WINDOW
from livedash_pipeline.chats.store.moves import LockedBatch, count_moves


def late_chats(connection: Connection, batch_id: UUID, *, most: int, now: datetime) -> list[UUID]:
    """Conversations of a batch that no batch of the ledger is asking about, and none could answer in time."""
    values = {"batch_id": batch_id, "each_turn": WINDOW, "most": most, "now": now}
    return [row.id for row in connection.execute(statement("chats/find_late_chats"), values)]


def late_batches(connection: Connection, batch_id: UUID, *, now: datetime) -> list[UUID]:
    """Batches of the ledger that are under way with nothing but what is wanted very soon, and that nobody has cancelled."""
    values = {"batch_id": batch_id, "margin": MARGIN, "now": now}
    return [row.id for row in connection.execute(statement("chats/find_late_batches"), values)]


def batches_in_haste(connection: Connection, *, now: datetime) -> set[UUID]:
    """All chat batches for which either of these finds something."""
    chats = connection.execute(
        statement("chats/find_late_chats"), {"batch_id": None, "each_turn": WINDOW, "most": None, "now": now}
    )
    running = connection.execute(statement("chats/find_late_batches"), {"batch_id": None, "margin": MARGIN, "now": now})
    return {row.batch_id for row in chats} | {row.chat_batch_id for row in running}


def fall_back(connection: Connection, batch: LockedBatch, chat_ids: Sequence[UUID], *, now: datetime) -> int:
    """Conversations wait to be asked by calls, and no batch of the ledger claims their requests any more; returns how many.

    Those that a claim took meanwhile stay as they are.
    """
    connection.execute(statement("chats/lock_waiting_requests"), {"chat_ids": list(chat_ids)}).all()
    values = {"chat_ids": list(chat_ids), "now": now}
    moved = len(connection.execute(statement("chats/fall_back_to_calls"), values).all())
    count_moves(connection, batch, {(ChatState.PROCESSING, ChatState.PENDING): moved}, now=now)
    return moved
