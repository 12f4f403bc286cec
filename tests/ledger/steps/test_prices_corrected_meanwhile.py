"""A price that is corrected while somebody works with it: what was paid for is written all the same, with the price looked up."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

import livedash_pipeline.ledger.steps.results.ingest as ingest
from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.store.tables import ai_request_attempts
from livedash_pipeline.ledger.steps.results.result_files import Tariff
from livedash_pipeline.money.rules.pricing import Price, Rates
from livedash_pipeline.money.steps.prices import set_price
from tests.support.batch_round import Begin
from tests.support.rows import rows_of

D = Decimal
BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)


def price(of_input: int) -> Price:
    rates = Rates(input=D(of_input), output=D(2))
    return Price(rates, rates)


def test_a_price_corrected_while_results_are_taken_in(
    engine: Engine, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_price(engine, "gpt-5-mini", price(1), effective_from=BEGINNING)
    going = begin(1)
    going.end(output=[going.answer(going.ids[0])])
    corrected = []
    look_up = ingest.tariff_of

    def corrected_after(context: Any, connection: Connection, batch: Any) -> Tariff:
        tariff = look_up(context, connection, batch)
        corrected.append(set_price(engine, "gpt-5-mini", price(9), effective_from=BEGINNING)["insteadOf"])
        return tariff

    monkeypatch.setattr(ingest, "tariff_of", corrected_after)
    going.ingest()
    (tried,) = rows_of(engine, ai_request_attempts)
    assert (corrected, tried.outcome) == (["replaced"], Outcome.PARSED)
    assert tried.total_cost_usd is not None
    assert set_price(engine, "gpt-5-mini", price(1), effective_from=BEGINNING)["insteadOf"] == "replaced"
