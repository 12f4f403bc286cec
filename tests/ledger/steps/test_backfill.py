"""Costs that were unknown when they were written, filled in: what a settlement with all figures would have written, once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_cost_adjustments, ai_request_attempts
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.steps.costs.backfill import BackfillRequest, backfill_costs, read_charge
from livedash_pipeline.ledger.store.costs.backfill import Choice, Filling, add_backfills, lock_filling, open_entries
from livedash_pipeline.ledger.store.costs.entries import try_costs
from livedash_pipeline.money.rules.backfill import FilledCost
from livedash_pipeline.overview.steps.cost_checks import open_costs
from livedash_pipeline.overview.store.spend import differing_sums
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
from tests.support.races import race
from tests.support.rows import insert_company, rows_of

ALL = BackfillRequest()
D = Decimal
NOBODY = UUID(int=1)


def filled(engine: Engine, request: BackfillRequest = ALL, *, dry_run: bool = False, **settings: Any) -> dict[str, Any]:
    return backfill_costs(engine, Settings(**settings), request, dry_run=dry_run)


def settled(going: Round, *, silent: int = 0, stated: Any = None, **body: Any) -> Round:
    """A batch whose first lines state no tokens."""
    lines = [going.answer(each) for each in going.ids]
    for line in lines[:silent]:
        line["response"]["body"]["usage"] = None
    for line in lines:
        line["response"]["body"] |= body
    going.end(output=lines, usage=stated)
    going.ingest()
    return going


def ledger(engine: Engine) -> list[list[Any]]:
    return [rows_of(engine, table) for table in (ai_request_attempts, ai_cost_adjustments)]


@pytest.mark.parametrize(("missing", "back"), [(unpriced, priced_again), (without_rate, with_rate)])
def test_costs_come_to_what_a_settlement_would_have_written(
    begin: Begin, engine: Engine, missing: Any, back: Any
) -> None:
    known = settled(begin(3))
    missing(engine)
    settled(begin(3))
    before = rows_of(engine, ai_request_attempts)
    assert filled(engine)["filledCount"] == 0
    back(engine)
    done = filled(engine)
    assert (done["filledCount"], done["stillOpenCount"], done["stillOpen"]) == (3, 0, [])
    costs = {(entry.cost_usd, entry.cost_eur) for entry in entries(engine)}
    assert costs == {priced(engine, usage(1000, 100))} and known
    assert rows_of(engine, ai_request_attempts) == before, "the ledger stays as it is"


def test_dollars_that_were_known_are_not_added_again(begin: Begin, engine: Engine) -> None:
    without_rate(engine)
    settled(begin(2))
    with_rate(engine)
    done = filled(engine)
    assert (done["costUsd"], D(done["costEur"])) == ("0", priced(engine, usage(2000, 200))[1])
    rows = rows_of(engine, ai_cost_adjustments)
    assert {(row.kind, row.cost_usd, row.pricing_id, row.usd_eur) for row in rows} == {("backfill", 0, None, D("0.9"))}


def test_what_is_still_missing_is_said_with_its_day_in_utc_and_a_remedy(begin: Begin, engine: Engine) -> None:
    without_rate(engine)
    settled(begin(2), silent=1)
    with engine.begin() as connection:
        # Half an hour after midnight in Auckland is still the day before in UTC.
        connection.execute(text("UPDATE ai_batch_requests SET submitted_at = '2026-11-01 00:30+13'"))
    done = filled(engine)
    assert [(row["reason"], row["date"], row["entries"]) for row in done["stillOpen"]] == [
        ("no_rate", "2026-10-31", 1),
        ("no_usage", "2026-10-31", 1),
    ]
    assert "livedash rate set 2026-10-31" in done["stillOpen"][0]["remedy"]
    assert filled(engine, livedash_usd_eur=D("0.9"))["filledCount"] == 1


def test_a_dry_run_says_the_same_and_changes_nothing(begin: Begin, engine: Engine) -> None:
    unpriced(engine)
    settled(begin(3), silent=1, stated=usage(2500, 260))
    priced_again(engine)
    before = ledger(engine)
    said = filled(engine, dry_run=True)
    assert said.pop("dryRun") is True and ledger(engine) == before
    # The silent line is no cost of its own once what the batch states beside its lines is priced.
    assert filled(engine) == said | {"stillOpenCount": 0}
    assert said["filledCount"] == 3
    assert total(engine) == priced(engine, usage(2500, 260))


def test_filling_in_twice_changes_nothing(begin: Begin, engine: Engine) -> None:
    unpriced(engine)
    settled(begin(2))
    priced_again(engine)
    assert filled(engine)["filledCount"] == 2
    before = ledger(engine)
    assert filled(engine)["filledCount"] == 0 and ledger(engine) == before


def test_two_at_once_fill_each_cost_in_once(begin: Begin, engine: Engine) -> None:
    unpriced(engine)
    settled(begin(3))
    priced_again(engine)
    with race(engine) as racing:
        with engine.begin() as connection:
            lock_filling(connection)
            waiting = [racing.begin(lambda: filled(engine), waiting=number) for number in (1, 2)]
            # A dry run waits for nobody.
            assert filled(engine, dry_run=True)["filledCount"] == 3
        assert sorted(each.result()["filledCount"] for each in waiting) == [0, 3]
    assert total(engine) == priced(engine, usage(3000, 300))


def test_a_settlement_meanwhile_is_neither_waited_for_nor_lost(begin: Begin, engine: Engine) -> None:
    unpriced(engine)
    settled(begin(2))
    going = begin(1)
    going.end(output=[going.answer(going.ids[0])])
    with race(engine) as racing, engine.begin() as connection:
        connection.execute(text("LOCK TABLE ai_cost_adjustments IN SHARE MODE"))
        waiting = racing.begin(lambda: filled(engine))
        priced_again(engine)
        # It settles while the backfill waits to write, and finds its own price.
        going.ingest()
        connection.rollback()
        assert waiting.result()["ok"]
    filled(engine)
    assert total(engine) == priced(engine, usage(3000, 300))


@pytest.mark.parametrize(
    ("request_", "count"),
    [
        (BackfillRequest(company="acme"), 2),
        (BackfillRequest(company="initech"), 1),
        (BackfillRequest(model="gpt-5-mini"), 3),
        (BackfillRequest(model="gpt-4o"), 0),
        (BackfillRequest(batch="batch_1"), 1),
        (BackfillRequest("acme", "gpt-5-mini", "batch_1"), 0),
    ],
)
def test_only_what_is_chosen_is_filled_in(begin: Begin, engine: Engine, request_: BackfillRequest, count: int) -> None:
    unpriced(engine)
    settled(begin(2))
    with engine.begin() as connection:
        other = insert_company(connection, "initech")
    settled(begin(1, owner=other))
    priced_again(engine)
    assert filled(engine, request_)["filledCount"] == count


def test_a_stated_amount_is_divided_among_what_nobody_can_work_out(begin: Begin, engine: Engine) -> None:
    going = settled(begin(3), silent=2)
    (batch,) = {entry.batch_id for entry in entries(engine)}
    own = priced(engine, usage(1000, 100))
    done = filled(engine, BackfillRequest(batch=str(batch), usd=D("0.000000000003")))
    assert (done["filledCount"], done["costUsd"]) == (2, "0.000000000003")
    assert total(engine)[0] == own[0] + D("3e-12")
    with pytest.raises(UsageError, match="Nothing of this batch"):
        filled(engine, BackfillRequest(batch=going.name, usd=D(1)))


def test_a_line_on_a_tier_without_rates_is_stated_by_hand(begin: Begin, engine: Engine) -> None:
    going = settled(begin(1), service_tier="scale")
    (row,) = filled(engine)["stillOpen"]
    assert row["reason"] == "no_price" and "--usd USD" in row["remedy"]
    filled(engine, BackfillRequest(batch=going.name, usd=D("0.5")))
    assert total(engine) == (D("0.5"), D("0.45"))


def test_a_stated_amount_without_a_rate_stays_open(begin: Begin, engine: Engine) -> None:
    without_rate(engine)
    going = settled(begin(1), silent=1)
    done = filled(engine, BackfillRequest(batch=going.name, usd=D(1)))
    assert (done["filledCount"], done["stillOpen"][0]["reason"]) == (0, "no_rate")


def test_an_answer_that_shows_late_takes_the_place_of_a_stated_amount(begin: Begin, engine: Engine) -> None:
    going = begin(2)
    lines = [going.answer(each) for each in going.ids]
    lost(going, [lines[0]], None)
    filled(engine, BackfillRequest(batch=going.name, usd=D("0.5")))
    assert total(engine)[0] == priced(engine, usage(1000, 100))[0] + D("0.5")
    with engine.begin() as connection:
        before = summed(connection)
    show_late(going, lines)
    assert total(engine) == priced(engine, usage(2000, 200))
    with engine.connect() as connection:
        now = database_now(connection)
        assert differing_sums(connection, now=now) == []
        after = summed(connection)
    assert after[: len(before)] == before, "what was told of the time before stays"
    (back,) = [row for row in rows_of(engine, ai_cost_adjustments) if row.kind == "taken_back"]
    assert (back.cost_usd, back.cost_eur, back.usd_eur) == (D("-0.5"), D("-0.45"), D("0.9"))
    assert after[-1][0] == back.incurred_at
    show_late(going, lines)
    assert len(rows_of(engine, ai_cost_adjustments)) == 2, "once"
    (name,) = [entry.entry_id for entry in entries(engine) if entry.entry == "taken_back"]
    with engine.connect() as connection:
        costs = try_costs(connection, [entry.request_id for entry in entries(engine) if entry.request_id])
    assert costs[name] == 0


def summed(connection: Connection) -> list[Any]:
    return list(
        connection.execute(
            text("SELECT incurred_at, sum(cost_usd) FROM cost_entries WHERE NOT is_late GROUP BY 1 ORDER BY 1")
        )
    )


def test_an_answer_that_shows_late_waits_for_a_backfill_of_its_share(begin: Begin, engine: Engine) -> None:
    going = begin(2)
    lines = [going.answer(each) for each in going.ids]
    lost(going, [lines[0]], None)
    with race(engine) as racing, engine.begin() as connection:
        lock_filling(connection)
        waiting = racing.begin(lambda: show_late(going, lines))
        (entry,) = [each for part in open_entries(connection, Choice()) for each in part]
        add_backfills(connection, [Filling(entry, FilledCost(D(1), D(1)), None, None, "r")], now=entry.incurred_at)
        connection.commit()
        waiting.result()
    assert total(engine) == priced(engine, usage(2000, 200))


def lost_call(engine: Engine) -> Any:
    """A call whose worker died, of a request that was in a batch before."""
    with engine.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO ai_request_attempts (request_id, is_call, created_at, settled_at, outcome, error_code, reserved_eur)
                SELECT id, true, now(), now(), 'artifact_unavailable', 'worker_lost', 0.01
                FROM ai_processing_requests ORDER BY id LIMIT 1
            """)
        )
        return connection.execute(text("SELECT id, request_id FROM ai_request_attempts WHERE is_call")).one()


