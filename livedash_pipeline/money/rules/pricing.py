"""Computes the cost of one answer from a dated price, in exact decimal arithmetic, and the most that an answer can cost.

Add a rule of pricing here when the service publishes one; the figures are rows of `ai_model_pricing`. Nothing is rounded here:
the database rounds to twelve decimals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, Decimal, localcontext

from livedash_pipeline.base.rules.token_usage import TokenUsage

PACKAGE = "genai-prices"
"""The package that published prices come from; the `source` of its rows begins with this name."""

PRICE_SOURCE = "livedash"
"""The `source` of prices that came with the old system's data."""

BATCH, STANDARD = "batch", "standard"
"""The tiers that every price may have rates for; others have the service's own names, such as `flex`."""

# What answers of batches, and of plain calls, say of their tier where nothing is unusual: the Batch API calls its own `default`.
_USUAL_TIERS = frozenset({"", "auto", "default", "standard", "batch"})
_SNAPSHOT_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}\Z")
# 18 digits of tokens times 14 of price and 18 of a rate fit; the default of 28 would round.
_DIGITS = 60
# Costs of lines are computed by its methods: to enter a context for each of 50,000 lines takes a third of the time of the sums.
_EXACT = Context(prec=_DIGITS)
# What the columns of amounts hold. No bill comes near it: whoever states so many tokens says nothing that could be added up.
_LARGEST_AMOUNT = Decimal("99999999.99")
_MILLION_EXPONENT = -6


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars per million tokens on one tier; None is unknown or not listed, never free.

    Attributes:
        input: Prompt tokens.
        cached_input: Prompt tokens read from the cache.
        cache_write: Prompt tokens written to the cache.
        output: Completion tokens, reasoning included.
        long_context_tokens: Above this many prompt tokens the `long_*` rates count for the whole request, where listed.
    """

    input: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    output: Decimal | None = None
    long_context_tokens: int | None = None
    long_input: Decimal | None = None
    long_cached_input: Decimal | None = None
    long_cache_write: Decimal | None = None
    long_output: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """A model's rates by tier; those of batches are data, never "half" of others."""

    standard: Rates = Rates()
    batch: Rates = Rates()
    others: Mapping[str, Rates] = field(default_factory=dict)

    def rates(self, tier: str) -> Rates:
        """Returns the rates of a tier, all unknown where none are listed."""
        return {STANDARD: self.standard, BATCH: self.batch}.get(tier) or self.others.get(tier, Rates())


@dataclass(frozen=True, slots=True)
class DatedPrice:
    """A model's price from a moment on."""

    model: str
    effective_from: datetime
    price: Price
    provider: str = "openai"


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of an answer in US dollars; the parts add up to the total."""

    prompt_usd: Decimal
    completion_usd: Decimal
    total_usd: Decimal


@dataclass(frozen=True, slots=True)
class _Listed:
    """The rates that count for one request, each of them known."""

    input: Decimal
    cached_input: Decimal
    cache_write: Decimal
    output: Decimal

    @property
    def dearest_input(self) -> Decimal:
        return max(self.input, self.cached_input, self.cache_write)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that each token can cost, whatever the cache holds; above `long_context_tokens` the `long_*` figures count."""

    input: Decimal
    output: Decimal
    long_context_tokens: int | None
    long_input: Decimal
    long_output: Decimal

    @classmethod
    def flat(cls, input: Decimal, output: Decimal) -> Ceiling:
        """Of tokens that cost the same however many they are."""
        return cls(input, output, None, input, output)

    def times(self, rate: Decimal) -> Ceiling:
        """The same in another currency, at `rate` of it per unit of this one."""
        with localcontext(prec=_DIGITS):
            return Ceiling(
                self.input * rate,
                self.output * rate,
                self.long_context_tokens,
                self.long_input * rate,
                self.long_output * rate,
            )

    def of_many(self, input_tokens: int, output_tokens: int, *, longest: int) -> Decimal:
        """The most that requests with so many tokens together can cost, of which the `longest` has so many input tokens."""
        limit = self.long_context_tokens
        short = limit is None or longest <= limit
        with localcontext(prec=_DIGITS):
            given = self.input if short else max(self.input, self.long_input)
            made = self.output if short else max(self.output, self.long_output)
            return input_tokens * given + output_tokens * made

    def of(self, input_tokens: int, output_tokens: int) -> Decimal:
        """The most that so many tokens or fewer can cost: fewer may be dearer where long rates are the lower ones."""
        limit = self.long_context_tokens
        with localcontext(prec=_DIGITS):
            if limit is None or input_tokens <= limit:
                return input_tokens * self.input + output_tokens * self.output
            return max(
                limit * self.input + output_tokens * self.output,
                input_tokens * self.long_input + output_tokens * self.long_output,
            )


