"""Computes the cost of one answer from a dated price, in exact decimal arithmetic.

Add a rule of pricing here when the service publishes one; the figures are rows of `ai_model_pricing`. Nothing is rounded here:
the database rounds to twelve decimals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

from livedash_pipeline.base.rules.token_usage import TokenUsage

PACKAGE = "genai-prices"
"""The package that published prices come from; the `source` of its rows begins with this name."""

PROVIDER = "openai"
"""The vendor whose prices are taken from the package."""

PRICE_SOURCE = "livedash"
"""The `source` of prices that came with the old system's data."""

_SNAPSHOT_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}\Z")
# 18 digits of tokens times 14 of price and 6 of factor fit; the default of 28 would round.
_DIGITS = 60
_MILLION_EXPONENT = -6


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens; None is unknown or not listed, never free.

    Attributes:
        input: Prompt tokens, standard processing. `batch_*` are the same rates for batches: data, never "half".
        cached_input: Prompt tokens read from the cache.
        cache_write: Prompt tokens written to the cache.
        output: Completion tokens, reasoning included.
        long_context_tokens: Above this many prompt tokens the factors apply to the whole request.
        long_input_factor: For input, cached input and cache writes.
        long_output_factor: For output.
    """

    input: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    output: Decimal | None = None
    batch_input: Decimal | None = None
    batch_cached_input: Decimal | None = None
    batch_cache_write: Decimal | None = None
    batch_output: Decimal | None = None
    long_context_tokens: int | None = None
    long_input_factor: Decimal | None = None
    long_output_factor: Decimal | None = None


@dataclass(frozen=True, slots=True)
class DatedPrice:
    """A model's price from a moment on."""

    model: str
    effective_from: datetime
    price: Price


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of an answer in US dollars; the parts add up to the total."""

    prompt_usd: Decimal
    completion_usd: Decimal
    total_usd: Decimal


@dataclass(frozen=True, slots=True)
class _Rates:
    input: Decimal
    cached_input: Decimal
    cache_write: Decimal
    output: Decimal


def cost_of(usage: TokenUsage, price: Price, *, batch: bool = True) -> Cost | None:
    """Returns the cost of an answer, or None where its usage or the price is unknown.

    Cached and cache-write tokens are part of the prompt, reasoning tokens part of the completion: neither is added. Without a
    rate of their own they cost the input rate. So does a total without stated parts, which is the least that so many uncached
    tokens can have cost.
    """
    rates = _rates(price, batch=batch)
    prompt_tokens, completion_tokens = _billed_parts(usage)
    if rates is None or prompt_tokens is None or completion_tokens is None:
        return None
    cached = min(usage.cached_tokens or 0, prompt_tokens)
    written = min(usage.cache_write_tokens or 0, prompt_tokens - cached)
    fresh = prompt_tokens - cached - written
    input_factor, output_factor = _factors(price, prompt_tokens)
    with localcontext(prec=_DIGITS):
        prompt = fresh * rates.input + cached * rates.cached_input + written * rates.cache_write
        prompt_usd = (prompt * input_factor).scaleb(_MILLION_EXPONENT)
        completion_usd = (completion_tokens * rates.output * output_factor).scaleb(_MILLION_EXPONENT)
        return Cost(prompt_usd, completion_usd, prompt_usd + completion_usd)


def to_eur(usd: Decimal | None, rate: Decimal | None) -> Decimal | None:
    """Converts dollars to euro at `rate` euro per dollar; None where either is unknown."""
    if usd is None or rate is None:
        return None
    with localcontext(prec=_DIGITS):
        return usd * rate


def price_names(model: str) -> tuple[str, ...]:
    """Returns the names under which to look up a model's price: its own, then that of the model a dated snapshot belongs to."""
    family = _SNAPSHOT_DATE.sub("", model)
    return (model,) if family in (model, "") else (model, family)


def usage_exceeds(batch: TokenUsage, lines: TokenUsage) -> bool:
    """Whether a batch was charged for more than its lines add up to, so that a missing line may have been paid."""
    return any(stated > counted for stated, counted in _compared(batch, lines))


def usage_differs(batch: TokenUsage, lines: TokenUsage) -> bool:
    """Whether a batch states other figures than its lines add up to.

    Specification of `sql/statements/overview/check_batch_usage.sql`; `tests/overview/store/test_batch_usage.py` compares the two.
    """
    return any(stated != counted for stated, counted in _compared(batch, lines))


def _compared(batch: TokenUsage, lines: TokenUsage) -> Iterator[tuple[int, int]]:
    """Pairs of the figures a batch states and the sums of its lines: by part, or in total where it states no part."""
    pairs = [(batch.prompt_tokens, lines.prompt_tokens), (batch.completion_tokens, lines.completion_tokens)]
    if batch.prompt_tokens is None and batch.completion_tokens is None:
        pairs = [(batch.total_tokens, lines.all_tokens)]
    return ((stated, counted or 0) for stated, counted in pairs if stated is not None)


def _billed_parts(usage: TokenUsage) -> tuple[int | None, int | None]:
    if usage.prompt_tokens is None and usage.completion_tokens is None and usage.total_tokens is not None:
        return usage.total_tokens, 0
    return usage.prompt_tokens, usage.completion_tokens


def _rates(price: Price, *, batch: bool) -> _Rates | None:
    fresh, output = (price.batch_input, price.batch_output) if batch else (price.input, price.output)
    if fresh is None or output is None:
        return None
    cached = price.batch_cached_input if batch else price.cached_input
    written = price.batch_cache_write if batch else price.cache_write
    return _Rates(fresh, fresh if cached is None else cached, fresh if written is None else written, output)


def _factors(price: Price, prompt_tokens: int) -> tuple[Decimal, Decimal]:
    one = Decimal(1)
    if price.long_context_tokens is None or prompt_tokens <= price.long_context_tokens:
        return one, one
    return price.long_input_factor or one, price.long_output_factor or one
