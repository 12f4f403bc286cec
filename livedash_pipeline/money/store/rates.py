"""Exchange rates by day: set by a person, looked up for a moment.

Add a way to set or find a rate here. A rate counts until a later day's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.store.tables import exchange_rates
from livedash_pipeline.errors import UsageError

FALLBACK_SOURCE = "LIVEDASH_USD_EUR"
"""The source of a rate that the setting states."""

# What the column holds: numeric(18, 9).
_RATE_LIMIT, _RATE_STEP = Decimal(10) ** 9, Decimal("0.000000001")


@dataclass(frozen=True, slots=True)
class Rate:
    """Euro for one US dollar, and the source of the rate."""

    usd_eur: Decimal
    source: str


def set_rate(connection: Connection, rate_date: date, usd_eur: Decimal, source: str, now: datetime) -> None:
    """Stores a day's rate and replaces an earlier one of the same day; it counts until a later day's rate.

    Raises:
        UsageError: The figure is not a rate.
    """
    if not usd_eur.is_finite() or not _RATE_STEP <= usd_eur < _RATE_LIMIT:
        raise UsageError(
            f"{usd_eur} is no exchange rate.", remedy="Give the euro that one US dollar buys, such as 0.92."
        )
    values = {"usd_eur": usd_eur, "source": source, "recorded_at": now}
    connection.execute(
        insert(exchange_rates)
        .values(rate_date=rate_date, **values)
        .on_conflict_do_update(index_elements=["rate_date"], set_=values)
    )


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
