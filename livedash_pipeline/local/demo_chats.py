"""The demo's chat batches: a few questions in each mode, made once and started, and what became of them.

The daemon's sensors do the work. Add a question that shows something of its own.
"""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import Connection, Engine, func, select

from livedash_pipeline.base.rules.chat_states import ChatMode
from livedash_pipeline.base.rules.values import Document, money
from livedash_pipeline.base.store.tables import chat_batches
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.create import create_batch
from livedash_pipeline.chats.steps.new_batch import NewBatch
from livedash_pipeline.chats.steps.process import record_intent
from livedash_pipeline.chats.store.costs import chat_costs
from livedash_pipeline.settings import Settings

_QUESTIONS = (
    {"chatId": "leave", "question": "How do I apply for leave?"},
    {"chatId": "leave", "question": "And how many days do I have?"},
    {"question": "Was kostet ein Parkausweis? 🚗"},
    {"question": "What is 19 + 23?"},
    {"question": "?"},
    {"question": "Please refuse this."},
)
# Sooner than the Batch API answers.
_DUE = timedelta(hours=2)


def start_chats(engine: Engine, settings: Settings, company: str) -> None:
    """Makes a batch in each mode and starts it; where an earlier demo has done so, nothing changes."""
    context = ChatContext(engine, settings, {})
    content = json.dumps(_QUESTIONS, ensure_ascii=False).encode()
    with engine.connect() as connection:
        now = context.now(connection)
    for mode in ChatMode:
        asked = NewBatch(
            company=company,
            name=f"Demo ({mode.value})",
            mode=mode,
            due_at=now + _DUE if mode is ChatMode.AUTO else None,
            creation_key=f"demo:{mode.value}",
            uploader="demo",
        )
        record_intent(context, create_batch(context, asked, content, "questions.json").batch_id)


def count_open(connection: Connection) -> int:
    """Chat batches that have not ended."""
    query = select(func.count()).where(chat_batches.c.ended_at.is_(None))
    return int(connection.execute(query).scalar_one())


def chats_document(connection: Connection) -> Document:
    """Returns the results of all chat batches of the demo as a document."""
    table = chat_batches.c
    names = ("total_items", "processed_items", "failed_items", "skipped_items")
    sums = [func.coalesce(func.sum(table[name]), 0) for name in names]
    batches, total, processed, failed, skipped = connection.execute(select(func.count(), *sums)).one()
    costs = chat_costs(connection, list(connection.execute(select(table.id)).scalars()))
    cost = sum((each.eur for each in costs.values()), Decimal(0))
    return {
        "batches": batches,
        "totalItems": total,
        "processedItems": processed,
        "failedItems": failed,
        "skippedItems": skipped,
        "costEur": money(cost),
    }
