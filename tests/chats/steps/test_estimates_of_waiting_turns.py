"""Turns that wait since before estimates counted roles and parameters: the migration makes their counts bounds."""

from __future__ import annotations

from alembic import command
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.migrate import alembic_config, upgrade
from livedash_pipeline.base.store.tables import ai_processing_requests
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.money.rules.request_framing import parameter_text
from livedash_pipeline.services.openai.tokens import count_tokens
from tests.support.chat_rounds import MODEL, make_batch
from tests.support.rows import rows_of

pytest_plugins = ["tests.support.fixtures"]


def test_waiting_turns_count_at_least_what_new_ones_do(engine: Engine, company: Company, context: BatchContext) -> None:
    chats = ChatContext(context.engine, context.settings, {})
    process_for_duration(chats, make_batch(chats, company.slug, 3, mode="batch"), seconds=1)
    measured = rows_of(engine, ai_processing_requests)
    assert {row.model for row in measured} == {MODEL}
    with engine.begin() as connection:
        shown = count_tokens(parameter_text({"reasoning_effort": "low"}))
        # Three tokens framed each of the two messages and three started the answer.
        older = text("UPDATE ai_processing_requests SET token_estimate = token_estimate - 2 - :shown")
        connection.execute(older, {"shown": shown})
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "0013_chat_judgements")
    upgrade(engine)
    added = [
        after.token_estimate - before.token_estimate
        for before, after in zip(measured, rows_of(engine, ai_processing_requests), strict=True)
    ]
    assert len(added) == 3
    assert all(0 <= each < 200 for each in added)
