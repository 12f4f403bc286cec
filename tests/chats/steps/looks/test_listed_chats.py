"""Pages of a batch's conversations without texts, which look through a bounded number of them."""

from __future__ import annotations

from sqlalchemy import Engine, text

from livedash_pipeline.base.rules.chat_states import ChatState
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.chats.steps.looks.listed_chats import chats_document
from tests.support.chat_rounds import ScriptedChats, chat_context, make_batch

pytest_plugins = ["tests.support.fixtures"]


def test_conversations_of_a_state_are_found_page_by_page(engine: Engine, company: Company) -> None:
    batch_id = make_batch(chat_context(engine, ScriptedChats()), company.slug, 50)
    failed = "state = 'FAILED', outcome_code = 'lost', completed_at = now()"
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE chats SET {failed} WHERE item_index >= 45"))
        connection.execute(text("UPDATE chat_batches SET failed_items = 5, pending_items = 45"))
    found: list[int] = []
    looks: list[int | None] = []
    cursor = None
    while cursor is not None or not looks:
        page = chats_document(engine, batch_id, state=ChatState.FAILED, limit=3, cursor=cursor, looked_through=20)
        found += [chat["item"] for chat in page["conversations"]]
        looks.append(page["lookedThrough"])
        cursor = page["nextCursor"]
    assert (found, looks) == ([45, 46, 47, 48, 49], [20, 20, None, None])
    everything = chats_document(engine, batch_id, limit=100)
    assert [chat["item"] for chat in everything["conversations"]] == list(range(50))
    last = everything["conversations"][49]
    assert (last["outcomeCode"], last["state"], last["turns"]) == ("lost", "failed", 1)
    assert "question" not in last
