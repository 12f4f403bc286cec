"""Stored prices and rates: seeding twice, a release with other figures, a person's price, and look-ups by moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import OperationalError

from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.base.store.tables import ai_model_pricing
from livedash_pipeline.errors import UsageError
from livedash_pipeline.money.rules.pricing import DatedPrice, Price, cost_of
from livedash_pipeline.money.store.package_prices import package_prices
from livedash_pipeline.money.store.prices import (
    Rate,
    price_for,
    rate_at,
    seed_prices,
    set_price,
    set_rate,
    store_package_prices,
)

D = Decimal
NOW = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)
CHEAP = Price(input=D(2), cached_input=D("0.2"), output=D(8), batch_input=D(1), batch_output=D(4))
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
        ("gpt-6-luna", False, D("0.239")),
        ("gpt-6-luna", True, D("0.1195")),
        ("gpt-4o-mini", False, D("0.195")),
        ("gpt-4o-mini", True, D("0.105")),
        ("gpt-4o-mini-2024-07-18", True, D("0.105")),
    ]
    with engine.begin() as connection:
        seed_prices(connection, now=NOW)
        for model, batch, total in checked:
            price = found(connection, model)
            assert price is not None
            cost = cost_of(CHECKED_USAGE, price, batch=batch)
            assert cost is not None
            assert (model, batch, cost.total_usd) == (model, batch, total)


def test_seeded_figures_are_those_of_the_price_list() -> None:
    latest = {dated.model: dated.price for dated in package_prices()}
    assert latest["gpt-5.4"] == Price(
        *(D("2.5"), D("0.25"), None, D(15), D("1.25"), D("0.13"), None, D("7.5"), 272_000, D(2), D("1.5"))
    )
    assert latest["gpt-5-mini"] == Price(
        D("0.25"), D("0.025"), None, D(2), D("0.125"), D("0.0125"), None, D(1), None, None, None
    )
    assert latest["gpt-4.1"].batch_cached_input is None
    # The one listed model whose batch rates are its standard rates.
    same = latest["gpt-3.5-turbo-1106"]
    assert (same.batch_input, same.batch_output) == (same.input, same.output)
    assert "whisper-1" not in latest
    assert "text-embedding-3-small" not in latest


def test_price_that_changed_has_one_row_per_period(engine: Engine) -> None:
    change = datetime(2026, 7, 30, tzinfo=UTC)
    with engine.begin() as connection:
        seed_prices(connection, now=NOW)
        before = found(connection, "gpt-5.6-luna", change - timedelta(seconds=1))
        after = found(connection, "gpt-5.6-luna", change)
    assert before is not None and after is not None
    assert (before.input, after.input, after.batch_input) == (D(1), D("0.2"), D("0.1"))
    # What batches cost before the cut is not known, and is not guessed.
    assert before.batch_input is None


def test_newer_release_ends_the_old_price_and_begins_a_new_one(engine: Engine) -> None:
    dearer = replace(CHEAP, batch_output=D(5))
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
        assert store(connection, replace(CHEAP, input=D(3)), release="2", now=NOW, start=later) == 1
        assert history(connection)[1][1] == later
        # Corrected before it began: the newest figures follow it all the same.
        assert store(connection, CHEAP, release="3", now=NOW, start=later) == 1
        assert found(connection, "m", later + timedelta(days=1)) == CHEAP
        assert store(connection, CHEAP, release="3", now=NOW, start=later) == 0


def test_price_of_a_person_stands_whatever_the_package_says(engine: Engine) -> None:
    mine = replace(CHEAP, batch_input=D("0.9"))
    with engine.begin() as connection:
        store(connection, CHEAP, release="1", now=FIRST_DAY)
        set_price(connection, "m", mine, effective_from=NOW, now=NOW)
        later = NOW + timedelta(days=5)
        assert store(connection, replace(CHEAP, input=D(3)), release="2", now=later) == 1
        assert found(connection, "m", NOW - timedelta(seconds=1)) == CHEAP
        assert found(connection, "m", later + timedelta(days=1)) == mine


def test_prices_of_a_person_follow_each_other_in_whatever_order_they_come(engine: Engine) -> None:
    later, middle = NOW + timedelta(days=2), NOW + timedelta(days=1)
    prices = [replace(CHEAP, batch_input=D(n)) for n in (1, 2, 3)]
    with engine.begin() as connection:
        for price, start in zip(prices, (NOW, later, middle), strict=True):
            set_price(connection, "m", price, effective_from=start, now=NOW)
        assert [row[1:] for row in history(connection)] == [(NOW, middle), (middle, later), (later, None)]
        assert found(connection, "m", middle) == prices[2]


def test_set_price_names_its_row_and_makes_an_unknown_model_known(engine: Engine) -> None:
    with engine.begin() as connection:
        assert price_for(connection, "my-model", NOW) is None
        stored = set_price(connection, "my-model", CHEAP, effective_from=NOW, now=NOW)
        assert price_for(connection, "my-model-2026-01-01", NOW) == (stored, CHEAP)
        assert price_for(connection, "my-model", NOW - timedelta(seconds=1)) is None


def test_snapshots_own_price_goes_before_that_of_its_model(engine: Engine) -> None:
    own = replace(CHEAP, batch_input=D(7))
    with engine.begin() as connection:
        set_price(connection, "m", CHEAP, effective_from=NOW, now=NOW)
        set_price(connection, "m-2026-01-01", own, effective_from=NOW, now=NOW)
        assert found(connection, "m-2026-01-01") == own
        assert found(connection, "m") == CHEAP


def test_figure_that_is_no_price_is_refused(engine: Engine) -> None:
    wrong = [
        Price(),
        replace(CHEAP, output=None),
        replace(CHEAP, batch_input=D("-1")),
        replace(CHEAP, cached_input=D("NaN")),
        replace(CHEAP, input=D("1e8")),
        replace(CHEAP, input=D("0.0000001")),
        replace(CHEAP, long_input_factor=D("1e3")),
    ]
    with engine.begin() as connection:
        for price in wrong:
            with pytest.raises(UsageError, match="gpt-x"):
                set_price(connection, "gpt-x", price, effective_from=NOW, now=NOW)
        assert connection.execute(select(func.count()).select_from(ai_model_pricing)).scalar_one() == 0


def test_stored_price_is_not_replaced(engine: Engine) -> None:
    with engine.begin() as connection:
        set_price(connection, "m", CHEAP, effective_from=NOW, now=NOW)
        with pytest.raises(UsageError, match="already has a price"):
            set_price(connection, "m", replace(CHEAP, input=D(9)), effective_from=NOW, now=NOW)
        assert found(connection, "m") == CHEAP


def test_two_processes_that_seed_at_once_store_one_change(engine: Engine) -> None:
    with engine.begin() as connection:
        store(connection, CHEAP, release="1", now=FIRST_DAY)
    with engine.begin() as first, engine.connect() as second:
        store(first, replace(CHEAP, input=D(3)), release="2", now=NOW)
        second.execute(text("SET lock_timeout = '100ms'"))
        with pytest.raises(OperationalError, match="lock timeout"):
            store(second, replace(CHEAP, input=D(3)), release="2", now=NOW + timedelta(seconds=1))


def test_rate_is_the_newest_up_to_that_day(engine: Engine) -> None:
    with engine.begin() as connection:
        set_rate(connection, date(2026, 10, 30), D("0.91"), "ecb", NOW)
        set_rate(connection, date(2026, 11, 2), D("0.93"), "ecb", NOW)
        assert rate_at(connection, NOW, D("0.5")) == Rate(D("0.91"), "ecb")
        assert rate_at(connection, datetime(2026, 11, 2, tzinfo=UTC), None) == Rate(D("0.93"), "ecb")
        # Half past midnight in Amsterdam is still the day before in UTC.
        amsterdam = timezone(timedelta(hours=1))
        assert rate_at(connection, datetime(2026, 11, 2, 0, 30, tzinfo=amsterdam), None) == Rate(D("0.91"), "ecb")


def test_without_a_stored_rate_the_setting_counts_or_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        set_rate(connection, date(2026, 12, 1), D("0.91"), "ecb", NOW)
        assert rate_at(connection, NOW, D("0.9")) == Rate(D("0.9"), "LIVEDASH_USD_EUR")
        assert rate_at(connection, NOW, None) is None


def test_rate_of_a_day_can_be_corrected(engine: Engine) -> None:
    with engine.begin() as connection:
        set_rate(connection, NOW.date(), D("9.2"), "operator", NOW)
        set_rate(connection, NOW.date(), D("0.92"), "operator", NOW)
        assert rate_at(connection, NOW, None) == Rate(D("0.92"), "operator")


def test_figure_that_is_no_rate_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        for rate in ("0", "-1", "NaN", "Infinity", "1e-10", "1e9"):
            with pytest.raises(UsageError, match="no exchange rate"):
                set_rate(connection, NOW.date(), D(rate), "operator", NOW)
