"""Stored prices: seeding twice, a release with other figures, a person's price, and look-ups by moment."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, insert, select, text
from sqlalchemy.exc import OperationalError

from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.base.store.companies import add_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_model_pricing, ai_surplus_batches
from livedash_pipeline.errors import UsageError
from livedash_pipeline.money.rules.pricing import BATCH, STANDARD, DatedPrice, Price, Rates, cost_of
from livedash_pipeline.money.store.listed_prices import list_prices
from livedash_pipeline.money.store.package_prices import package_prices
from livedash_pipeline.money.store.prices import Interrupted, price_for, set_price
from livedash_pipeline.money.store.seeding import seed_prices, store_package_prices

D = Decimal
NOW = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)
CHEAP = Price(Rates(input=D(2), cached_input=D("0.2"), output=D(8)), Rates(input=D(1), output=D(4)))


def with_standard(**figures: Any) -> Price:
    return replace(CHEAP, standard=replace(CHEAP.standard, **figures))


def with_batch(**figures: Any) -> Price:
    return replace(CHEAP, batch=replace(CHEAP.batch, **figures))


CHECKED_USAGE = TokenUsage(prompt_tokens=1_000_000, completion_tokens=100_000, cached_tokens=200_000)


def found(connection: Connection, model: str, at: datetime = NOW) -> Price | None:
    price = price_for(connection, model, at)
    return None if price is None else price[1]


def history(connection: Connection) -> list[tuple[str, datetime, datetime | None]]:
    table = ai_model_pricing.c
    rows = connection.execute(
        select(table.source, table.effective_from, table.effective_until).order_by(table.effective_from)
    )
    return [(row.source, row.effective_from, row.effective_until) for row in rows]


def store(connection: Connection, price: Price, *, release: str, now: datetime, start: datetime = FIRST_DAY) -> int:
    return store_package_prices(connection, [DatedPrice("m", start, price)], source=f"genai-prices {release}", now=now)


def test_seeding_twice_stores_the_prices_once(engine: Engine) -> None:
    with engine.begin() as connection:
        first = seed_prices(connection, now=NOW)
        stored = history(connection)
    with engine.begin() as connection:
        second = seed_prices(connection, now=NOW + timedelta(days=1))
        assert history(connection) == stored
    assert first == len(stored) == len(package_prices()) > 90
    assert second == 0


def test_seeded_prices_give_the_costs_that_another_program_computed(engine: Engine) -> None:
    checked = [
        ("gpt-6-luna", STANDARD, D("0.239")),
        ("gpt-6-luna", BATCH, D("0.1195")),
        ("gpt-4o-mini", STANDARD, D("0.195")),
        ("gpt-4o-mini", BATCH, D("0.105")),
        ("gpt-4o-mini-2024-07-18", BATCH, D("0.105")),
    ]
    with engine.begin() as connection:
        seed_prices(connection, now=NOW)
        for model, tier, total in checked:
            price = found(connection, model)
            assert price is not None
            cost = cost_of(CHECKED_USAGE, price, tier=tier)
            assert cost is not None
            assert (model, tier, cost.total_usd) == (model, tier, total)


def test_seeded_figures_are_those_of_the_price_list() -> None:
    latest = {dated.model: dated.price for dated in package_prices()}
    gpt54 = latest["gpt-5.4"]
    assert gpt54.standard == Rates(D("2.5"), D("0.25"), None, D(15), 272_000, D(5), D("0.5"), None, D("22.5"))
    # Its long cached rate in batches is no multiple of the short one.
    assert gpt54.batch == Rates(D("1.25"), D("0.13"), None, D("7.5"), 272_000, D("2.5"), D("0.25"), None, D("11.25"))
    mini = latest["gpt-5-mini"]
    assert mini.standard == Rates(D("0.25"), D("0.025"), None, D(2))
    assert mini.batch == Rates(D("0.125"), D("0.0125"), None, D(1))
    assert mini.others["flex"] == Rates(D("0.125"), D("0.0125"), None, D(1))
    assert mini.others["priority"].output == D("3.6")
    # What batches do not change costs what it costs otherwise.
    assert latest["gpt-4.1"].batch.cached_input == latest["gpt-4.1"].standard.cached_input == D("0.5")
    assert latest["gpt-5.5-pro"].batch.long_context_tokens is None
    # The one listed model whose batch rates are its standard rates.
    same = latest["gpt-3.5-turbo-1106"]
    assert same.batch == same.standard
    assert "whisper-1" not in latest
    assert "text-embedding-3-small" not in latest


def test_price_that_changed_has_one_row_per_period(engine: Engine) -> None:
    change = datetime(2026, 7, 30, tzinfo=UTC)
    with engine.begin() as connection:
        seed_prices(connection, now=NOW)
        before = found(connection, "gpt-5.6-luna", change - timedelta(seconds=1))
        after = found(connection, "gpt-5.6-luna", change)
    assert before is not None and after is not None
    assert (before.standard.input, after.standard.input, after.batch.input) == (D(1), D("0.2"), D("0.1"))
    # What batches cost before the cut is not known, and is not guessed.
    assert before.batch.input is None


def test_newer_release_ends_the_old_price_and_begins_a_new_one(engine: Engine) -> None:
    dearer = with_batch(output=D(5))
    with engine.begin() as connection:
        assert store(connection, CHEAP, release="1", now=FIRST_DAY) == 1
        assert store(connection, CHEAP, release="2", now=NOW) == 0
        assert store(connection, dearer, release="3", now=NOW) == 1
        assert store(connection, dearer, release="3", now=NOW) == 0
        assert history(connection) == [("genai-prices 1", FIRST_DAY, NOW), ("genai-prices 3", NOW, None)]
        assert found(connection, "m", NOW - timedelta(seconds=1)) == CHEAP
        assert found(connection, "m", NOW) == dearer


def test_price_announced_for_later_begins_then(engine: Engine) -> None:
    later = NOW + timedelta(days=10)
    with engine.begin() as connection:
        store(connection, CHEAP, release="1", now=FIRST_DAY)
        assert store(connection, with_standard(input=D(3)), release="2", now=NOW, start=later) == 1
        assert history(connection)[1][1] == later
        # Corrected before it began: the newest figures follow it all the same.
        assert store(connection, CHEAP, release="3", now=NOW, start=later) == 1
        assert found(connection, "m", later + timedelta(days=1)) == CHEAP
        assert store(connection, CHEAP, release="3", now=NOW, start=later) == 0


def test_price_of_a_person_stands_whatever_the_package_says(engine: Engine) -> None:
    mine = with_batch(input=D("0.9"))
    with engine.begin() as connection:
        store(connection, CHEAP, release="1", now=FIRST_DAY)
        set_price(connection, "m", mine, effective_from=NOW, now=NOW)
        later = NOW + timedelta(days=5)
        assert store(connection, with_standard(input=D(3)), release="2", now=later) == 1
        assert found(connection, "m", NOW - timedelta(seconds=1)) == CHEAP
        assert found(connection, "m", later + timedelta(days=1)) == mine


def test_prices_of_a_person_follow_each_other_in_whatever_order_they_come(engine: Engine) -> None:
    later, middle = NOW + timedelta(days=2), NOW + timedelta(days=1)
    prices = [with_batch(input=D(n)) for n in (1, 2, 3)]
    with engine.begin() as connection:
        for price, start in zip(prices, (NOW, later, middle), strict=True):
            set_price(connection, "m", price, effective_from=start, now=NOW)
        listed = list_prices(connection, ["m"], at=None)
        assert [(each.effective_from, each.effective_until) for each in reversed(listed)] == [
            (NOW, middle),
            (middle, later),
            (later, None),
        ]
        assert found(connection, "m", middle) == prices[2]


def test_a_price_with_an_end_interrupts_an_earlier_one_that_counts_again_afterwards(engine: Engine) -> None:
    start, end = NOW + timedelta(days=1), NOW + timedelta(days=3)
    usual, special, last = (with_batch(input=D(n)) for n in (1, 2, 3))
    with engine.begin() as connection:
        store(connection, CHEAP, release="1", now=FIRST_DAY)
        assert set_price(connection, "m", usual, effective_from=NOW, now=NOW).interrupted is None
        stored = set_price(connection, "m", special, effective_from=start, effective_until=end, now=NOW)
        assert stored.interrupted == Interrupted(NOW, end)
        moments = (NOW, start, end - timedelta(seconds=1), end, end + timedelta(days=9))
        assert [found(connection, "m", at) for at in moments] == [usual, special, special, usual, usual]
        # It goes on without an end, which ends the first one for good.
        again = set_price(connection, "m", last, effective_from=start, now=NOW)
        assert again.interrupted == Interrupted(NOW, None)
        assert [found(connection, "m", at) for at in moments] == [usual, last, last, last, last]
        standing = [each.effective_until for each in list_prices(connection, ["m"], at=NOW)]
        assert standing == [start, None]


def test_a_price_that_ended_by_itself_is_not_interrupted_for_longer(engine: Engine) -> None:
    first_end, start = NOW + timedelta(days=2), NOW + timedelta(days=1)
    with engine.begin() as connection:
        set_price(connection, "m", CHEAP, effective_from=NOW, effective_until=first_end, now=NOW)
        stored = set_price(connection, "m", CHEAP, effective_from=start, effective_until=first_end, now=NOW)
        assert stored.interrupted == Interrupted(NOW, None)
        assert set_price(connection, "m", CHEAP, effective_from=first_end, now=NOW).interrupted is None


@pytest.mark.parametrize("name", ["", " m", "m ", "a\tb", "a\0b", "x" * 201])
def test_a_name_that_is_none_is_refused(engine: Engine, name: str) -> None:
    with engine.begin() as connection, pytest.raises(UsageError, match="no name of a model"):
        set_price(connection, name, CHEAP, effective_from=NOW, now=NOW)


def test_set_price_names_its_row_and_makes_an_unknown_model_known(engine: Engine) -> None:
    with engine.begin() as connection:
        assert price_for(connection, "my-model", NOW) is None
        stored = set_price(connection, "my-model", CHEAP, effective_from=NOW, now=NOW)
        assert stored.instead_of is None
        assert price_for(connection, "my-model-2026-01-01", NOW) == (stored.id, CHEAP)
        assert price_for(connection, "my-model", NOW - timedelta(seconds=1)) is None


def test_snapshots_own_price_goes_before_that_of_its_model(engine: Engine) -> None:
    own = with_batch(input=D(7))
    with engine.begin() as connection:
        set_price(connection, "m", CHEAP, effective_from=NOW, now=NOW)
        set_price(connection, "m-2026-01-01", own, effective_from=NOW, now=NOW)
        assert found(connection, "m-2026-01-01") == own
        assert found(connection, "m") == CHEAP


def test_figure_that_is_no_price_is_refused(engine: Engine) -> None:
    wrong = [
        Price(),
        with_standard(output=None),
        with_batch(input=D("-1")),
        with_standard(cached_input=D("NaN")),
        with_standard(input=D("1e8")),
        with_standard(input=D("0.0000001")),
        with_standard(long_input=D(3)),
        with_standard(long_context_tokens=0),
    ]
    with engine.begin() as connection:
        for price in wrong:
            with pytest.raises(UsageError, match="gpt-x"):
                set_price(connection, "gpt-x", price, effective_from=NOW, now=NOW)
        assert connection.execute(select(func.count()).select_from(ai_model_pricing)).scalar_one() == 0


def test_wrong_price_is_replaced_while_no_cost_refers_to_it(engine: Engine) -> None:
    right = with_standard(input=D(9))
    with engine.begin() as connection:
        wrong = set_price(connection, "m", CHEAP, effective_from=NOW, now=NOW)
        stored = set_price(connection, "m", right, effective_from=NOW, now=NOW)
        assert stored.instead_of == "replaced"
        assert price_for(connection, "m", NOW) == (stored.id, right)
        # Who looked it up a moment ago may still write a cost that refers to it.
        refer_to(connection, wrong.id)


def test_wrong_price_that_costs_refer_to_is_superseded_and_stays(engine: Engine) -> None:
    right = with_standard(input=D(9))
    with engine.begin() as connection:
        wrong = set_price(connection, "m", CHEAP, effective_from=NOW, now=NOW)
        refer_to(connection, wrong.id)
        stored = set_price(connection, "m", right, effective_from=NOW, now=NOW)
        again = set_price(connection, "m", CHEAP, effective_from=NOW, now=NOW)
        kept = set(connection.execute(select(ai_model_pricing.c.id)).scalars())
    assert (stored.instead_of, again.instead_of) == ("superseded", "replaced")
    assert kept == {wrong.id, stored.id, again.id}


def refer_to(connection: Connection, pricing_id: uuid.UUID) -> None:
    """A cost in the ledger that was worked out with a price."""
    company = add_company(connection, "acme", CompanyChanges(csv_url="https://acme.example/a.csv"), now=NOW)
    batch_id = connection.execute(
        insert(ai_batch_requests)
        .values(
            company_id=company.id, model="m", endpoint="e", key_fingerprint="k", created_at=NOW, status_changed_at=NOW,
            request_count=0, body_bytes=0, token_estimate=0,
        )
        .returning(ai_batch_requests.c.id)
    ).scalar_one()  # fmt: skip
    connection.execute(
        insert(ai_surplus_batches).values(
            remote_batch_id="b",
            batch_id=batch_id,
            endpoint="e",
            remote_status="completed",
            found_at=NOW,
            pricing_id=pricing_id,
        )
    )


def test_a_price_of_a_person_ends_where_they_say(engine: Engine) -> None:
    end = NOW + timedelta(days=3)
    mine = with_batch(input=D("0.9"))
    with engine.begin() as connection:
        store(connection, CHEAP, release="1", now=FIRST_DAY)
        stored = set_price(connection, "m", mine, effective_from=NOW, effective_until=end, now=NOW)
        assert stored.effective_until == end
        assert found(connection, "m", end - timedelta(seconds=1)) == mine
        assert found(connection, "m", end) == CHEAP
        with pytest.raises(UsageError, match="before it begins"):
            set_price(connection, "m", mine, effective_from=NOW, effective_until=NOW, now=NOW)


def test_a_price_of_a_person_may_begin_with_one_of_the_package(engine: Engine) -> None:
    mine = with_batch(input=D("0.9"))
    with engine.begin() as connection:
        store(connection, CHEAP, release="1", now=FIRST_DAY)
        set_price(connection, "m", mine, effective_from=FIRST_DAY, now=NOW)
        assert found(connection, "m", FIRST_DAY) == mine


def test_two_processes_that_seed_at_once_store_one_change(engine: Engine) -> None:
    with engine.begin() as connection:
        store(connection, CHEAP, release="1", now=FIRST_DAY)
    with engine.begin() as first, engine.connect() as second:
        store(first, with_standard(input=D(3)), release="2", now=NOW)
        second.execute(text("SET lock_timeout = '100ms'"))
        with pytest.raises(OperationalError, match="lock timeout"):
            store(second, with_standard(input=D(3)), release="2", now=NOW + timedelta(seconds=1))


def test_prices_of_an_earlier_reading_that_nothing_refers_to_are_stored_anew(engine: Engine) -> None:
    cut = NOW - timedelta(days=30)
    dear, cheap = with_standard(input=D(3)), CHEAP
    read = [DatedPrice("m", FIRST_DAY, dear), DatedPrice("m", cut, cheap), DatedPrice("used", FIRST_DAY, cheap)]
    misread = [replace(each, price=without_long_rates(each.price)) for each in read]
    read = [replace(each, price=with_long_rates(each.price)) for each in read]
    with engine.begin() as connection:
        store_package_prices(connection, misread, source="genai-prices 1", now=FIRST_DAY)
        used = price_for(connection, "used", NOW)
        assert used is not None
        refer_to(connection, used[0])
        assert store_package_prices(connection, read, source="genai-prices 1", now=NOW) == 3
        assert store_package_prices(connection, read, source="genai-prices 1", now=NOW) == 0
        moments = (FIRST_DAY, cut - timedelta(seconds=1), cut, NOW)
        assert [found(connection, "m", at) for at in moments] == [read[n].price for n in (0, 0, 1, 1)]
        # What a cost refers to stays for its time, and ends now.
        assert price_for(connection, "used", NOW - timedelta(seconds=1)) == used
        assert found(connection, "used") == read[2].price
        superseded = select(func.count()).where(ai_model_pricing.c.superseded_at == NOW)
        assert connection.execute(superseded).scalar_one() == 2


def test_an_upgraded_database_prices_the_past_as_a_fresh_one_does(engine: Engine) -> None:
    first = FIRST_DAY + timedelta(days=1)
    misread = [replace(each, price=without_long_rates(each.price)) for each in package_prices()]
    with engine.begin() as connection:
        store_package_prices(connection, misread, source="genai-prices 0.0.1", now=first)
        seed_prices(connection, now=NOW)
        listed = list_prices(connection, None, at=None)
    standing = sorted((each.model, each.effective_from) for each in listed if each.superseded_at is None)
    fresh = package_prices()
    assert standing == sorted((each.model, each.effective_from) for each in fresh)
    prices = {(each.model, each.effective_from): each.price for each in fresh}
    stood = [each for each in listed if each.superseded_at is None]
    assert [each.price for each in stood] == [prices[each.model, each.effective_from] for each in stood]


def without_long_rates(price: Price) -> Price:
    """As an earlier reading of the package had it: no further tiers, and one factor for all long rates of a tier."""
    batch = price.batch
    if batch.long_cached_input is not None and batch.cached_input is not None:
        batch = replace(batch, long_cached_input=batch.cached_input * 2)
    return replace(price, batch=batch, others={})


def with_long_rates(price: Price) -> Price:
    return replace(price, others={"flex": Rates(input=D(1), output=D(4))})
