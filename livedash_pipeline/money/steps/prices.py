"""Sets prices and exchange rates, each with a document as answer, for commands and HTTP.

`money.store.prices` checks the figures.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.values import Document, moment, money
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.money.rules.pricing import Price
from livedash_pipeline.money.store import prices, rates


def set_rate(engine: Engine, rate_date: date, usd_eur: Decimal) -> Document:
    """Stores the worth of a US dollar in euro from a day on.

    Raises:
        UsageError: The figure is not a rate.
    """
    in_transaction(
        engine,
        lambda connection: rates.set_rate(connection, rate_date, usd_eur, prices.OPERATOR, database_now(connection)),
    )
    return {"ok": True, "date": rate_date.isoformat(), "usdEur": money(usd_eur), "source": prices.OPERATOR}


def set_price(
    engine: Engine,
    model: str,
    price: Price,
    *,
    effective_from: datetime | None = None,
    effective_until: datetime | None = None,
) -> Document:
    """Stores a model's price from a moment on, by default from now; one that a person set for the same moment gives way.

    Raises:
        UsageError: A figure is not a price, or it ends before it begins.
    """

    def work(connection: Connection) -> tuple[datetime, prices.StoredPrice]:
        now = database_now(connection)
        start = effective_from or now
        stored = prices.set_price(
            connection, model, price, effective_from=start, effective_until=effective_until, now=now
        )
        return start, stored

    start, stored = in_transaction(engine, work)
    return {
        "ok": True,
        "model": model,
        "effectiveFrom": moment(start),
        "effectiveUntil": moment(stored.effective_until),
        "insteadOf": stored.instead_of,
        "price": price_document(price),
    }


def price_document(price: Price) -> Document:
    """All rates of the standard and the batch tier, in US dollars per million tokens."""
    standard = {_camel(name): _figure(value) for name, value in asdict(price.standard).items()}
    return standard | {_camel(f"batch_{name}"): _figure(value) for name, value in asdict(price.batch).items()}


def _figure(value: Decimal | int | None) -> str | int | None:
    return money(value) if isinstance(value, Decimal) else value


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
