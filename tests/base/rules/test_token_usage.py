"""Usage in whatever names and habits: nothing raises, nothing is negative, and the total is never billed short."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.token_usage import NO_USAGE, TokenUsage, read_unusual_usage, read_usage
from livedash_pipeline.ledger.rules.service.remote import RemoteUsage, read_remote_batch
from livedash_pipeline.money.rules.pricing import Price, Rates, cost_of, usage_exceeds

PRICE = Price(batch=Rates(input=Decimal(2), cached_input=Decimal(1), output=Decimal(8)))


def cached(count: object) -> dict[str, object]:
    return {"cached_tokens": count}


def thought(count: object) -> dict[str, object]:
    return {"reasoning_tokens": count}


# usage, prompt and completion tokens that are billed, whether its figures disagree
READ: list[tuple[str, dict[str, Any], int | None, int | None, bool]] = [
    ("chat completions", {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}, 9, 5, False),
    ("responses", {"input_tokens": 9, "output_tokens": 5, "total_tokens": 14}, 9, 5, False),
    ("camel case", {"promptTokens": 9, "completionTokens": 5, "totalTokens": 14}, 9, 5, False),
    ("camel case of responses", {"inputTokens": 9, "outputTokens": 5}, 9, 5, False),
    ("counts by part", {"promptTokenCount": 9, "candidatesTokenCount": 5, "totalTokenCount": 14}, 9, 5, False),
    ("no total", {"prompt_tokens": 9, "completion_tokens": 5}, 9, 5, False),
    ("digits as text", {"prompt_tokens": "9", "completion_tokens": "5", "total_tokens": "14"}, 9, 5, False),
    ("floats", {"prompt_tokens": 9.0, "completion_tokens": 5.0}, 9, 5, False),
    ("0 beside the other name", {"prompt_tokens": 0, "input_tokens": 500, "completion_tokens": 5}, 500, 5, True),
    ("0 under the other name", {"prompt_tokens": 500, "input_tokens": 0, "completion_tokens": 5}, 500, 5, True),
    (
        "0 for both parts beside the other names",
        {"prompt_tokens": 0, "completion_tokens": 0, "input_tokens": 500, "output_tokens": 60, "total_tokens": 560},
        500,
        60,
        True,
    ),
    (
        "two figures, and the total tells which",
        {"prompt_tokens": 900, "input_tokens": 500, "output_tokens": 60, "total_tokens": 560},
        500,
        60,
        True,
    ),
    (
        "both names with the same figures",
        {"prompt_tokens": 9, "input_tokens": 9, "completion_tokens": 5, "output_tokens": 5},
        9,
        5,
        False,
    ),
    (
        "reasoning inside",
        {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "completion_tokens_details": thought(4)},
        9,
        5,
        False,
    ),
    (
        "reasoning outside, by the total",
        {"prompt_tokens": 9, "completion_tokens": 50, "total_tokens": 4059, "completion_tokens_details": thought(4000)},
        9,
        4050,
        True,
    ),
    (
        "reasoning outside, since it is more",
        {"prompt_tokens": 9, "completion_tokens": 50, "completion_tokens_details": thought(4000)},
        9,
        4050,
        True,
    ),
    (
        "reasoning beside the parts",
        {"promptTokenCount": 9, "candidatesTokenCount": 5, "thoughtsTokenCount": 70, "totalTokenCount": 84},
        9,
        75,
        True,
    ),
    ("reasoning that nobody states", {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 84}, 9, 75, True),
    (
        "more reasoning than completion, and the total says no",
        {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "completion_tokens_details": thought(7)},
        9,
        5,
        True,
    ),
    (
        "cached inside",
        {"prompt_tokens": 90, "completion_tokens": 5, "total_tokens": 95, "prompt_tokens_details": cached(80)},
        90,
        5,
        False,
    ),
    (
        "cached on top, by the total",
        {"prompt_tokens": 90, "completion_tokens": 5, "total_tokens": 175, "prompt_tokens_details": cached(80)},
        170,
        5,
        True,
    ),
    (
        "cached on top, since it is more",
        {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 80, "cache_creation_input_tokens": 7},
        97,
        5,
        True,
    ),
    (
        "cached on top and reasoning outside",
        {
            "prompt_tokens": 90,
            "completion_tokens": 5,
            "total_tokens": 215,
            "prompt_tokens_details": cached(80),
            "completion_tokens_details": thought(40),
        },
        170,
        45,
        True,
    ),
    (
        "a total that is smaller than the parts",
        {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 3},
        9,
        5,
        True,
    ),
    ("a total of 0", {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 0}, 9, 5, True),
    (
        "0 for all, beside the other names",
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "input_tokens": 500, "output_tokens": 100},
        500,
        100,
        True,
    ),
    (
        "a total of 0, and reasoning outside",
        {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 0, "completion_tokens_details": thought(70)},
        9,
        75,
        True,
    ),
    ("a total of 0 beside one part", {"completion_tokens": 5, "total_tokens": 0}, None, 5, True),
    ("0 everywhere", {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, 0, 0, False),
    ("prompt and total", {"prompt_tokens": 9, "total_tokens": 14}, 9, 5, False),
    ("completion and total", {"completion_tokens": 5, "total_tokens": 14}, 9, 5, False),
    ("a total alone", {"total_tokens": 14}, None, None, False),
    ("one part alone", {"completion_tokens": 5}, None, 5, False),
    ("nothing", {}, None, None, False),
]


@pytest.mark.parametrize(
    ("usage", "prompt", "completion", "disagrees"), [c[1:] for c in READ], ids=[c[0] for c in READ]
)
def test_what_is_billed_follows_from_the_total(
    usage: dict[str, Any], prompt: int | None, completion: int | None, disagrees: bool
) -> None:
    found = read_usage(usage)
    assert (found.prompt_tokens, found.completion_tokens, found.disagrees) == (prompt, completion, disagrees)


@pytest.mark.parametrize("usage", [c[1] for c in READ], ids=[c[0] for c in READ])
def test_a_batch_is_read_like_a_line(usage: dict[str, Any]) -> None:
    line, batch = read_usage(usage), read_remote_batch({"id": "b", "usage": usage}).usage
    if line == NO_USAGE:
        assert batch is None
    elif line.prompt_tokens is None and line.completion_tokens is None:
        assert batch == RemoteUsage(None, line.cached_tokens, None, 0, line.total_tokens or 0)
    else:
        assert batch is not None
        assert (batch.input_tokens, batch.output_tokens) == (line.prompt_tokens or 0, line.completion_tokens or 0)
        assert batch.cached_tokens == line.cached_tokens


def test_a_total_alone_costs_what_input_costs() -> None:
    cost = cost_of(TokenUsage(total_tokens=1_000_000), PRICE)
    assert cost is not None and cost.total_usd == 2
    assert cost_of(TokenUsage(completion_tokens=5), PRICE) is None


def test_a_batchs_total_alone_is_compared_with_all_tokens_of_its_lines() -> None:
    lines = TokenUsage(prompt_tokens=9, completion_tokens=5, total_tokens=0)
    assert not usage_exceeds(TokenUsage(total_tokens=14), lines)
    assert usage_exceeds(TokenUsage(total_tokens=15), lines)


COUNT = st.one_of(
    st.integers(0, 10_000), st.integers(), st.none(), st.booleans(), st.floats(), st.integers(0, 999).map(str)
)
NAMES = ["prompt_tokens", "input_tokens", "completion_tokens", "output_tokens", "outputTokens", "total_tokens"]
INSIDE = ["cached_tokens", "reasoning_tokens", "cache_write_tokens", "cache_read_input_tokens"]
DETAILS = st.dictionaries(st.sampled_from(INSIDE), COUNT) | COUNT
USAGES = st.dictionaries(st.sampled_from(NAMES + INSIDE), COUNT).flatmap(
    lambda counts: st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("prompt_tokens_details", "output_tokens_details", "input_tokens_details"), DETAILS)
    ).map(lambda details: counts | details)
)


@given(USAGES)
def test_any_usage_is_read_without_a_negative_count_and_never_below_its_total(usage: dict[str, Any]) -> None:
    found = read_usage(usage)
    parts = (
        found.prompt_tokens,
        found.completion_tokens,
        found.total_tokens,
        found.cached_tokens,
        found.reasoning_tokens,
    )
    assert all(part is None or part >= 0 for part in parts)
    cost = cost_of(found, PRICE)
    if cost is not None:
        # The cheapest reading of a total: all of it read from the cache.
        assert cost.total_usd * 10**6 >= (found.total_tokens or 0) * 1
    if found.prompt_tokens is not None and found.completion_tokens is not None and found.total_tokens:
        billed = found.prompt_tokens + found.completion_tokens
        assert billed >= found.total_tokens
        assert found.disagrees or billed == found.total_tokens


@given(st.one_of(st.none(), st.text(), st.integers(), st.lists(st.integers())))
def test_what_is_no_object_is_no_usage(usage: object) -> None:
    assert read_usage(usage) == NO_USAGE


_COUNT = st.none() | st.booleans() | st.integers(-1, 12) | st.sampled_from([10**13, "7", 5.0, "x"])
_NAMES = ("prompt_tokens", "completion_tokens", "total_tokens", "input_tokens")
_INNER = ("cached_tokens", "cache_write_tokens", "audio_tokens", "reasoning_tokens", "accepted_prediction_tokens")
_DETAILS = st.none() | st.integers(0, 1) | st.dictionaries(st.sampled_from(_INNER), _COUNT)
DRAWN = st.builds(
    lambda counts, details: {**counts, **details},
    st.dictionaries(st.sampled_from(_NAMES), _COUNT),
    st.dictionaries(st.sampled_from(["prompt_tokens_details", "completion_tokens_details"]), _DETAILS),
)
SUMMED = st.builds(
    lambda usage, given, made: {
        **usage,
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made,
    },
    DRAWN,
    st.integers(0, 12),
    st.integers(0, 12),
)


@given(usage=DRAWN | SUMMED)
def test_usual_usage_is_read_as_the_careful_reading_reads_it(usage: dict[str, object]) -> None:
    assert read_usage(usage) == read_unusual_usage(usage)


@pytest.mark.parametrize("usage", [case[1] for case in READ], ids=[case[0] for case in READ])
def test_both_readings_of_usage_agree(usage: dict[str, object]) -> None:
    assert read_usage(usage) == read_unusual_usage(usage)


def test_usage_of_the_api_itself_is_read_whole() -> None:
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 5,
        "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1, "audio_tokens": 2},
        "completion_tokens_details": {
            "reasoning_tokens": 3,
            "audio_tokens": 1,
            "accepted_prediction_tokens": 2,
            "rejected_prediction_tokens": 0,
        },
    }
    assert read_usage(usage) == TokenUsage(9, 5, 14, 4, 1, 2, 3, 1, 2, 0) == read_unusual_usage(usage)


@pytest.mark.parametrize(
    "change",
    [
        {"prompt_tokens_details": [4]},
        {"prompt_tokens_details": {"cached_tokens": 10}},
        {"prompt_tokens_details": {"cached": 1}},
        {"completion_tokens_details": {"reasoning_tokens": 6}},
        {"completion_tokens_details": {"reasoning_tokens": "3"}},
        {"total_tokens": 15},
        {"prompt_tokens": True},
        {"input_tokens": 9},
    ],
)
def test_other_usage_is_left_to_the_careful_reading(change: dict[str, object]) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14} | change
    assert read_usage(usage) == read_unusual_usage(usage)