@pytest.mark.parametrize("named", ["id", "request_id"])
def test_a_lost_call_is_stated_by_hand(begin: Begin, engine: Engine, named: str) -> None:
    settled(begin(2))
    call = lost_call(engine)
    (row,) = filled(engine)["stillOpen"]
    assert row["reason"] == "no_usage" and "--request REQUEST --usd USD" in row["remedy"]
    with engine.connect() as connection:
        (found,) = open_costs(connection, Settings()).rows
    assert (found["bill"], found["sample_ids"]) == ("call", [str(call.request_id)])
    which = BackfillRequest(request=str(getattr(call, named)), usd=D("0.02"))
    assert filled(engine, which)["filledCount"] == 1
    own = priced(engine, usage(2000, 200))
    assert total(engine) == (own[0] + D("0.02"), own[1] + D("0.018"))
    with pytest.raises(UsageError, match="Nothing of this request") as raised:
        filled(engine, which)
    assert raised.value.remedy is not None and "--request REQUEST" in raised.value.remedy


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (BackfillRequest(usd=D(1)), "none is named"),
        (BackfillRequest(batch="b", usd=D(-1)), "-1 US dollars"),
        (BackfillRequest(batch="b", usd=D("NaN")), "NaN US dollars"),
        (BackfillRequest(batch="b", usd=D("1e-13")), "1E-13 US dollars"),
        (BackfillRequest(batch="b", usd=D(10**8)), "100000000 US dollars"),
        (BackfillRequest(batch="b"), "no batch 'b'"),
        (BackfillRequest(request="r"), "no request or try 'r'"),
        (BackfillRequest(request=str(NOBODY)), f"no request or try '{NOBODY}'"),
        (BackfillRequest(batch="b", request="r"), "Both the batch 'b' and the request 'r'"),
        (BackfillRequest(company="nobody"), "'nobody'"),
    ],
)
def test_what_cannot_be_is_refused(engine: Engine, company: Company, request_: BackfillRequest, words: str) -> None:
    assert company
    with pytest.raises(UsageError, match=words):
        filled(engine, request_)


def test_a_charge_is_read_exactly_or_refused() -> None:
    assert (read_charge(None), read_charge("0.10")) == (None, D("0.10"))
    with pytest.raises(UsageError, match="'much'"):
        read_charge("much")


def test_open_costs_are_found_through_an_index(untouched_engine: Engine) -> None:
    with untouched_engine.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        # Of few rows a planner prefers these for calls.
        connection.execute(text("DROP INDEX ix_ai_request_attempts_calls, ix_ai_request_attempts_without_batch"))
        plan = "\n".join(connection.execute(text("EXPLAIN SELECT * FROM cost_entries WHERE is_open")).scalars())
        assert list(open_entries(connection, Choice())) == []
    assert plan.count("ix_ai_request_attempts_open_cost") == 2, plan
