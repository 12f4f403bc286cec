"""Lists prices and exchange rates, each as a document for commands and HTTP.

Add what people ask about prices and rates; `money.steps.prices` sets them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.values import Document, moment, money
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.money.rules import rates as rules
from livedash_pipeline.money.rules.pricing import PACKAGE
from livedash_pipeline.money.steps.prices import price_document, rates_document, read_currency
from livedash_pipeline.money.store import prices, rates
from livedash_pipeline.money.store.listed_prices import ListedPrice, own_prices
from livedash_pipeline.money.store.listed_prices import list_prices as find_prices
from livedash_pipeline.money.store.rates import ListedRate


def list_prices(
    engine: Engine, *, model: str | None = None, at: datetime | None = None, every: bool = False
) -> Document:
    """Lists the prices that count at a moment, with their sources; `counts` is the one that costs are worked out with.

    Args:
        engine: Our database.
        model: Only those of one model, under every name that a look-up tries.
        at: The moment; None for now.
        every: Past, future and superseded prices, too.
    """
    with engine.connect() as connection:
        when = at or database_now(connection)
        names = None if model is None else prices.names_of(model)
        listed = find_prices(connection, names, at=None if every else when)
        counting = _counting(connection, model, listed, when)
    found = next((price.model for price in listed if price.id in counting), None)
    return {
        "ok": True,
        "at": moment(when),
        "model": model,
        "foundAs": found if model is not None else None,
        "prices": [_price(price, counts=price.id in counting) for price in listed],
    }


def _counting(connection: Connection, model: str | None, listed: Iterable[ListedPrice], when: datetime) -> set[UUID]:
    """The rows that a look-up finds: of one model, or of every model that is listed."""
    own = {} if model is not None else own_prices(connection, when)
    # Models without a price of their own may have one under another name.
    others = {model} if model is not None else {price.model for price in listed} - own.keys()
    found = (prices.price_for(connection, name, when) for name in sorted(others))
    return {*own.values(), *(priced[0] for priced in found if priced is not None)}


def _price(price: ListedPrice, *, counts: bool) -> Document:
    return {
        "id": str(price.id),
        "model": price.model,
        "source": price.source,
        "setBy": _setter(price.source),
        "effectiveFrom": moment(price.effective_from),
        "effectiveUntil": moment(price.effective_until),
        "supersededAt": moment(price.superseded_at),
        "counts": counts,
        "price": price_document(price.price),
        "otherTiers": {tier: rates_document(each) for tier, each in sorted(price.price.others.items())},
    }


def _setter(source: str) -> str:
    return "package" if source.partition(" ")[0] == PACKAGE else source


def list_rates(engine: Engine, setting: Decimal | None, *, currency: str | None = None) -> Document:
    """Lists stored exchange rates, says which of them count today, and from when to when the setting does.

    Args:
        engine: Our database.
        setting: LIVEDASH_USD_EUR; None where it is not set.
        currency: Only this one, by its code in either case.

    Raises:
        UsageError: The code is none.
    """
    code = None if currency is None else read_currency(currency)
    with engine.connect() as connection:
        now = database_now(connection)
        listed = rates.list_rates(connection, code)
    newest = _newest(listed, now)
    return {
        "ok": True,
        "rates": [_rate(rate, counts=rate in newest) for rate in listed],
        "newest": [
            {
                "currency": rate.currency,
                "date": rate.rate_date.isoformat(),
                "daysOld": rules.days_old(rate.rate_date, now),
                "isOld": rules.is_old(rate.rate_date, now),
            }
            for rate in newest
        ],
        "setting": _setting(setting, listed, now) if code in (None, rates.EUR) else None,
    }


def _newest(listed: Sequence[ListedRate], now: datetime) -> list[ListedRate]:
    """The rate of each currency that counts now."""
    begun = [rate for rate in listed if rules.days_old(rate.rate_date, now) >= 0]
    return [next(of_one) for _, of_one in groupby(begun, key=lambda rate: rate.currency)]


def _rate(rate: ListedRate, *, counts: bool) -> Document:
    return {
        "currency": rate.currency,
        "date": rate.rate_date.isoformat(),
        "usdRate": money(rate.usd_rate),
        "source": rate.source,
        "recordedAt": moment(rate.recorded_at),
        "counts": counts,
    }


def _setting(setting: Decimal | None, listed: Sequence[ListedRate], now: datetime) -> Document:
    """LIVEDASH_USD_EUR counts up to the first day that has a rate, and for good where none has."""
    first = min((rate.rate_date for rate in listed if rate.currency == rates.EUR), default=None)
    return {
        "name": rates.FALLBACK_SOURCE,
        "usdEur": money(setting),
        "countsUntil": None if first is None else first.isoformat(),
        "counts": setting is not None and (first is None or rules.days_old(first, now) < 0),
    }
