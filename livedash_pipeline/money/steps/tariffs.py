"""The price and the exchange rate of many moments, each looked up once for the time in which it does not change.

Add nothing about a single moment here: `money.store.prices` and `money.store.rates` find that.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.money.rules.pricing import Price
from livedash_pipeline.money.store import listed_prices, prices, rates

_Priced = tuple[UUID | None, Price | None]


@dataclass
class Tariffs:
    """Prices of models and exchange rates, looked up on one connection.

    Attributes:
        connection: Our database.
        fallback: Euro for one US dollar where no rate is stored; None for none.
    """

    connection: Connection
    fallback: Decimal | None
    _changes: dict[str, list[datetime]] = field(default_factory=dict)
    _prices: dict[tuple[str, int], _Priced] = field(default_factory=dict)
    _rates: dict[date, Decimal | None] = field(default_factory=dict)

    def price(self, model: str, at: datetime) -> _Priced:
        """Returns a model's price row and price at a moment; None where none is known."""
        if model not in self._changes:
            self._changes[model] = listed_prices.price_changes(self.connection, model)
        between = model, bisect_right(self._changes[model], at)
        if between not in self._prices:
            self._prices[between] = prices.price_for(self.connection, model, at) or (None, None)
        return self._prices[between]

    def rate(self, at: datetime) -> Decimal | None:
        """Returns the euro for one US dollar at a moment; None where no rate is known."""
        day = at.astimezone(UTC).date()
        if day not in self._rates:
            found = rates.rate_at(self.connection, at, self.fallback)
            self._rates[day] = found.usd_eur if found else None
        return self._rates[day]
