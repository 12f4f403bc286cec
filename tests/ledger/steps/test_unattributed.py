"""What a batch was charged for beside its lines: the ledger comes to the service's own figures, to the last digit."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_cost_adjustments, ai_surplus_batches
from livedash_pipeline.ledger.steps.costs.backfill import BackfillRequest, backfill_costs
from livedash_pipeline.ledger.steps.recovery.reconcile import reconcile_batches
from livedash_pipeline.ledger.store.admission.committed import committed_eur
from livedash_pipeline.money.store.rates import set_rate
from livedash_pipeline.settings import Settings
from tests.support.batch_round import Begin, Round
from tests.support.bills import (
    entries,
    lost,
    priced,
    priced_again,
    show_late,
    total,
    unpriced,
    usage,
    with_rate,
    without_rate,
)
from tests.support.broken_rules import rows_against
from tests.support.rows import rows_of


def bookings(engine: Engine) -> list[Any]:
    return [row for row in rows_of(engine, ai_cost_adjustments) if row.kind == "unattributed"]


def problems(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        rows = rows_against(connection, "cost_agrees_with_batch_usage", "no_cost_is_unknown")
    return [row.get("problem") or row["reason"] for row in rows]


def settled(going: Round, stated: Any, lines: int | None = None) -> Round:
    answers = [going.answer(each) for each in going.ids[:lines]]
    going.end(output=answers, usage=stated)
    going.ingest()
    return going


@pytest.mark.parametrize(
    "stated",
    [usage(3001, 250), usage(3500, 200, cached=400), usage(2000, 201), usage(2_500_000, 900_000, cached=2_000_000)],
)
def test_usage_above_the_lines_is_booked_beside_them(begin: Begin, engine: Engine, stated: dict[str, Any]) -> None:
    settled(begin(2), stated)
    assert total(engine) == priced(engine, stated)
    (booked,) = bookings(engine)
    assert booked.total_tokens == stated["total_tokens"] - 2200
    assert (booked.pricing_id is None, booked.usd_eur) == (False, Decimal("0.9"))
    assert problems(engine) == [], "booked, and so it agrees"
    with engine.begin() as connection:
        connection.execute(text("UPDATE ai_batch_requests SET lines_output_tokens = lines_output_tokens + 1"))
    assert problems(engine) == ["tokens differ from batch.usage"]


def committed(engine: Engine) -> Decimal:
    with engine.connect() as connection:
        month = database_now(connection) - timedelta(days=30)
        return committed_eur(connection, None, since=month)


@pytest.mark.parametrize(("missing", "back"), [(unpriced, priced_again), (without_rate, with_rate)])
def test_an_open_booking_counts_with_what_was_set_aside_for_the_lines_that_it_stands_for(
    begin: Begin, engine: Engine, missing: Any, back: Any
) -> None:
    going = begin(3)
    missing(engine)
    before = committed(engine)
    lost(going, [going.answer(going.ids[0])], usage(3000, 300))
    assert committed(engine) == before > 0
    show_late(going, [going.answer(each) for each in going.ids[:2]])
    assert [entry.reserved_eur is None for entry in entries(engine) if entry.entry == "unattributed"] == [False, True]
    back(engine)
    backfill_costs(engine, Settings(), BackfillRequest(), dry_run=False)
    assert committed(engine) == total(engine)[1] == priced(engine, usage(3000, 300))[1]


def test_an_open_booking_beside_lines_that_all_state_their_tokens_has_a_bound(begin: Begin, engine: Engine) -> None:
    going = begin(2)
    before = committed(engine)
    unpriced(engine)
    settled(going, usage(3000, 300))
    (booking,) = [entry for entry in entries(engine) if entry.entry == "unattributed"]
    assert (booking.is_open, booking.reserved_eur) == (True, before)


HALVES = [{"prompt_tokens": 1000}, {"completion_tokens": 100}]


@pytest.mark.parametrize("half", HALVES)
def test_a_line_that_states_half_its_tokens_costs_that_half_beside_what_is_booked(
    begin: Begin, engine: Engine, half: dict[str, int]
) -> None:
    with_half(begin(3), half, usage(3000, 300))
    assert total(engine) == priced(engine, usage(3000, 300))
    assert problems(engine) == []


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize(("missing", "back"), [(unpriced, priced_again), (without_rate, with_rate)])
def test_half_a_line_is_filled_in_as_it_would_have_been_written(
    begin: Begin, engine: Engine, half: dict[str, int], missing: Any, back: Any
) -> None:
    going = begin(3)
    missing(engine)
    with_half(going, half, usage(3000, 300))
    assert total(engine) == (None, None) and "no_usage" not in problems(engine)
    back(engine)
    backfill_costs(engine, Settings(), BackfillRequest(), dry_run=False)
    assert total(engine) == priced(engine, usage(3000, 300))


def test_half_a_line_of_a_batch_without_usage_is_stated_by_hand(begin: Begin, engine: Engine) -> None:
    going = with_half(begin(2), HALVES[0], None)
    done = backfill_costs(engine, Settings(), BackfillRequest(), dry_run=True)
    assert "did not state all tokens" in done["stillOpen"][0]["remedy"]
    stated = BackfillRequest(batch=going.name, usd=Decimal("0.25"))
    assert backfill_costs(engine, Settings(), stated, dry_run=False)["filledCount"] == 1
    assert total(engine)[0] == priced(engine, usage(1000, 100))[0] + Decimal("0.25")


def with_half(going: Round, half: dict[str, int], stated: Any) -> Round:
    lines = [going.answer(each) for each in going.ids]
    lines[0]["response"]["body"]["usage"] = half
    going.end(output=lines, usage=stated)
    going.ingest()
    return going


def test_late_answers_of_a_batch_whose_cached_tokens_were_never_counted_leave_them_unknown(
    begin: Begin, engine: Engine
) -> None:
    going = begin(2)
    lines = [going.answer(each) for each in going.ids]
    for line in lines:
        cached(line, 100)
    lost(going, lines[:1], usage(2000, 200, 200))
    with engine.begin() as connection:
        connection.execute(text("UPDATE ai_batch_requests SET lines_cached_tokens = NULL"))
    show_late(going, lines)
    (batch,) = rows_of(engine, ai_batch_requests)
    assert (batch.lines_input_tokens, batch.lines_cached_tokens) == (2000, None)
    assert problems(engine) == []


def test_usage_of_which_only_the_total_is_stated_is_booked_as_a_total(begin: Begin, engine: Engine) -> None:
    going = begin(2)
    lines = [going.answer(each) for each in going.ids]
    for line in lines:
        line["response"]["body"]["usage"] = {"total_tokens": 100}
    going.end(output=lines, usage={"total_tokens": 350})
    going.ingest()
    assert total(engine) == priced(engine, {"total_tokens": 350})
    (booked,) = bookings(engine)
    assert (booked.prompt_tokens, booked.completion_tokens, booked.total_tokens) == (None, None, 150)


def test_a_total_without_a_price_is_filled_in_as_it_would_have_been_booked(begin: Begin, engine: Engine) -> None:
    going = begin(1)
    unpriced(engine)
    line = going.answer(going.ids[0])
    line["response"]["body"]["usage"] = {"total_tokens": 100}
    going.end(output=[line], usage={"total_tokens": 350})
    going.ingest()
    assert total(engine) == (None, None)
    priced_again(engine)
    assert backfill_costs(engine, Settings(), BackfillRequest(), dry_run=False)["filledCount"] == 2
    assert total(engine) == priced(engine, {"total_tokens": 350})


def test_usage_that_the_lines_account_for_says_that_missing_lines_cost_nothing(begin: Begin, engine: Engine) -> None:
    stated = usage(1000, 100)
    _with_silent_line(begin(2), stated)
    (booked,) = bookings(engine)
    assert (booked.total_tokens, booked.cost_usd, booked.cost_eur) == (0, 0, 0)
    assert total(engine) == priced(engine, stated)
    assert problems(engine) == []


def _with_silent_line(going: Round, stated: Any) -> Round:
    lines = [going.answer(each) for each in going.ids]
    lines[1]["response"]["body"]["usage"] = None
    going.end(output=lines, usage=stated)
    going.ingest()
    return going


def test_a_batch_without_a_rate_that_charged_nothing_more_has_no_open_booking(begin: Begin, engine: Engine) -> None:
    going = begin(2)
    without_rate(engine)
    _with_silent_line(going, usage(1000, 100))
    (booked,) = bookings(engine)
    assert (booked.cost_usd, booked.cost_eur) == (0, 0)
    assert problems(engine) == ["no_rate"]


def test_usage_below_the_lines_books_nothing_and_is_red(begin: Begin, engine: Engine) -> None:
    settled(begin(2), usage(1900, 150))
    assert bookings(engine) == []
    assert total(engine) == priced(engine, usage(2000, 200))
    assert problems(engine) == ["tokens differ from batch.usage"]


def test_a_silent_line_of_a_batch_that_states_less_than_the_others_stays_open(begin: Begin, engine: Engine) -> None:
    _with_silent_line(begin(2), usage(900, 100))
    assert bookings(engine) == []
    assert problems(engine) == ["tokens differ from batch.usage", "no_usage"]


@pytest.mark.parametrize("silent", [True, False])
def test_a_silent_line_of_a_batch_without_usage_is_open_and_red(begin: Begin, engine: Engine, silent: bool) -> None:
    going = begin(2)
    _with_silent_line(going, None) if silent else settled(going, None)
    assert problems(engine) == ["no_usage"] * silent
    assert (total(engine)[0] is None) is silent


def cached(line: dict[str, Any], tokens: int) -> dict[str, Any]:
    """The line with so many tokens from the cache."""
    line["response"]["body"]["usage"]["prompt_tokens_details"] = {"cached_tokens": tokens}
    return line


@pytest.mark.parametrize("stated", [usage(2000, 200), usage(2000, 200, cached=300), usage(2100, 200, cached=300)])
def test_what_lines_call_cached_and_the_batch_does_not_costs_what_fresh_tokens_cost(
    begin: Begin, engine: Engine, stated: dict[str, Any]
) -> None:
    going = begin(2)
    going.end(output=[cached(going.answer(each), 900) for each in going.ids], usage=stated)
    going.ingest()
    assert total(engine) == priced(engine, stated)
    (booked,) = bookings(engine)
    assert booked.cached_tokens == stated["input_tokens_details"]["cached_tokens"] - 1800
    assert ("fewer cached" in booked.reason) is (booked.total_tokens == 0)
    assert problems(engine) == []


def test_a_batch_that_states_no_cached_tokens_leaves_those_of_its_lines(begin: Begin, engine: Engine) -> None:
    going = begin(2)
    silent = {name: count for name, count in usage(2000, 200).items() if name != "input_tokens_details"}
    going.end(output=[cached(going.answer(each), 900) for each in going.ids], usage=silent)
    going.ingest()
    assert total(engine) == priced(engine, usage(2000, 200, cached=1800))
    assert (bookings(engine), problems(engine)) == ([], [])


@pytest.mark.parametrize(("missing", "back"), [(unpriced, priced_again), (without_rate, with_rate)])
def test_cached_tokens_that_the_batch_does_not_know_are_filled_in_and_follow_late_answers(
    begin: Begin, engine: Engine, missing: Any, back: Any
) -> None:
    going, stated = begin(2), usage(2000, 200, cached=100)
    missing(engine)
    lines = [cached(going.answer(each), 900) for each in going.ids]
    lost(going, lines[:1], stated)
    show_late(going, lines)
    assert total(engine) == (None, None)
    back(engine)
    backfill_costs(engine, Settings(), BackfillRequest(), dry_run=False)
    assert total(engine) == priced(engine, stated)
    assert problems(engine) == []


def test_late_answers_take_back_exactly_what_was_booked_for_them(begin: Begin, engine: Engine) -> None:
    going, stated = begin(3), usage(3000, 300, cached=700)
    lost(going, [going.answer(going.ids[0])], stated)
    assert total(engine) == priced(engine, stated)
    shown = [going.answer(each) for each in going.ids]
    cached(shown[1], 600)
    for _ in range(2):
        # A late answer twice: the second time nothing is added.
        show_late(going, shown[:2])
        assert total(engine) == priced(engine, stated)
        assert [row.total_tokens for row in bookings(engine)] == [2200, -1100]
    cached(shown[2], 100)
    show_late(going, shown)
    assert total(engine) == priced(engine, stated)
    assert sum(row.total_tokens for row in bookings(engine)) == 0
    assert sum(row.cost_eur for row in bookings(engine)) == 0
    assert problems(engine) == []


@pytest.mark.parametrize(("missing", "back"), [(unpriced, priced_again), (without_rate, with_rate)])
@pytest.mark.parametrize("filled_first", [True, False])
def test_bookings_without_a_price_or_a_rate_are_filled_in_later(
    begin: Begin, engine: Engine, missing: Any, back: Any, filled_first: bool
) -> None:
    going, stated = begin(2), usage(2000, 200, cached=900)
    missing(engine)
    lost(going, [going.answer(going.ids[0])], stated)
    assert total(engine) == (None, None)
    if filled_first:
        back(engine)
        backfill_costs(engine, Settings(), BackfillRequest(), dry_run=False)
        assert total(engine) == priced(engine, stated)
    shown = going.answer(going.ids[1])
    cached(shown, 900)
    show_late(going, [going.answer(going.ids[0]), shown])
    back(engine)
    backfill_costs(engine, Settings(), BackfillRequest(), dry_run=False)
    assert total(engine) == priced(engine, stated)
    assert problems(engine) == []


def test_hostile_usage_is_booked_or_open_and_never_ends_a_settlement(begin: Begin, engine: Engine) -> None:
    settled(begin(1), usage(10**12, 10**12))
    assert total(engine) == priced(engine, usage(10**12, 10**12))
    with engine.begin() as connection:
        connection.execute(text("UPDATE ai_model_pricing SET batch_input_usd = 99999999, batch_output_usd = 99999999"))
    going = begin(1)
    line = going.answer(going.ids[0])
    line["response"]["body"]["usage"] = {"prompt_tokens": 10**12, "completion_tokens": 0, "total_tokens": 10**12}
    going.end(output=[line], usage=usage(10**12, 10**12))
    assert going.ingest().outcomes == {"parsed": 1}
    assert "no_price" in problems(engine)


def with_surplus(going: Round, **more: Any) -> None:
    """A batch beside this one, which shows at the service and is followed."""
    own = going.service.batches[going.name]
    going.service.batches["batch_beside"] = own | {"id": "batch_beside", "status": "in_progress"} | more
    reconcile_batches(going.context)


def test_surplus_counts_while_it_runs_with_what_its_batch_set_aside(begin: Begin, engine: Engine) -> None:
    going = begin(2)
    with engine.connect() as connection:
        alone = committed_eur(connection, None, since=database_now(connection))
    with_surplus(going)
    (running,) = [entry for entry in entries(engine) if entry.entry == "surplus"]
    assert (running.is_in_flight, running.is_open, running.reserved_eur) == (True, False, alone)
    with engine.connect() as connection:
        assert committed_eur(connection, None, since=database_now(connection)) == 2 * alone > 0


def test_surplus_costs_what_the_service_states_for_it(begin: Begin, engine: Engine) -> None:
    going, beside, own = begin(2), usage(2000, 150, cached=100), usage(2500, 250)
    with_surplus(going)
    going.service.end("batch_beside", "cancelled", usage=beside)
    reconcile_batches(going.context)
    settled(going, own)
    both = usage(4500, 400, cached=100)
    assert total(engine) == priced(engine, both)


@pytest.mark.parametrize(("made", "rate"), [(1_000, "0.9"), (4_000_000_000, "0.8")])
def test_surplus_is_priced_at_its_own_time_within_what_can_be(
    begin: Begin, engine: Engine, made: int, rate: str
) -> None:
    going = begin(1)
    with engine.begin() as connection:
        now = database_now(connection)
        # The batch was claimed two days ago, at yesterday's rate before the present one.
        connection.execute(
            text("UPDATE ai_batch_requests SET created_at = :then, submitted_at = :then"),
            {"then": now - timedelta(days=2)},
        )
        set_rate(connection, now.date() - timedelta(days=2), Decimal("0.9"), "test", now)
        set_rate(connection, now.date(), Decimal("0.8"), "test", now)
    with_surplus(going, created_at=made)
    going.service.end("batch_beside", "cancelled", usage=usage(1000, 100))
    reconcile_batches(going.context)
    (ended,) = rows_of(engine, ai_surplus_batches)
    assert (ended.usd_eur, ended.total_cost_eur) == (Decimal(rate), ended.total_cost_usd * Decimal(rate))


def test_surplus_that_ends_without_usage_is_open_until_somebody_states_it(begin: Begin, engine: Engine) -> None:
    going = begin(1)
    with_surplus(going)
    going.service.end("batch_beside", "cancelled", request_counts={"total": 1, "completed": 1, "failed": 0})
    reconcile_batches(going.context)
    settled(going, None)
    assert problems(engine) == ["no_usage"]
    stated = BackfillRequest(batch="batch_beside", usd=Decimal("0.25"))
    assert backfill_costs(engine, Settings(), stated, dry_run=False)["filledCount"] == 1
    own = priced(engine, usage(1000, 100))
    assert total(engine) == (own[0] + Decimal("0.25"), own[1] + Decimal("0.225"))
