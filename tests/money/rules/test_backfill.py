"""Costs that were unknown: what fills them in, what is missing, and how a stated amount is divided."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.money.rules.backfill import FilledCost, Missing, OpenCost, fill, shares
from livedash_pipeline.money.rules.pricing import Price, Rates, cost_of, to_eur

D = Decimal
PRICE = Price(
    Rates(input=D("0.25"), output=D(2)),
    Rates(input=D("0.125"), output=D(1), long_context_tokens=100, long_input=D(5), long_output=D(5)),
    {"flex": Rates(input=D("0.05"), output=D("0.5"))},
)
USAGE = TokenUsage(1000, 100)
STATED = [TokenUsage(1000, 100), TokenUsage(total_tokens=1100)]
SILENT = [TokenUsage(), TokenUsage(prompt_tokens=5), TokenUsage(completion_tokens=5, total_tokens=7)]


@pytest.mark.parametrize("usage", STATED)
def test_a_stated_usage_needs_a_price_and_a_rate(usage: TokenUsage) -> None:
    cost = OpenCost(usage, is_sum=True)
    assert fill(cost, None, D("0.9")) is Missing.PRICE
    assert fill(cost, Price(), D("0.9")) is Missing.PRICE
    assert fill(cost, PRICE, None) is Missing.RATE
    assert isinstance(fill(cost, PRICE, D("0.9")), FilledCost)


@pytest.mark.parametrize("usage", SILENT)
def test_what_states_no_tokens_stays_unknown_at_any_price(usage: TokenUsage) -> None:
    assert fill(OpenCost(usage), PRICE, D("0.9")) is Missing.USAGE


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (TokenUsage(80), "0.00001"),
        (TokenUsage(80, total_tokens=90), "0.00001"),
        (TokenUsage(completion_tokens=10), "0.00001"),
        (TokenUsage(80, 10), "0.00002"),
    ],
)
def test_a_line_costs_its_own_part_where_the_other_one_is_booked_beside_it(usage: TokenUsage, usd: str) -> None:
    assert fill(OpenCost(usage, rest_is_booked=True), PRICE, D("0.9")) == FilledCost(D(usd), D(usd) * D("0.9"))
    assert fill(OpenCost(usage, rest_is_booked=True), None, D("0.9")) is Missing.PRICE


@pytest.mark.parametrize(
    ("cost", "usd"),
    [
        # A line of a batch at the batch's rates, a call at the standard ones, another tier at its own, a sum never at long rates.
        (OpenCost(TokenUsage(80, 10)), "0.00002"),
        (OpenCost(USAGE), "0.0055"),
        (OpenCost(USAGE, is_sum=True), "0.000225"),
        (OpenCost(USAGE, by_call=True, service_tier="default"), "0.00045"),
        (OpenCost(USAGE, service_tier="Flex"), "0.0001"),
        (OpenCost(TokenUsage(0, 0)), "0"),
    ],
)
def test_a_cost_is_the_one_that_was_not_written(cost: OpenCost, usd: str) -> None:
    assert fill(cost, PRICE, D("0.9")) == FilledCost(D(usd), D(usd) * D("0.9"))


def test_known_dollars_are_not_added_again() -> None:
    assert fill(OpenCost(TokenUsage(), cost_usd=D("2")), None, D("0.9")) == FilledCost(D(0), D("1.8"))
    assert fill(OpenCost(TokenUsage(), cost_usd=D("2")), None, None) is Missing.RATE
    assert fill(OpenCost(TokenUsage(), cost_usd=D(0)), None, None) == FilledCost(D(0), D(0))


@given(prompt=st.integers(0, 10**9), completion=st.integers(0, 10**9), rate=st.decimals("0.1", "9", places=9))
def test_filling_in_comes_to_what_a_settlement_writes(prompt: int, completion: int, rate: Decimal) -> None:
    usage = TokenUsage(prompt, completion)
    found, written = fill(OpenCost(usage), PRICE, rate), cost_of(usage, PRICE)
    assert isinstance(found, FilledCost) and written is not None
    euro = to_eur(written.total_usd, rate)
    assert euro is not None
    # What the database rounds, half away from zero at the twelfth decimal, is rounded here.
    assert found.usd == written.total_usd and abs(found.eur - euro) <= D("0.5e-12")


@given(amount=st.decimals(0, D("99999999.999999999999"), places=12), count=st.integers(1, 2000))
def test_shares_add_up_and_none_is_below_zero(amount: Decimal, count: int) -> None:
    divided = shares(amount, count)
    assert len(divided) == count and sum(divided) == amount and min(divided) >= 0
    assert max(divided) - min(divided) < D(count).scaleb(-12)


def test_an_amount_too_small_to_divide_is_the_last_ones() -> None:
    assert shares(D("3e-8"), 50_000)[-2:] == [D(0), D("3e-8")]


def test_a_hostile_usage_has_no_cost() -> None:
    dear: dict[str, Any] = {"input": D(300), "output": D(900)}
    assert fill(OpenCost(TokenUsage(10**12, 10**12)), Price(batch=Rates(**dear)), D(1)) is Missing.PRICE
