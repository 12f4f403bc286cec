"""Prices that the stand-in charges, from the published ones in the package genai-prices.

They are taken from there and not from the pipeline's own tables, so that a mistake in these shows as a difference. Change this
module when a release of the package states prices differently.
"""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, StartDateConstraint, TieredPrices

_BATCH = {"processing": "batch"}
_MILLION_EXPONENT = -6


class Rates(NamedTuple):
    """US dollars for the tokens of one request, per million."""

    input: Decimal
    cached: Decimal
    output: Decimal


class Amounts(NamedTuple):
    """US dollars for what was bought of a model."""

    input: Decimal
    cached: Decimal
    output: Decimal


NOTHING = Amounts(Decimal(0), Decimal(0), Decimal(0))


@cache
def _model(name: str) -> ModelInfo | None:
    (provider,) = (provider for provider in get_snapshot().providers if provider.id == "openai")
    return provider.find_model(name)


@cache
def _price(name: str, day: date, *, batch: bool) -> ModelPrice | None:
    """The price on a day. Batch rates are dated from the day on which somebody checked them; before it the first ones hold."""
    model = _model(name)
    if model is None:
        return None
    moment = datetime.combine(day, time(), UTC)
    if not batch:
        return model.get_prices(moment)
    starts = [
        each.constraint.start_date if isinstance(each.constraint, StartDateConstraint) else date.min
        for each in model.price_variants or []
        if each.when == _BATCH
    ]
    checked = datetime.combine(min(starts, default=day), time(), UTC)
    return model.get_prices(max(moment, checked), _BATCH)


def cost_of(name: str | None, day: date, tokens: tuple[int, int, int], *, batch: bool) -> Amounts:
    """Returns what a request cost; nothing where no price of the model is published.

    Args:
        name: The model.
        day: The day in UTC on which the request ran.
        tokens: Input tokens, those of them that came from the cache, and output tokens.
        batch: Whether the request was a line of a batch.
    """
    price = None if name is None else _price(name, day, batch=batch)
    if price is None:
        return NOTHING
    given, cached, made = tokens
    fresh_rate = _rate(price.input_mtok, given)
    cached_rate = _rate(price.cache_read_mtok, given) if price.cache_read_mtok is not None else fresh_rate
    amounts = ((given - cached) * fresh_rate, cached * cached_rate, made * _rate(price.output_mtok, given))
    return Amounts(*(amount.scaleb(_MILLION_EXPONENT) for amount in amounts))


def _rate(rate: Decimal | TieredPrices | None, given: int) -> Decimal:
    """The rate for a request with so many input tokens: above a threshold all of it has the rate of that tier."""
    if not isinstance(rate, TieredPrices):
        return rate or Decimal(0)
    return next((tier.price for tier in reversed(rate.tiers) if given > tier.start), rate.base)