def cost_of(usage: TokenUsage, price: Price, *, tier: str = BATCH) -> Cost | None:
    """Returns the cost of an answer, or None where its usage or the price is unknown, or the usage is one that nobody can have.

    Cached and cache-write tokens are part of the prompt, reasoning tokens part of the completion: neither is added. Without a
    rate of their own they cost the input rate. So does a total without stated parts, which is the least that so many uncached
    tokens can have cost.
    """
    prompt_tokens, completion_tokens = _billed_parts(usage)
    if prompt_tokens is None or completion_tokens is None:
        return None
    rates = price.rates(tier)
    limit = rates.long_context_tokens
    listed = _listed(rates, long=limit is not None and prompt_tokens > limit)
    if listed is None:
        return None
    cached = min(usage.cached_tokens or 0, prompt_tokens)
    written = min(usage.cache_write_tokens or 0, prompt_tokens - cached)
    return _cost(prompt_tokens - cached - written, cached, written, completion_tokens, listed)


def cost_of_sum(usage: TokenUsage, price: Price, *, tier: str = BATCH) -> Cost | None:
    """`cost_of` for tokens of many requests together, whose sum says nothing about the length of a single one.

    Tokens below zero take back what others cost: what two sums cost together is what their sum costs.
    """
    prompt_tokens, completion_tokens = _billed_parts(usage)
    listed = _listed(price.rates(tier), long=False)
    if prompt_tokens is None or completion_tokens is None or listed is None:
        return None
    stated = usage.cached_tokens or 0
    cached = stated if prompt_tokens < 0 else min(stated, prompt_tokens)
    return _cost(prompt_tokens - cached, cached, 0, completion_tokens, listed)


def ceiling_of(rates: Rates) -> Ceiling | None:
    """Returns the most that each token can cost in US dollars; None where a rate that has to be known is not."""
    listed, long = _listed(rates, long=False), _listed(rates, long=True)
    if listed is None or long is None:
        return None
    with localcontext(prec=_DIGITS):
        figures = (listed.dearest_input, listed.output, long.dearest_input, long.output)
        fresh, output, long_fresh, long_output = (figure.scaleb(_MILLION_EXPONENT) for figure in figures)
    return Ceiling(fresh, output, rates.long_context_tokens, long_fresh, long_output)


def charged_tier(service_tier: str | None, *, batch: bool) -> str:
    """The tier by which an answer is charged, from what it says of itself; names are the service's, in lower case."""
    said = (service_tier or "").strip().lower()
    if said in _USUAL_TIERS:
        return BATCH if batch else STANDARD
    return said


def to_eur(usd: Decimal | None, rate: Decimal | None) -> Decimal | None:
    """Converts dollars to euro at `rate` euro per dollar; None where either is unknown. No dollars are no euro at any rate."""
    if usd is not None and not usd:
        return Decimal(0)
    if usd is None or rate is None:
        return None
    eur = _EXACT.multiply(usd, rate)
    return eur if abs(eur) <= _LARGEST_AMOUNT else None


