"""Works out a cost that was unknown when it was written, from the price and the rate of its time.

A cost that is known stays as it is: what is filled in is only what was missing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from enum import StrEnum

from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.money.rules.pricing import Price, charged_tier, cost_of, cost_of_sum, to_eur

SMALLEST_AMOUNT = Decimal("1e-12")
"""The last digit of an amount in the ledger."""


class Missing(StrEnum):
    """What keeps a cost unknown."""

    PRICE = "no_price"
    RATE = "no_rate"
    USAGE = "no_usage"


@dataclass(frozen=True, slots=True)
class OpenCost:
    """An entry that was charged, or may have been, at a cost that nobody knows.

    Attributes:
        usage: The tokens that it states.
        by_call: A single call and not a line of a batch.
        service_tier: The tier that its answer names.
        is_sum: The tokens are those of many requests together.
        cost_usd: Its cost in dollars where that is known and only the rate was not.
        rest_is_booked: A line of a batch beside whose lines everything is booked that they do not state.
    """

    usage: TokenUsage
    by_call: bool = False
    service_tier: str | None = None
    is_sum: bool = False
    cost_usd: Decimal | None = None
    rest_is_booked: bool = False


@dataclass(frozen=True, slots=True)
class FilledCost:
    """What is added to what an entry had: US dollars, and euro."""

    usd: Decimal
    eur: Decimal


def fill(cost: OpenCost, price: Price | None, usd_eur: Decimal | None) -> FilledCost | Missing:
    """Returns what an open cost comes to with a price and a rate, or what is still missing."""
    usd = cost.cost_usd
    if usd is None:
        usage = _own_part(cost.usage) if cost.rest_is_booked else cost.usage
        if not _is_stated(usage):
            return Missing.USAGE
        found = _worked_out(replace(cost, usage=usage), price)
        if found is None:
            return Missing.PRICE
        usd = found
    eur = to_eur(usd, usd_eur)
    if eur is None:
        return Missing.RATE
    return FilledCost(usd if cost.cost_usd is None else Decimal(0), in_ledger(eur))


def in_ledger(amount: Decimal) -> Decimal:
    """An amount as the database stores it."""
    return amount.quantize(SMALLEST_AMOUNT, ROUND_HALF_UP)


def shares(amount: Decimal, count: int) -> list[Decimal]:
    """Divides an amount that is known in all among entries of which none states its own; the shares add up to it.

    None of them is below zero, however small the amount: what does not divide is the last one's.
    """
    share = (amount / count).quantize(SMALLEST_AMOUNT, ROUND_DOWN)
    return [*[share] * (count - 1), amount - share * (count - 1)]


def _own_part(usage: TokenUsage) -> TokenUsage:
    """What a line states itself: of a line that states one part alone, the other one is none of its own."""
    if (usage.prompt_tokens is None) == (usage.completion_tokens is None):
        return usage
    return replace(
        usage, prompt_tokens=usage.prompt_tokens or 0, completion_tokens=usage.completion_tokens or 0, total_tokens=None
    )


def _is_stated(usage: TokenUsage) -> bool:
    """Whether there are enough figures for a cost: both parts, or the total."""
    parts = usage.prompt_tokens is not None and usage.completion_tokens is not None
    return parts or (usage.prompt_tokens is None and usage.completion_tokens is None and usage.total_tokens is not None)


def _worked_out(cost: OpenCost, price: Price | None) -> Decimal | None:
    if price is None:
        return None
    if cost.is_sum:
        found = cost_of_sum(cost.usage, price)
    else:
        found = cost_of(cost.usage, price, tier=charged_tier(cost.service_tier, batch=not cost.by_call))
    return None if found is None else found.total_usd
