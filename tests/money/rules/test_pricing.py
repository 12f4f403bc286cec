"""Costs against figures that another program computed, and the laws that every price obeys."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.money.rules.pricing import (
    Price,
    cost_of,
    price_names,
    to_eur,
    usage_differs,
    usage_exceeds,
)

D = Decimal
GPT_4O_MINI = Price(
    input=D("0.15"), cached_input=D("0.075"), output=D("0.6"), batch_input=D("0.075"), batch_output=D("0.3")
)
GPT_6_LUNA = Price(
    *(D("0.1"), D("0.01"), D("0.125"), D("0.5")),
    *(D("0.05"), D("0.005"), D("0.0625"), D("0.25")),
    *(272_000, D("2"), D("1.5")),
)
# One million input of which 200,000 cached, 100,000 output: openai-batch-api.md A9, computed with genai-prices.
CHECKED_USAGE = TokenUsage(prompt_tokens=1_000_000, completion_tokens=100_000, cached_tokens=200_000)


@pytest.mark.parametrize(
    ("price", "batch", "total"),
    [
        (GPT_6_LUNA, False, "0.239"),
        (GPT_6_LUNA, True, "0.1195"),
        (GPT_4O_MINI, False, "0.195"),
        (GPT_4O_MINI, True, "0.105"),
    ],
)
def test_cost_is_the_one_that_another_program_computed(price: Price, batch: bool, total: str) -> None:
    cost = cost_of(CHECKED_USAGE, price, batch=batch)
    assert cost is not None
    assert cost.total_usd == D(total)


def test_long_context_begins_above_the_threshold() -> None:
    at = cost_of(TokenUsage(272_000, 1000), GPT_6_LUNA)
    above = cost_of(TokenUsage(272_001, 1000), GPT_6_LUNA)
    assert at is not None and above is not None
    assert (at.prompt_usd, at.completion_usd) == (D("0.0136"), D("0.00025"))
    assert (above.prompt_usd, above.completion_usd) == (D("0.0272001"), D("0.000375"))


def test_cache_writes_have_their_own_rate_or_that_of_input() -> None:
    usage = TokenUsage(prompt_tokens=1000, completion_tokens=0, cached_tokens=100, cache_write_tokens=400)
    written = cost_of(usage, GPT_6_LUNA)
    unlisted = cost_of(usage, replace(GPT_6_LUNA, batch_cache_write=None))
    assert written is not None and unlisted is not None
    assert written.prompt_usd == (500 * D("0.05") + 100 * D("0.005") + 400 * D("0.0625")) / 10**6
    assert unlisted.prompt_usd == (900 * D("0.05") + 100 * D("0.005")) / 10**6


def test_reasoning_is_part_of_the_completion() -> None:
    assert cost_of(replace(CHECKED_USAGE, reasoning_tokens=90_000), GPT_4O_MINI) == cost_of(CHECKED_USAGE, GPT_4O_MINI)


def test_more_cached_than_prompt_tokens_cost_no_more_than_the_prompt() -> None:
    cost = cost_of(TokenUsage(10, 0, cached_tokens=10**6, cache_write_tokens=10**6), GPT_6_LUNA)
    assert cost is not None
    assert cost.prompt_usd == 10 * D("0.005") / 10**6


@pytest.mark.parametrize(
    ("usage", "price"),
    [
        (TokenUsage(), GPT_6_LUNA),
        (TokenUsage(prompt_tokens=1), GPT_6_LUNA),
        (TokenUsage(completion_tokens=1), GPT_6_LUNA),
        (CHECKED_USAGE, Price()),
        (CHECKED_USAGE, replace(GPT_6_LUNA, batch_input=None)),
        (CHECKED_USAGE, replace(GPT_6_LUNA, batch_output=None)),
    ],
)
def test_cost_is_unknown_where_usage_or_batch_price_is(usage: TokenUsage, price: Price) -> None:
    assert cost_of(usage, price) is None


def test_nothing_is_rounded_whatever_the_callers_decimal_context() -> None:
    usage = TokenUsage(prompt_tokens=123_456_789_012, completion_tokens=1)
    price = Price(batch_input=D("1234.567891"), batch_output=D("0.000001"))
    with localcontext(prec=3):
        cost = cost_of(usage, price)
        euro = to_eur(D("0.123456789"), D("0.987654321"))
    assert cost is not None
    assert cost.total_usd == D(123_456_789_012 * 1_234_567_891 + 1).scaleb(-12)
    assert euro == D("0.121932631112635269")


def test_euro_are_unknown_without_a_rate() -> None:
    assert to_eur(D("2"), D("0.9")) == D("1.8")
    assert to_eur(D("2"), None) is None
    assert to_eur(None, D("0.9")) is None


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("gpt-5-mini", ("gpt-5-mini",)),
        ("gpt-5-mini-2025-08-07", ("gpt-5-mini-2025-08-07", "gpt-5-mini")),
        ("gpt-4-0613", ("gpt-4-0613",)),
        ("gpt-4o-2024-05-13-x", ("gpt-4o-2024-05-13-x",)),
        ("-2024-05-13", ("-2024-05-13",)),
        ("", ("",)),
    ],
)
def test_snapshot_is_looked_up_by_its_model_too(model: str, names: tuple[str, ...]) -> None:
    assert price_names(model) == names


def test_batch_that_was_charged_for_more_than_its_lines_is_noticed() -> None:
    lines = TokenUsage(prompt_tokens=100, completion_tokens=10)
    assert usage_exceeds(TokenUsage(101, 10), lines)
    assert usage_exceeds(TokenUsage(100, 11), lines)
    assert not usage_exceeds(TokenUsage(100, 9), lines)
    assert not usage_exceeds(TokenUsage(), lines)
    assert usage_differs(TokenUsage(100, 9), lines)
    assert not usage_differs(TokenUsage(100, 10), lines)


RATES = st.decimals(0, 1000, places=6)
PRICES = st.builds(
    Price,
    batch_input=RATES,
    batch_cached_input=st.none() | RATES,
    batch_cache_write=st.none() | RATES,
    batch_output=RATES,
    long_context_tokens=st.none() | st.integers(0, 500_000),
    long_input_factor=st.none() | st.decimals(1, 9, places=3),
    long_output_factor=st.none() | st.decimals(1, 9, places=3),
)
COUNTS = st.integers(0, 10**6)
USAGES = st.builds(TokenUsage, COUNTS, COUNTS, cached_tokens=COUNTS, cache_write_tokens=COUNTS, reasoning_tokens=COUNTS)


@given(USAGES, PRICES)
def test_cost_is_never_negative_and_the_sum_of_its_parts(usage: TokenUsage, price: Price) -> None:
    cost = cost_of(usage, price)
    assert cost is not None
    assert min(cost.prompt_usd, cost.completion_usd) >= 0
    with localcontext(prec=60):
        assert cost.prompt_usd + cost.completion_usd == cost.total_usd


@given(COUNTS, COUNTS, COUNTS, COUNTS, PRICES)
def test_more_tokens_never_cost_less(prompt: int, completion: int, more: int, longer: int, price: Price) -> None:
    fewer = cost_of(TokenUsage(prompt, completion), price)
    greater = cost_of(TokenUsage(prompt + more, completion + longer), price)
    assert fewer is not None and greater is not None
    assert fewer.total_usd <= greater.total_usd


@given(USAGES, PRICES)
def test_cheaper_cache_never_makes_a_request_dearer(usage: TokenUsage, price: Price) -> None:
    cheaper = replace(price, batch_cached_input=D(0))
    before, after = cost_of(usage, price), cost_of(usage, cheaper)
    assert before is not None and after is not None
    assert after.total_usd <= before.total_usd
