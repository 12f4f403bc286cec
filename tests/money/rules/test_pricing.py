"""Costs against figures that another program computed, and the laws that every price obeys."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.money.rules.pricing import (
    BATCH,
    STANDARD,
    Price,
    Rates,
    ceiling_of,
    charged_tier,
    cost_of,
    cost_of_sum,
    family_name,
    known_sum,
    rest_of_batch,
    to_eur,
    unattributed_usage,
    usage_differs,
    usage_exceeds,
)

D = Decimal
GPT_4O_MINI = Price(
    Rates(input=D("0.15"), cached_input=D("0.075"), output=D("0.6")),
    Rates(input=D("0.075"), cached_input=D("0.075"), output=D("0.3")),
)
GPT_6_LUNA = Price(
    Rates(D("0.1"), D("0.01"), D("0.125"), D("0.5"), 272_000, D("0.2"), D("0.02"), D("0.25"), D("0.75")),
    Rates(D("0.05"), D("0.005"), D("0.0625"), D("0.25"), 272_000, D("0.1"), D("0.01"), D("0.125"), D("0.375")),
)


def with_batch(price: Price, **rates: Any) -> Price:
    return replace(price, batch=replace(price.batch, **rates))


# One million input of which 200,000 cached, 100,000 output: openai-batch-api.md A9, computed with genai-prices.
CHECKED_USAGE = TokenUsage(prompt_tokens=1_000_000, completion_tokens=100_000, cached_tokens=200_000)


@pytest.mark.parametrize(
    ("price", "tier", "total"),
    [
        (GPT_6_LUNA, STANDARD, "0.239"),
        (GPT_6_LUNA, BATCH, "0.1195"),
        (GPT_4O_MINI, STANDARD, "0.195"),
        (GPT_4O_MINI, BATCH, "0.105"),
    ],
)
def test_cost_is_the_one_that_another_program_computed(price: Price, tier: str, total: str) -> None:
    cost = cost_of(CHECKED_USAGE, price, tier=tier)
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
    unlisted = cost_of(usage, with_batch(GPT_6_LUNA, cache_write=None))
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
        (CHECKED_USAGE, with_batch(GPT_4O_MINI, input=None)),
        (CHECKED_USAGE, with_batch(GPT_4O_MINI, output=None)),
    ],
)
def test_cost_is_unknown_where_usage_or_batch_price_is(usage: TokenUsage, price: Price) -> None:
    assert cost_of(usage, price) is None


def test_nothing_is_rounded_whatever_the_callers_decimal_context() -> None:
    usage = TokenUsage(prompt_tokens=123_456_789_012, completion_tokens=1)
    price = Price(batch=Rates(input=D("123.456789"), output=D("0.000001")))
    with localcontext(prec=3):
        cost = cost_of(usage, price)
        euro = to_eur(D("0.123456789"), D("0.987654321"))
    assert cost is not None
    assert cost.total_usd == D(123_456_789_012 * 123_456_789 + 1).scaleb(-12)
    assert euro == D("0.121932631112635269")


def test_euro_are_unknown_without_a_rate() -> None:
    assert to_eur(D("2"), D("0.9")) == D("1.8")
    assert to_eur(D("2"), None) is None
    assert to_eur(None, D("0.9")) is None
    # Nothing is nothing at any rate.
    assert to_eur(D(0), None) == 0


def test_an_amount_that_no_column_holds_is_unknown() -> None:
    hostile = TokenUsage(10**12, 10**12)
    dear = Price(batch=Rates(input=D("75"), output=D("300")))
    assert cost_of(hostile, dear) is None
    assert cost_of_sum(hostile, dear) is None
    assert to_eur(D("99999999"), D(2)) is None


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-5-mini", "gpt-5-mini"),
        ("gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("gpt-4-0613", "gpt-4-0613"),
        ("gpt-4o-2024-05-13-x", "gpt-4o-2024-05-13-x"),
        ("-2024-05-13", "-2024-05-13"),
        ("", ""),
    ],
)
def test_snapshot_belongs_to_its_model(model: str, family: str) -> None:
    assert family_name(model) == family


def test_batch_that_was_charged_for_more_than_its_lines_is_noticed() -> None:
    lines = TokenUsage(prompt_tokens=100, completion_tokens=10)
    assert usage_exceeds(TokenUsage(101, 10), lines)
    assert usage_exceeds(TokenUsage(100, 11), lines)
    assert not usage_exceeds(TokenUsage(100, 9), lines)
    assert not usage_exceeds(TokenUsage(), lines)
    assert usage_differs(TokenUsage(100, 9), lines)
    assert not usage_differs(TokenUsage(100, 10), lines)


AMOUNTS = st.decimals(0, 1000, places=6)
MAYBE = st.none() | AMOUNTS
ANY_RATES = st.builds(
    Rates, AMOUNTS, MAYBE, MAYBE, AMOUNTS, st.none() | st.integers(1, 500_000), MAYBE, MAYBE, MAYBE, MAYBE
)
PRICES = st.builds(Price, batch=ANY_RATES)
# As every published price is: longer requests never have lower rates.
RISING = st.builds(
    lambda rates, more: replace(
        rates,
        **{
            f"long_{name}": None if getattr(rates, name) is None else getattr(rates, name) + more
            for name in ("input", "cached_input", "cache_write", "output")
        },
    ),
    ANY_RATES,
    AMOUNTS,
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


@given(COUNTS, COUNTS, COUNTS, COUNTS, st.builds(Price, batch=RISING))
def test_more_tokens_never_cost_less(prompt: int, completion: int, more: int, longer: int, price: Price) -> None:
    fewer = cost_of(TokenUsage(prompt, completion), price)
    greater = cost_of(TokenUsage(prompt + more, completion + longer), price)
    assert fewer is not None and greater is not None
    assert fewer.total_usd <= greater.total_usd


@given(USAGES, PRICES)
def test_cheaper_cache_never_makes_a_request_dearer(usage: TokenUsage, price: Price) -> None:
    cheaper = with_batch(price, cached_input=D(0), long_cached_input=D(0))
    before, after = cost_of(usage, price), cost_of(usage, cheaper)
    assert before is not None and after is not None
    assert after.total_usd <= before.total_usd


@given(st.integers(0, 10**6), st.integers(0, 10**5), st.data(), ANY_RATES)
def test_no_usage_within_the_stated_tokens_costs_more_than_the_ceiling(
    given_most: int, made_most: int, data: st.DataObject, rates: Rates
) -> None:
    ceiling = ceiling_of(rates)
    assert ceiling is not None
    prompt, completion = data.draw(st.integers(0, given_most)), data.draw(st.integers(0, made_most))
    usage = TokenUsage(prompt, completion, cached_tokens=data.draw(COUNTS), cache_write_tokens=data.draw(COUNTS))
    cost = cost_of(usage, Price(batch=rates))
    assert cost is not None
    assert cost.total_usd <= ceiling.of(given_most, made_most)
    assert cost.total_usd * D("0.9") <= ceiling.times(D("0.9")).of(given_most, made_most)
    assert ceiling.of(given_most, made_most) <= ceiling.of_many(given_most, made_most, longest=given_most)


def test_a_long_request_is_bounded_by_the_dearer_of_both_lengths() -> None:
    dearer = ceiling_of(Rates(D(1), output=D(1), long_context_tokens=100, long_input=D(2), long_output=D(3)))
    cheaper = ceiling_of(Rates(D(2), output=D(3), long_context_tokens=100, long_input=D(1), long_output=D(1)))
    assert dearer is not None and cheaper is not None
    assert dearer.of(100, 10) == D(110) / 10**6
    assert dearer.of(101, 10) == D(232) / 10**6
    # A request of a hundred tokens, which is within the bound, costs more than the longest one.
    assert cheaper.of(101, 10) == D(230) / 10**6


def test_there_is_no_ceiling_without_a_price() -> None:
    assert ceiling_of(Rates()) is None
    assert ceiling_of(Rates(input=D(1))) is None
    assert ceiling_of(Rates(input=D(0), output=D(0))) is not None


def test_long_requests_have_the_rates_that_are_listed_for_them_and_others_the_usual_ones() -> None:
    rates = Rates(D(1), D("0.1"), None, D(2), 100, long_input=D(3), long_output=D(4))
    cost = cost_of(TokenUsage(101, 10, cached_tokens=50, cache_write_tokens=1), Price(batch=rates))
    assert cost is not None
    assert cost.total_usd == (50 * 3 + 50 * D("0.1") + 1 * 3 + 10 * 4) / D(10**6)


def test_a_sum_over_many_requests_says_nothing_of_their_length() -> None:
    usage = TokenUsage(300_000, 1000)
    summed, single = cost_of_sum(usage, GPT_6_LUNA), cost_of(usage, GPT_6_LUNA)
    assert summed is not None and single is not None
    assert (summed.total_usd, single.total_usd) == (D("0.01525"), D("0.030375"))
    assert cost_of_sum(usage, GPT_6_LUNA, tier=STANDARD) == cost_of(
        usage, Price(Rates(D("0.1"), output=D("0.5"))), tier=STANDARD
    )


@pytest.mark.parametrize(
    ("said", "batch", "tier"),
    [
        (None, True, BATCH),
        ("default", True, BATCH),
        ("Auto", True, BATCH),
        ("batch", True, BATCH),
        (" priority ", True, "priority"),
        ("FLEX", True, "flex"),
        (None, False, STANDARD),
        ("default", False, STANDARD),
        ("standard", False, STANDARD),
        ("flex", False, "flex"),
    ],
)
def test_an_answer_is_charged_by_the_tier_that_it_names(said: str | None, batch: bool, tier: str) -> None:
    assert charged_tier(said, batch=batch) == tier


def test_a_tier_without_rates_has_no_cost_and_one_with_rates_has_its_own() -> None:
    price = replace(GPT_4O_MINI, others={"flex": Rates(input=D("0.05"), output=D("0.2"))})
    usage = TokenUsage(1_000_000, 0)
    assert cost_of(usage, price, tier="priority") is None
    flex = cost_of(usage, price, tier="flex")
    assert flex is not None and flex.total_usd == D("0.05")


_TOKENS = st.tuples(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))


@given(first=_TOKENS, second=_TOKENS)
def test_what_is_taken_back_costs_what_it_cost(first: tuple[int, int, int], second: tuple[int, int, int]) -> None:
    before, after = (TokenUsage(p, c, cached_tokens=min(k, p)) for p, c, k in (max(first, second), min(first, second)))
    # An answer that shows takes back parts; what is left never has more of the cache than of the prompt.
    more = TokenUsage(
        -(before.prompt_tokens or 0), -(before.completion_tokens or 0), cached_tokens=-(before.cached_tokens or 0)
    )
    booked, back, rest = (cost_of_sum(usage, GPT_4O_MINI) for usage in (before, more, after))
    assert booked is not None and back is not None and rest is not None
    assert booked.total_usd + back.total_usd == 0
    less = TokenUsage(
        (after.prompt_tokens or 0) - (before.prompt_tokens or 0),
        (after.completion_tokens or 0) - (before.completion_tokens or 0),
        cached_tokens=(after.cached_tokens or 0) - (before.cached_tokens or 0),
    )
    taken = cost_of_sum(less, GPT_6_LUNA)
    assert taken is not None
    whole, left = cost_of_sum(before, GPT_6_LUNA), cost_of_sum(after, GPT_6_LUNA)
    assert whole is not None and left is not None
    if (less.prompt_tokens or 0) < 0:
        assert whole.total_usd + taken.total_usd == left.total_usd


def test_sum_is_unknown_where_a_part_is_and_zero_is_an_amount() -> None:
    assert known_sum([D(0), D("1.5")]) == D("1.5")
    assert known_sum([D(0)]) == 0
    assert known_sum([]) == 0
    assert known_sum([D(1), None]) is None


def test_what_no_line_states_is_what_the_batch_states_beyond_them() -> None:
    lines = TokenUsage(100, 10, cached_tokens=5)
    assert unattributed_usage(TokenUsage(130, 12, cached_tokens=15), lines) == TokenUsage(30, 2, cached_tokens=10)
    # More is cached, yet no more was read: nothing is charged beyond the lines.
    assert unattributed_usage(TokenUsage(100, 10, cached_tokens=50), lines) is None
    # Fewer are cached: what the lines call cached cost what fresh tokens cost, unless the batch leaves them out altogether.
    assert unattributed_usage(TokenUsage(100, 10, cached_tokens=2), lines) == TokenUsage(0, 0, cached_tokens=-3)
    assert unattributed_usage(TokenUsage(130, 10, cached_tokens=0), lines) == TokenUsage(30, 0, cached_tokens=-5)
    assert unattributed_usage(TokenUsage(98, 10, cached_tokens=2), lines) == TokenUsage(0, 0, cached_tokens=-1)
    assert unattributed_usage(TokenUsage(90, 10, cached_tokens=0), lines) is None
    assert unattributed_usage(TokenUsage(100, 10), lines) is None
    assert unattributed_usage(TokenUsage(90, 12), lines) == TokenUsage(0, 2, cached_tokens=0)
    assert unattributed_usage(TokenUsage(total_tokens=150), lines) == TokenUsage(total_tokens=40)
    # A part that the batch does not state stays unknown, and with it the cost.
    assert unattributed_usage(TokenUsage(130), lines) == TokenUsage(30, None, cached_tokens=0)
    assert unattributed_usage(TokenUsage(None, 30), lines) == TokenUsage(None, 20, cached_tokens=0)
    assert usage_differs(TokenUsage(100, 10, cached_tokens=6), lines)
    assert not usage_differs(TokenUsage(100, 10, cached_tokens=5), lines)


_USAGES = st.builds(
    lambda prompt, completion, share: TokenUsage(prompt, completion, cached_tokens=prompt * share // 10),
    st.integers(0, 50),
    st.integers(0, 5),
    st.integers(0, 10),
)


@given(batch=_USAGES, lines=_USAGES)
@example(batch=TokenUsage(10, 1, cached_tokens=0), lines=TokenUsage(10, 1, cached_tokens=9))
def test_lines_and_the_rest_cost_no_less_than_either_word(batch: TokenUsage, lines: TokenUsage) -> None:
    rest = unattributed_usage(batch, lines) or TokenUsage(0, 0)
    by_lines, by_batch, more = (cost_of_sum(usage, GPT_6_LUNA) for usage in (lines, batch, rest))
    assert by_lines is not None and by_batch is not None and more is not None
    assert by_lines.total_usd + more.total_usd >= max(by_lines.total_usd, by_batch.total_usd)
    if batch.prompt_tokens == lines.prompt_tokens and batch.completion_tokens == lines.completion_tokens:
        assert by_lines.total_usd + more.total_usd == max(by_lines.total_usd, by_batch.total_usd)


def test_a_batch_that_states_what_its_lines_do_covers_those_without_figures() -> None:
    lines = TokenUsage(100, 10, total_tokens=110)
    nothing = TokenUsage(0, 0, cached_tokens=0)
    assert rest_of_batch(TokenUsage(100, 10), lines, unmeasured=1) == nothing
    assert rest_of_batch(TokenUsage(100, 10), lines, unmeasured=0) is None
    assert rest_of_batch(TokenUsage(101, 10), lines, unmeasured=1) == TokenUsage(1, 0, cached_tokens=0)
    cached = TokenUsage(100, 10, cached_tokens=5)
    fresh = TokenUsage(0, 0, cached_tokens=-5)
    assert rest_of_batch(TokenUsage(100, 10, cached_tokens=0), cached, unmeasured=1) == fresh
    assert rest_of_batch(TokenUsage(99, 10, cached_tokens=0), cached, unmeasured=1) is None
    # Contradicted by its own lines, or silent itself.
    assert rest_of_batch(TokenUsage(99, 10), lines, unmeasured=1) is None
    assert rest_of_batch(TokenUsage(0, 0), TokenUsage(0, 0), unmeasured=1) is None
    assert rest_of_batch(TokenUsage(), lines, unmeasured=1) is None
    # One part says nothing of the other one.
    assert rest_of_batch(TokenUsage(100), lines, unmeasured=1) is None
    assert rest_of_batch(TokenUsage(None, 10), lines, unmeasured=1) is None
    assert rest_of_batch(TokenUsage(total_tokens=110), lines, unmeasured=1) == nothing
