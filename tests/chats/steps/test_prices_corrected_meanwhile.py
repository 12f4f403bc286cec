"""A price that is corrected while calls run: their answers are written, and nothing is bought twice."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine

from livedash_pipeline.base.rules.chat_states import ChatState
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import ai_request_attempts
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.ledger.rules.calls.call_ends import CallEnd
from livedash_pipeline.money.rules.pricing import Price, Rates
from livedash_pipeline.money.steps.prices import set_price
from tests.support.chat_rounds import MODEL, ScriptedChats, answered, chat_context, make_batch, states
from tests.support.rows import rows_of

D = Decimal
BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)


def price(of_input: int) -> Price:
    return Price(Rates(input=D(of_input), output=D(2)), Rates(input=D(of_input), output=D(2)))


def test_a_price_corrected_while_a_call_runs(engine: Engine, company: Company) -> None:
    set_price(engine, MODEL, price(1), effective_from=BEGINNING)
    corrected: list[Any] = []

    def correcting(question: str) -> CallEnd:
        if not corrected:
            corrected.append(set_price(engine, MODEL, price(9), effective_from=BEGINNING)["insteadOf"])
        return answered(f"About {question}")

    chats = ScriptedChats(correcting)
    context = chat_context(engine, chats)
    batch = make_batch(context, company.slug, 3)
    process_for_duration(context, batch, seconds=30)
    assert set(corrected) == {"replaced"}
    assert states(engine, batch) == {ChatState.COMPLETED: 3}
    assert len(chats.questions) == len(set(chats.questions)) == 3
    assert all(tried.total_cost_usd is not None for tried in rows_of(engine, ai_request_attempts))
