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
from livedash_pipeline.errors import UsageError
from livedash_pipeline.money.rules.pricing import Price, Rates
from livedash_pipeline.money.rules.rates import currency_code
from livedash_pipeline.money.store import prices, rates
from livedash_pipeline.money.store.price_rows import OPERATOR


def set_rate(engine: Engine, rate_date: date, rate: Decimal, *, currency: str = rates.EUR) -> Document:
    """Stores what a US dollar is worth from a day on: in euro, or in a currency that reports are made in.

    Where it takes the place of another rate of that day, the answer says how many entries of the ledger keep that one.

    Raises:
        UsageError: The figure is not a rate, or the currency's code is none.
    """
    code = read_currency(currency)

    def work(connection: Connection) -> rates.ReplacedRate | None:
        now = database_now(connection)
        if code == rates.EUR:
            return rates.set_rate(connection, rate_date, rate, OPERATOR, now)
        return rates.set_reporting_rate(connection, code, rate_date, rate, OPERATOR, now)

    replaced = in_transaction(engine, work)
    document: Document = {"ok": True, "date": rate_date.isoformat()}
    document |= {"usdEur": money(rate)} if code == rates.EUR else {"currency": code, "usdRate": money(rate)}
    document["source"] = OPERATOR
    if replaced is not None:
        document["replaced"] = {"usdRate": money(replaced.usd_rate), "keptByCount": replaced.kept_by}
    return document


def read_currency(text: str) -> str:
    """Returns a currency's code.

    Raises:
        UsageError: It is none, or the dollar's.
    """
    code = currency_code(text)
    if code is None:
        raise UsageError(
            f"{text[:20]!r} is no currency that a US dollar can be changed into.",
            remedy="Give a code of ISO 4217, such as CHF.",
        )
    return code


def set_price(
    engine: Engine,
    model: str,
    price: Price,
    *,
    effective_from: datetime | None = None,
    effective_until: datetime | None = None,
) -> Document:
    """Stores a model's price from a moment on, by default from now; one that a person set for the same moment gives way.

    `interrupts` says which price of a person counted up to now at the first moment of this one, and when it counts again.

    Raises:
        UsageError: The model's name is none, a figure is not a price, or it ends before it begins.
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
        "interrupts": _interrupted(stored.interrupted),
        "price": price_document(price),
    }


def _interrupted(price: prices.Interrupted | None) -> Document | None:
    if price is None:
        return None
    return {"effectiveFrom": moment(price.effective_from), "againFrom": moment(price.again_from)}


def price_document(price: Price) -> Document:
    """All rates of the standard and the batch tier, in US dollars per million tokens."""
    return rates_document(price.standard) | rates_document(price.batch, "batch_")


def rates_document(of_tier: Rates, prefix: str = "") -> Document:
    """All rates of a tier, in US dollars per million tokens, and the length from which on the long ones count."""
    return {_camel(f"{prefix}{name}"): _figure(value) for name, value in asdict(of_tier).items()}


def _figure(value: Decimal | int | None) -> str | int | None:
    return money(value) if isinstance(value, Decimal) else value


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
