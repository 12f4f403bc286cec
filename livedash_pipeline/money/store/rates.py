"""Exchange rates by day: set by a person, looked up for a moment.

Add a way to set or find a rate here. A rate counts until a later day's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal

from sqlalchemy import Connection, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import exchange_rates, reporting_rates
from livedash_pipeline.errors import UsageError
from livedash_pipeline.money.rules.rates import is_rate

EUR = "EUR"
"""The currency that costs are worked out in."""

FALLBACK_SOURCE = "LIVEDASH_USD_EUR"
"""The source of a rate that the setting states."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Euro for one US dollar, and the source of the rate."""

    usd_eur: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class ListedRate:
    """What one US dollar buys of a currency from a day on."""

    currency: str
    rate_date: date
    usd_rate: Decimal
    source: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class ReplacedRate:
    """The rate that a day had before another one took its place, and how many entries of the ledger keep it."""

    usd_rate: Decimal
    kept_by: int


def set_rate(
    connection: Connection, rate_date: date, usd_eur: Decimal, source: str, now: datetime
) -> ReplacedRate | None:
    """Stores a day's rate, which counts until a later day's; returns the one of the same day that it replaces.

    Costs that were worked out with that one stay as they are.

    Raises:
        UsageError: The figure is not a rate.
    """
    _check(usd_eur, "euro", "0.92")
    before = connection.execute(
        select(exchange_rates.c.usd_eur).where(exchange_rates.c.rate_date == rate_date).with_for_update()
    ).scalar_one_or_none()
    replaced = None
    if before is not None and before != usd_eur:
        replaced = ReplacedRate(before, _uses(connection, rate_date, before))
    values = {"usd_eur": usd_eur, "source": source, "recorded_at": now}
    connection.execute(
        insert(exchange_rates)
        .values(rate_date=rate_date, **values)
        .on_conflict_do_update(index_elements=["rate_date"], set_=values)
    )
    return replaced


def set_reporting_rate(
    connection: Connection, currency: str, rate_date: date, usd_rate: Decimal, source: str, now: datetime
) -> ReplacedRate | None:
    """Stores a day's rate of a currency that reports are made in; no cost is stored in it, so that none keeps an old one.

    Raises:
        UsageError: The figure is not a rate.
    """
    _check(usd_rate, currency, "0.88")
    table = reporting_rates.c
    same_day = (table.currency == currency) & (table.rate_date == rate_date)
    before = connection.execute(select(table.usd_rate).where(same_day)).scalar_one_or_none()
    values = {"usd_rate": usd_rate, "source": source, "recorded_at": now}
    connection.execute(
        insert(reporting_rates)
        .values(currency=currency, rate_date=rate_date, **values)
        .on_conflict_do_update(index_elements=["currency", "rate_date"], set_=values)
    )
    return None if before is None or before == usd_rate else ReplacedRate(before, 0)


def list_rates(connection: Connection, currency: str | None) -> list[ListedRate]:
    """Returns all stored rates, of one currency or of all, each currency's newest first."""
    euro, others = exchange_rates.c, reporting_rates.c
    every = union_all(
        select(
            literal(EUR).label("currency"),
            euro.rate_date,
            euro.usd_eur.label("usd_rate"),
            euro.source,
            euro.recorded_at,
        ),
        select(others.currency, others.rate_date, others.usd_rate, others.source, others.recorded_at),
    ).subquery()
    query = select(every).order_by(every.c.currency != EUR, every.c.currency, every.c.rate_date.desc())
    if currency is not None:
        query = query.where(every.c.currency == currency)
    return [ListedRate(*row) for row in connection.execute(query)]


def rate_day(connection: Connection, at: datetime) -> date | None:
    """Returns the day of the stored rate that counts at a moment; None where none does."""
    day = at.astimezone(UTC).date()
    found: date | None = connection.execute(
        select(func.max(exchange_rates.c.rate_date)).where(exchange_rates.c.rate_date <= day)
    ).scalar_one()
    return found


def _check(rate: Decimal, currency: str, example: str) -> None:
    if not is_rate(rate):
        raise UsageError(
            f"{rate} is no exchange rate.",
            remedy=f"Give the {currency} that one US dollar buys, such as {example}, with nine decimals at most.",
        )


def _uses(connection: Connection, rate_date: date, usd_eur: Decimal) -> int:
    """How many entries were worked out with the rate of a day, in the time that it counts for."""
    following = connection.execute(
        select(func.min(exchange_rates.c.rate_date)).where(exchange_rates.c.rate_date > rate_date)
    ).scalar_one()
    names = {
        "usd_eur": usd_eur,
        "since": datetime.combine(rate_date, time(), UTC),
        "until": None if following is None else datetime.combine(following, time(), UTC),
    }
    return int(connection.execute(statement("money/count_uses_of_rate"), names).scalar_one())


def rate_at(connection: Connection, at: datetime, fallback: Decimal | None) -> Rate | None:
    """Returns the rate of the newest day up to that of `at` (in UTC), else the fallback setting's, else None."""
    row = connection.execute(
        select(exchange_rates.c.usd_eur, exchange_rates.c.source)
        .where(exchange_rates.c.rate_date <= at.astimezone(UTC).date())
        .order_by(exchange_rates.c.rate_date.desc())
        .limit(1)
    ).one_or_none()
    if row is not None:
        return Rate(row.usd_eur, row.source)
    return None if fallback is None else Rate(fallback, FALLBACK_SOURCE)
