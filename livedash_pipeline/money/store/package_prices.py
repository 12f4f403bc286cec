"""Reads the package genai-prices, which is offline data: dated prices of text models, and the entry that a name matches.

Change this module when a newer release of the package states prices differently, and count `_READING` of `money.store.seeding`
up when the same release is read into other figures. Nothing here touches the database; `money.store.seeding` stores the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from livedash_pipeline.money.rules.pricing import DatedPrice, Price, Rates

# The start of a price without one: before any batch that this program can have made.
_FIRST_DAY = date(2025, 1, 1)
_BATCH = {"processing": "batch"}
_FIRST_PROVIDER = "openai"
_KINDS = ("input_mtok", "cache_read_mtok", "cache_write_mtok", "output_mtok")
_STEP = Decimal("0.000001")


def package_prices() -> list[DatedPrice]:
    """Returns all dated prices of all models that read and write text and that a provider of batches sells, oldest first.

    A model that several providers sell is that of the first of them: names here have no provider.
    """
    found: dict[str, list[DatedPrice]] = {}
    for provider in _providers():
        for model in provider.models:
            found.setdefault(model.id, dated_prices(model, provider.id))
    return [price for prices in found.values() for price in prices]


def canonical_name(model: str) -> str | None:
    """Returns the name of the package's entry that a model's name matches, by the package's own rules; None without one."""
    for provider in _providers():
        entry = provider.find_model(model)
        if entry is not None:
            return entry.id
    return None


def _providers() -> Iterable[Provider]:
    """Those that publish rates for batches: OpenAI first, then by name."""
    selling = [provider for provider in get_snapshot().providers if any(map(_has_batches, provider.models))]
    return sorted(selling, key=lambda provider: (provider.id != _FIRST_PROVIDER, provider.id))


def _has_batches(model: ModelInfo) -> bool:
    return any(variant.when == _BATCH for variant in model.price_variants or ())


def dated_prices(model: ModelInfo, provider: str = _FIRST_PROVIDER) -> list[DatedPrice]:
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
    tiers = _other_tiers(model)
    starts = {start for dated in (standard, batch, *tiers.values()) for start in dated}
    history = []
    for start in sorted(starts):
        price = _price(
            _latest(standard, start), _latest(batch, start), {k: _latest(v, start) for k, v in tiers.items()}
        )
        if price is not None:
            history.append(DatedPrice(model.id, datetime.combine(start, time(), UTC), price, provider))
    return history


def _other_tiers(model: ModelInfo) -> Mapping[str, dict[date, ModelPrice]]:
    """The variants that an answer's `service_tier` alone selects; `default` is the standard one."""
    names = {name for variant in model.price_variants or () if (name := _tier_name(variant)) not in (None, "default")}
    return {
        name: _by_start([variant for variant in model.price_variants or () if _tier_name(variant) == name])
        for name in sorted(names)
        if name is not None
    }


def _tier_name(variant: PriceVariant) -> str | None:
    return variant.when.get("service_tier") if variant.when.keys() == {"service_tier"} else None


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


def _price(
    standard: ModelPrice | None, batch: ModelPrice | None, tiers: Mapping[str, ModelPrice | None]
) -> Price | None:
    if standard is None:
        return None
    rates = _rates(standard, None)
    if rates is None or rates.input is None or rates.output is None:
        return None
    others = {name: found for name, variant in tiers.items() if variant and (found := _rates(standard, variant))}
    return Price(rates, (batch and _rates(standard, batch)) or Rates(), others)


def _rates(standard: ModelPrice, variant: ModelPrice | None) -> Rates | None:
    """The rates of a tier; what a variant does not state costs what it costs otherwise, as in the package's own sums.

    None where the package prices lengths in a way that a single threshold cannot tell.
    """
    stated = {kind: _stated(standard, variant, kind) for kind in _KINDS}
    tiers = [value.tiers for value in stated.values() if isinstance(value, TieredPrices) and value.tiers]
    if any(len(each) > 1 or each[0].start != tiers[0][0].start for each in tiers):
        return None
    fresh, cached, written, output = (stated[kind] for kind in _KINDS)
    rates = Rates(_base(fresh), _base(cached), _base(written), _base(output))
    if not tiers:
        return rates
    return replace(
        rates,
        long_context_tokens=tiers[0][0].start,
        long_input=_long(fresh),
        long_cached_input=_long(cached),
        long_cache_write=_long(written),
        long_output=_long(output),
    )


def _stated(standard: ModelPrice, variant: ModelPrice | None, kind: str) -> Decimal | TieredPrices | None:
    own: Decimal | TieredPrices | None = getattr(variant, kind, None) if variant is not None else None
    usual: Decimal | TieredPrices | None = getattr(standard, kind, None)
    return usual if own is None else own


def _base(value: Decimal | TieredPrices | None) -> Decimal | None:
    return _rounded(value.base if isinstance(value, TieredPrices) else value)


def _long(value: Decimal | TieredPrices | None) -> Decimal | None:
    return _rounded(value.tiers[0].price) if isinstance(value, TieredPrices) and value.tiers else None


def _rounded(rate: Decimal | None) -> Decimal | None:
    # As in the column; otherwise each seeding would take a finer figure for a change.
    return None if rate is None else rate.quantize(_STEP)
