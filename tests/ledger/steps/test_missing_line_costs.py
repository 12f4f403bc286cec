"""A line that stands in neither file may have been charged: its cost is open unless its batch's usage says what it was."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.ledger.store.admission.committed import committed_eur
from tests.conftest import NOW
from tests.support.batch_round import Begin, Round

# A short download is believed after looks at growing distances.
_LOOKS = (timedelta(minutes=3), timedelta(minutes=9), timedelta(minutes=70))
_NOTHING_MORE = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
_SOMETHING_MORE = {"input_tokens": 2000, "output_tokens": 150, "total_tokens": 2150}


def _without_second_line(going: Round, usage: Any) -> None:
    """Ends a batch of two whose second line shows nowhere, and ingests it once that is believed."""
    going.end(
        output=[going.answer(going.ids[0])], usage=usage, request_counts={"total": 2, "completed": 2, "failed": 0}
    )
    for later in _LOOKS:
        going.ingest(later)


def _missing_entry(engine: Engine) -> Any:
    with engine.connect() as connection:
        return connection.execute(text("SELECT * FROM cost_entries WHERE outcome = 'missing'")).one()


@pytest.mark.parametrize(("usage", "is_open"), [(None, True), (_NOTHING_MORE, False), (_SOMETHING_MORE, False)])
def test_a_missing_line_is_open_where_its_batch_states_no_usage(
    begin: Begin, engine: Engine, usage: Any, is_open: bool
) -> None:
    _without_second_line(begin(2), usage)
    assert _missing_entry(engine).is_open is is_open


def test_an_open_missing_line_counts_against_caps_with_what_is_reserved(begin: Begin, engine: Engine) -> None:
    _without_second_line(begin(2), None)
    reserved = _missing_entry(engine).reserved_eur
    with engine.connect() as connection:
        answered = connection.execute(text("SELECT sum(total_cost_eur) FROM ai_request_attempts")).scalar_one()
        committed = committed_eur(connection, None, since=NOW - timedelta(days=30))
    assert reserved > 0
    assert committed == answered + reserved


def test_usage_that_the_lines_account_for_says_that_a_missing_line_cost_nothing(begin: Begin, engine: Engine) -> None:
    _without_second_line(begin(2), _NOTHING_MORE)
    with engine.connect() as connection:
        booked = connection.execute(text("SELECT total_tokens, cost_usd FROM ai_cost_adjustments")).one()
    assert booked == (0, Decimal(0))


def test_what_is_left_for_a_single_line_has_the_rates_of_its_length(begin: Begin, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""
                UPDATE ai_model_pricing SET batch_long_context_tokens = 900, batch_long_input_usd = 2 * batch_input_usd,
                    batch_long_output_usd = 3 * batch_output_usd
            """)
        )
    _without_second_line(begin(2), _SOMETHING_MORE)
    with engine.connect() as connection:
        rest = connection.execute(text("SELECT cost_usd, pricing_id FROM ai_cost_adjustments")).one()
        rates = connection.execute(
            text("SELECT batch_input_usd, batch_output_usd FROM ai_model_pricing WHERE id = :id"),
            {"id": rest.pricing_id},
        ).one()
    assert rest.cost_usd == (1000 * 2 * rates.batch_input_usd + 50 * 3 * rates.batch_output_usd) / 1_000_000
