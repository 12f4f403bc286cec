"""Migration 0014 on a database in use: taken back and applied again, and sizes of requests that were measured before it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from alembic import command
from sqlalchemy import Engine, func, select, text

from livedash_pipeline.analysis.rules.prompt import request_body
from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.migrate import alembic_config, upgrade
from livedash_pipeline.base.store.revisions import head_revision
from livedash_pipeline.base.store.tables import ai_model_pricing, ai_processing_requests, ai_request_attempts
from livedash_pipeline.chats.rules.judging import judge_body
from livedash_pipeline.ledger.rules.admission.model_parameters import default_parameters
from livedash_pipeline.money.rules.pricing import Price, Rates
from livedash_pipeline.money.rules.request_framing import framing_tokens, parameter_text
from livedash_pipeline.money.steps.prices import set_price
from livedash_pipeline.money.store.seeding import seed_prices
from livedash_pipeline.services.openai.tokens import count_tokens
from tests.support.batch_round import Begin
from tests.support.prices import have_prices
from tests.support.rows import insert_company, insert_requests, rows_of

BEFORE = "0013_chat_judgements"
BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
MODELS = ("gpt-5-mini", "gpt-4o-mini", "gpt-5-pro", "gpt-5-chat-latest", "o1-mini", "o3", "another-model")
D = Decimal


def price(of_input: str, **of_long: Decimal | int) -> Price:
    return Price(Rates(D(of_input), output=D(2), **of_long), Rates(D(of_input), output=D(2)))  # type: ignore[arg-type]


def take_back(engine: Engine) -> None:
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), BEFORE)


def test_taking_it_back_keeps_costs_whose_price_was_wrong(begin: Begin, engine: Engine) -> None:
    set_price(engine, "gpt-5-mini", price("1"), effective_from=BEGINNING)
    going = begin(1)
    going.end(output=[going.answer(going.ids[0])]).ingest()
    assert set_price(engine, "gpt-5-mini", price("1.5"), effective_from=BEGINNING)["insteadOf"] == "superseded"
    (before,) = rows_of(engine, ai_request_attempts)
    take_back(engine)
    assert upgrade(engine) == (BEFORE, head_revision())
    (after,) = rows_of(engine, ai_request_attempts)
    assert (after.outcome, after.total_cost_usd, after.pricing_id) == (Outcome.PARSED, before.total_cost_usd, None)
    with engine.begin() as connection, pytest.raises(Exception, match="a settled attempt never changes"):
        connection.execute(text("UPDATE ai_request_attempts SET total_cost_usd = 0"))


def test_taking_it_back_keeps_a_persons_price_of_the_moment_at_which_the_packages_begins(engine: Engine) -> None:
    with engine.begin() as connection:
        have_prices(connection, now=database_now(connection))
        count = connection.execute(select(func.count()).select_from(ai_model_pricing)).scalar_one()
        began = connection.execute(
            text(
                "SELECT effective_from FROM ai_model_pricing JOIN ai_models ON ai_models.id = ai_model_id"
                " WHERE name = 'gpt-5-mini' ORDER BY effective_from LIMIT 1"
            )
        ).scalar_one()
    set_price(engine, "gpt-5-mini", price("7"), effective_from=began)
    take_back(engine)
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT input_usd, source FROM ai_model_pricing ORDER BY source DESC")).all()
    assert len(kept) == count
    assert tuple(kept[0]) == (D(7), "operator")
    assert upgrade(engine) == (BEFORE, head_revision())
    with engine.begin() as connection:
        # What could not be held is read anew.
        assert seed_prices(connection, now=database_now(connection)) > 0


def test_factors_that_the_old_columns_cannot_hold_are_left_out(engine: Engine) -> None:
    for name, long in (("m", D(5)), ("n", D("0.999999")), ("o", D("0.9"))):
        long_price = price("0.001", long_context_tokens=10, long_input=long, long_output=D(4))
        set_price(engine, name, long_price, effective_from=BEGINNING)
    take_back(engine)
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT name, long_input_factor, long_output_factor FROM ai_model_pricing"
                " JOIN ai_models ON ai_models.id = ai_model_id ORDER BY name"
            )
        )
        assert [tuple(row) for row in rows] == [("m", None, D(2)), ("n", D("999.999"), D(2)), ("o", D(900), D(2))]
    assert upgrade(engine) == (BEFORE, head_revision())


def test_requests_that_wait_are_counted_as_new_ones_are(engine: Engine) -> None:
    with engine.begin() as connection:
        company = insert_company(connection)
        insert_requests(connection, company, token_estimate=1000)
        insert_requests(connection, company, model="own", token_estimate=1000)
        insert_requests(connection, company, token_estimate=0)
        insert_requests(connection, company, token_estimate=2**31 - 1)
        set_parameters = (
            "INSERT INTO model_parameters (model, parameters, updated_at) VALUES ('own', :parameters, now())"
        )
        connection.execute(text(set_parameters), {"parameters": '{"tools": [{"name": "weather"}], "max_tokens": 9}'})
    take_back(engine)
    upgrade(engine)
    first, own, unknown, largest = (row.token_estimate for row in rows_of(engine, ai_processing_requests))
    text_of_own = parameter_text({"tools": [{"name": "weather"}]})
    assert (first, unknown, largest) == (1100, 0, 2**31 - 1)
    assert 1100 + len(text_of_own) <= own < 1100 + 4 * len(text_of_own)


@pytest.mark.parametrize("model", MODELS)
def test_what_is_added_bounds_what_requests_grew_by(model: str) -> None:
    """The old count: the schema in one line, or as Python writes it, no parameters, and 9 tokens for the frame."""
    parameters = default_parameters(model)
    schema = {"response_format": request_body(model, "")["response_format"]}
    new = count_tokens(parameter_text(schema)) + count_tokens(parameter_text(parameters)) + framing_tokens(2)
    assert new - count_tokens(json.dumps(schema["response_format"])) - 9 <= 92
    body = judge_body(model, "", parameters)
    shown = {name: value for name, value in body.items() if name not in ("model", "messages")}
    new = count_tokens(parameter_text(shown)) + framing_tokens(2)
    assert new - count_tokens(str(body["response_format"])) - 9 <= 19
