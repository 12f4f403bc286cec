"""The statement that moves conversations does what `chat_after` specifies, over all ends of up to three turns."""

from __future__ import annotations

from itertools import product
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from livedash_pipeline.base.rules.chat_states import ChatState
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.chats.rules.turn_ends import chat_after
from livedash_pipeline.chats.store.moves import lock_batch
from livedash_pipeline.chats.store.waves import settle_unasked
from tests.conftest import NOW
from tests.support.chat_rounds import ScriptedChats, chat_context, make_batch

pytest_plugins = ["tests.support.fixtures"]
CODES = (None, "answered", "too_short", "refused", "truncated", "cancelled", "earlier_turn_failed")
CASES = [codes for turns in (1, 2, 3) for codes in product(CODES, repeat=turns)]


def _ends(connection: Connection, batch_id: UUID, status: str) -> None:
    """Every conversation is at work through the ledger, with its turns ended as its case says."""
    connection.execute(
        text("UPDATE chats SET state = 'PROCESSING', tier = 'batch' WHERE batch_id = :id"), {"id": batch_id}
    )
    connection.execute(
        text(
            "UPDATE chat_batches SET status = :status, pending_items = 0, processing_items = total_items WHERE id = :id"
        ),
        {"id": batch_id, "status": status},
    )
    rows = [
        {"id": batch_id, "item": item, "turn": turn, "code": code}
        for item, codes in enumerate(CASES)
        for turn, code in enumerate(codes)
    ]
    connection.execute(
        text(
            "UPDATE chat_interactions SET outcome_code = :code"
            " WHERE batch_id = :id AND item_index = :item AND turn = :turn"
        ),
        rows,
    )


def test_the_statement_is_the_rule(engine: Engine, company: Company) -> None:
    context = chat_context(engine, ScriptedChats())
    rows = [
        {"chatId": str(item), "question": f"Question {turn} of {item}?"}
        for item, codes in enumerate(CASES)
        for turn in range(len(codes))
    ]
    for policy, status in product(("stop", "continue"), ("PROCESSING", "CANCELLING")):
        batch_id = make_batch(context, company.slug, rows, turn_policy=policy)
        with engine.begin() as connection:
            _ends(connection, batch_id, status)
            batch = lock_batch(connection, batch_id)
            assert batch is not None
            ids = list(
                connection.execute(
                    text("SELECT id FROM chats WHERE batch_id = :id ORDER BY item_index"), {"id": batch_id}
                ).scalars()
            )
            settle_unasked(connection, batch, ids, now=NOW)
            query = text("SELECT item_index, state, outcome_code FROM chats WHERE batch_id = :id ORDER BY item_index")
            found = [ChatState(row.state) for row in connection.execute(query, {"id": batch_id})]
            counted = connection.execute(
                text(
                    "SELECT processed_items, failed_items, skipped_items, cancelled_items, processing_items"
                    " FROM chat_batches WHERE id = :id"
                ),
                {"id": batch_id},
            ).one()
        cancelling = status == "CANCELLING"
        expected = [chat_after(codes, stops=policy == "stop", cancelling=cancelling) for codes in CASES]
        assert found == expected
        states = (ChatState.COMPLETED, ChatState.FAILED, ChatState.SKIPPED, ChatState.CANCELLED, ChatState.PROCESSING)
        assert tuple(counted) == tuple(expected.count(state) for state in states)
