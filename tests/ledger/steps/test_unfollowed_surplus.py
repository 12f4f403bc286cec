"""Surplus that cannot be followed does not stay in flight for ever: it becomes open, and somebody states what it cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.tables import ai_surplus_batches
from livedash_pipeline.ledger.steps.costs.backfill import BackfillRequest, backfill_costs
from livedash_pipeline.ledger.steps.recovery.reconcile import reconcile_batches
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.overview.steps.cost_checks import open_costs
from livedash_pipeline.settings import Settings
from tests.support.batch_round import Begin, Round, at
from tests.support.bills import entries, priced, usage
from tests.support.rows import rows_of

BESIDE = "batch_beside"
# The window, LIVEDASH_VANISHED_AFTER, and a little.
OVER = timedelta(hours=49)


def beside(going: Round) -> Round:
    """A batch beside this one, which shows at the service and is followed."""
    own = going.service.batches[going.name]
    going.service.batches[BESIDE] = own | {"id": BESIDE, "status": "in_progress"}
    reconcile_batches(going.context)
    return going


def surplus(engine: Engine) -> Any:
    (found,) = [entry for entry in entries(engine) if entry.entry == "surplus"]
    return found


def elsewhere(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE ai_surplus_batches SET endpoint = 'https://old.example/v1'"))


def another_key(going: Round) -> Round:
    del going.service.batches[BESIDE]
    settings = going.context.settings.model_copy(update={"openai_api_key": "another-key"})
    return replace(going, context=replace(going.context, settings=settings))


@pytest.mark.parametrize("what", ["endpoint", "key"])
def test_what_cannot_be_followed_becomes_open_after_its_window_and_is_stated_by_hand(
    begin: Begin, engine: Engine, what: str
) -> None:
    going = beside(begin(1))
    if what == "endpoint":
        elsewhere(engine)
    else:
        going = another_key(going)
    poll_batches(at(going.context, timedelta(hours=47)))
    assert (surplus(engine).is_in_flight, surplus(engine).is_open) == (True, False)
    poll_batches(at(going.context, OVER))
    assert (surplus(engine).is_in_flight, surplus(engine).is_open, surplus(engine).reserved_eur > 0) == (
        False,
        True,
        True,
    )
    with engine.connect() as connection:
        (row,) = [row for row in open_costs(connection, Settings()).rows if row["bill"] == "surplus"]
    assert (row["reason"], row["sample_ids"]) == ("no_usage", [BESIDE])
    (still,) = backfill_costs(engine, Settings(), BackfillRequest(), dry_run=True)["stillOpen"]
    assert "--batch SURPLUS_BATCH --usd USD" in still["remedy"]
    stated = BackfillRequest(batch=BESIDE, usd=Decimal("0.25"))
    assert backfill_costs(engine, Settings(), stated, dry_run=False)["filledCount"] == 1
    assert (surplus(engine).is_open, surplus(engine).cost_eur) == (False, Decimal("0.225"))


def test_what_shows_again_is_followed_again_until_its_cost_is_stated(begin: Begin, engine: Engine) -> None:
    going = beside(begin(1))
    own = going.service.batches.pop(BESIDE)
    poll_batches(at(another_key(_with(going, own)).context, OVER))
    assert rows_of(engine, ai_surplus_batches)[0].openai_status == "unfollowed"
    going.service.batches[BESIDE] = own
    going.service.end(BESIDE, "cancelled", usage=usage(1000, 100))
    poll_batches(at(going.context, OVER))
    assert surplus(engine).cost_usd == priced(engine, usage(1000, 100))[0]


def _with(going: Round, own: Any) -> Round:
    going.service.batches[BESIDE] = own
    return going


def test_what_runs_beyond_its_window_in_sight_stays_in_flight(begin: Begin, engine: Engine) -> None:
    going = beside(begin(1))
    poll_batches(at(going.context, OVER))
    assert surplus(engine).is_in_flight


def test_surplus_that_a_row_follows_after_all_costs_what_the_rows_lines_cost(begin: Begin, engine: Engine) -> None:
    beside(begin(1))
    with engine.begin() as connection:
        connection.execute(text("UPDATE ai_batch_requests SET listed_batch_id = :name"), {"name": BESIDE})
    assert [entry.entry for entry in entries(engine)] == ["line"]