def known_sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Adds amounts up; None where any is unknown, since a sum without it would be wrong. 0 is an amount."""
    total = Decimal(0)
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def family_name(model: str) -> str:
    """Returns the name of the model that a dated snapshot belongs to; other names as they are."""
    return _SNAPSHOT_DATE.sub("", model) or model


def usage_exceeds(batch: TokenUsage, lines: TokenUsage) -> bool:
    """Whether a batch was charged for more than its lines add up to, so that a missing line may have been paid."""
    return any(stated > counted for stated, counted in _compared(batch, lines))


def usage_differs(batch: TokenUsage, lines: TokenUsage) -> bool:
    """Whether a batch states other figures than its lines (and what is booked beside them) add up to, cached tokens included.

    Specification of `sql/statements/overview/check_batch_usage.sql`; `tests/overview/store/test_batch_usage.py` compares the two.
    """
    cached = batch.cached_tokens is not None and batch.cached_tokens != (lines.cached_tokens or 0)
    return cached or any(stated != counted for stated, counted in _compared(batch, lines))


def unattributed_usage(batch: TokenUsage, lines: TokenUsage) -> TokenUsage | None:
    """What a batch was charged for and no line of it states; None where there is nothing.

    Parts that the lines exceed are none of it: nobody pays less for one line because another one stated too much. Cached tokens
    are below zero where the lines say that more came from the cache than the batch does: by the batch's word, the dearer one,
    those cost what fresh tokens cost. A part that the batch does not state stays unknown.
    """
    fewer_cached = _fewer_cached(batch, lines)
    if not usage_exceeds(batch, lines) and not fewer_cached:
        return None
    if batch.prompt_tokens is None and batch.completion_tokens is None:
        return TokenUsage(total_tokens=(batch.total_tokens or 0) - lines.all_tokens)
    prompt = _above(batch.prompt_tokens, lines.prompt_tokens)
    cached = _above(batch.cached_tokens, lines.cached_tokens)
    return TokenUsage(
        prompt_tokens=prompt,
        completion_tokens=_above(batch.completion_tokens, lines.completion_tokens),
        cached_tokens=-fewer_cached or min(cached or 0, prompt or 0),
    )


def rest_of_batch(batch: TokenUsage, lines: TokenUsage, *, unmeasured: int) -> TokenUsage | None:
    """What a batch was charged for beside its lines, where that is also all that lines without figures can have cost.

    Zero tokens where the lines account for all; None where that says nothing of the `unmeasured` lines, which may have been
    charged and state no tokens, or one part alone: the batch states none either, or one part alone, or fewer than its lines, or
    there are no such lines.
    """
    extra = unattributed_usage(batch, lines)
    if not unmeasured or usage_exceeds(batch, lines):
        return extra
    less = any(stated < counted for stated, counted in _compared(batch, lines))
    half = (batch.prompt_tokens is None) != (batch.completion_tokens is None)
    if less or half or not batch.all_tokens:
        return None
    return extra or TokenUsage(prompt_tokens=0, completion_tokens=0, cached_tokens=0)


def _fewer_cached(batch: TokenUsage, lines: TokenUsage) -> int:
    """How many of the tokens that lines call cached are fresh by the batch's word; 0 where it says nothing of them.

    Tokens that the batch leaves out altogether are neither.
    """
    if batch.prompt_tokens is None or batch.cached_tokens is None:
        return 0
    left_out = max((lines.prompt_tokens or 0) - batch.prompt_tokens, 0)
    return max((lines.cached_tokens or 0) - batch.cached_tokens - left_out, 0)


def _above(stated: int | None, counted: int | None) -> int | None:
    return None if stated is None else max(stated - (counted or 0), 0)


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


def _cost(fresh: int, cached: int, written: int, completion: int, listed: _Listed) -> Cost | None:
    prompt = _EXACT.multiply(listed.input, fresh)
    if cached:
        prompt = _EXACT.fma(listed.cached_input, cached, prompt)
    if written:
        prompt = _EXACT.fma(listed.cache_write, written, prompt)
    prompt_usd = _EXACT.scaleb(prompt, _MILLION_EXPONENT)
    completion_usd = _EXACT.scaleb(_EXACT.multiply(listed.output, completion), _MILLION_EXPONENT)
    total = _EXACT.add(prompt_usd, completion_usd)
    return Cost(prompt_usd, completion_usd, total) if abs(total) <= _LARGEST_AMOUNT else None


def _listed(rates: Rates, *, long: bool) -> _Listed | None:
    """The rates of a request; a long one has the longs', where listed. What has no rate of its own costs the input rate."""
    fresh, cached, written, output = rates.input, rates.cached_input, rates.cache_write, rates.output
    if long:
        fresh = _first(rates.long_input, fresh)
        cached = _first(rates.long_cached_input, cached)
        written = _first(rates.long_cache_write, written)
        output = _first(rates.long_output, output)
    if fresh is None or output is None:
        return None
    return _Listed(fresh, fresh if cached is None else cached, fresh if written is None else written, output)


def _first(rate: Decimal | None, otherwise: Decimal | None) -> Decimal | None:
    return otherwise if rate is None else rate
