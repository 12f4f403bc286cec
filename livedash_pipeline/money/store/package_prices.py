"""Turns the prices of OpenAI's text models in the package genai-prices, which are offline data, into our dated prices.

Change this module when a newer release of the package states prices differently. Nothing here touches the database;
`money.store.prices` stores the result.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from livedash_pipeline.money.rules.pricing import PROVIDER, DatedPrice, Price

# The start of a price without one: before any batch that this program can have made.
_FIRST_DAY = date(2025, 1, 1)
_BATCH = {"processing": "batch"}
_STEP = Decimal("0.000001")


def package_prices() -> list[DatedPrice]:
    """Returns all dated prices of all models that read and write text, by model, oldest first."""
    (provider,) = (provider for provider in get_snapshot().providers if provider.id == PROVIDER)
    return [price for model in provider.models for price in dated_prices(model)]


def dated_prices(model: ModelInfo) -> list[DatedPrice]:
    """Returns the history of one model's price; empty for models that are not sold by input and output tokens.

    The package dates a batch rate from the day on which somebody checked it on the price list, not from its real start (it says
    that earlier rates are not modelled). So the first batch rate counts for as long as the standard price it was checked with.
    """
    standard = _by_start(model.prices if isinstance(model.prices, list) else [ConditionalPrice(prices=model.prices)])
    batch = _by_start([variant for variant in model.price_variants or [] if variant.when == _BATCH])
    if batch:
        first = min(batch)
        in_force = max((start for start in standard if start <= first), default=min(standard, default=first))
        batch[in_force] = batch.pop(first)
    history = []
    for start in sorted(standard.keys() | batch.keys()):
        price = _price(_latest(standard, start), _latest(batch, start))
        if price is not None:
            history.append(DatedPrice(model.id, datetime.combine(start, time(), UTC), price))
    return history


def _by_start(dated: list[ConditionalPrice] | list[PriceVariant]) -> dict[date, ModelPrice]:
    """Prices by their first day; rates for a time of day are left out, since a batch has none."""
    found: dict[date, ModelPrice] = {}
    for each in dated:
        if not isinstance(each.constraint, TimeOfDateConstraint):
            start = each.constraint.start_date if isinstance(each.constraint, StartDateConstraint) else _FIRST_DAY
            found[start] = each.prices
    return found


def _latest(prices: dict[date, ModelPrice], day: date) -> ModelPrice | None:
    starts = [start for start in prices if start <= day]
    return prices[max(starts)] if starts else None


def _price(standard: ModelPrice | None, batch: ModelPrice | None) -> Price | None:
    if standard is None:
        return None
    fresh, output = _rate(standard, "input_mtok"), _rate(standard, "output_mtok")
    if fresh is None or output is None:
        return None
    threshold, input_factor = _long_context(standard, "input_mtok")
    _, output_factor = _long_context(standard, "output_mtok")
    return Price(
        input=fresh,
        cached_input=_rate(standard, "cache_read_mtok"),
        cache_write=_rate(standard, "cache_write_mtok"),
        output=output,
        batch_input=_batch_rate(batch, "input_mtok", fresh),
        batch_cached_input=_batch_rate(batch, "cache_read_mtok", None),
        batch_cache_write=_batch_rate(batch, "cache_write_mtok", None),
        batch_output=_batch_rate(batch, "output_mtok", output),
        long_context_tokens=threshold,
        long_input_factor=input_factor,
        long_output_factor=output_factor,
    )


def _batch_rate(batch: ModelPrice | None, name: str, unchanged: Decimal | None) -> Decimal | None:
    """A batch rate. The package omits rates that batches do not change; an omitted rate for cached input is not listed at all."""
    if batch is None:
        return None
    rate = _rate(batch, name)
    return unchanged if rate is None else rate


def _rate(price: ModelPrice, name: str) -> Decimal | None:
    value: Decimal | TieredPrices | None = getattr(price, name, None)
    rate = value.base if isinstance(value, TieredPrices) else value
    # Rounded as in the column; otherwise each seeding would take a finer figure for a change.
    return None if rate is None else rate.quantize(_STEP)


def _long_context(price: ModelPrice, name: str) -> tuple[int | None, Decimal | None]:
    """The threshold and the factor above it. All models have one tier, with the same factor for input and cache."""
    value: Decimal | TieredPrices | None = getattr(price, name, None)
    if not isinstance(value, TieredPrices) or not value.tiers or not value.base:
        return None, None
    return value.tiers[0].start, (value.tiers[0].price / value.base).quantize(Decimal("0.001"))
