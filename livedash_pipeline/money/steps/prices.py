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
from livedash_pipeline.money.store import prices

_FIGURES = (
    "input",
    "cached_input",
    "cache_write",
    "output",
    "batch_input",
    "batch_cached_input",
    "batch_cache_write",
    "batch_output",
)


def set_rate(engine: Engine, rate_date: date, usd_eur: Decimal) -> Document:
    """Stores the worth of a US dollar in euro from a day on.

    Raises:
        UsageError: The figure is not a rate.
    """
    in_transaction(
        engine,
        lambda connection: prices.set_rate(connection, rate_date, usd_eur, prices.OPERATOR, database_now(connection)),
    )
    return {"ok": True, "date": rate_date.isoformat(), "usdEur": money(usd_eur), "source": prices.OPERATOR}


def set_price(engine: Engine, model: str, price: Price, *, effective_from: datetime | None = None) -> Document:
    """Stores a model's price from a moment on, by default from now.

    Raises:
        UsageError: A figure is not a price, or another price begins at that moment.
    """

    def work(connection: Connection) -> datetime:
        now = database_now(connection)
        start = effective_from or now
        prices.set_price(connection, model, price, effective_from=start, now=now)
        return start

    start = in_transaction(engine, work)
    figures = asdict(price)
    return {
        "ok": True,
        "model": model,
        "effectiveFrom": moment(start),
        "price": {_camel(name): money(figures[name]) for name in _FIGURES},
    }


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
