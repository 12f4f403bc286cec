"""Shapes of the answers about prices, rates and open costs, for the OpenAPI document and the tests.

Documents are made by steps; add a model when a route about money answers with a new kind of document.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from livedash_pipeline.api.routes.admin.schemas import Answered, Shape

_RATES: dict[str, str | int | None] = {
    "input": "0.125",
    "cachedInput": "0.0125",
    "output": "1",
    "longContextTokens": None,
}


class ListedPrice(Shape):
    """A price in US dollars per million tokens; null is unknown or not listed, never free."""

    id: UUID
    model: str = Field(examples=["gpt-5-mini"])
    source: str = Field(examples=["genai-prices 0.0.84"])
    set_by: Literal["package", "operator", "livedash"]
    effective_from: datetime
    effective_until: datetime | None
    superseded_at: datetime | None = Field(description="When another one took its place, since it was wrong.")
    counts: bool = Field(description="Costs at the moment of the answer are worked out with it.")
    price: dict[str, str | int | None] = Field(examples=[_RATES])
    other_tiers: dict[str, dict[str, str | int | None]] = Field(examples=[{"flex": _RATES}])


class Prices(Answered):
    """Prices by model."""

    at: datetime
    model: str | None
    found_as: str | None = Field(description="The name under which the price of `model` that counts is stored.")
    prices: list[ListedPrice]


class ListedRate(Shape):
    """What one US dollar buys from a day on, until a later day of the same currency."""

    currency: str = Field(examples=["EUR"])
    date: date
    usd_rate: str = Field(examples=["0.92"])
    source: str = Field(examples=["operator"])
    recorded_at: datetime
    counts: bool


class NewestRate(Shape):
    """The rate of a currency that counts today."""

    currency: str = Field(examples=["EUR"])
    date: date
    days_old: int
    is_old: bool = Field(description="Older than 30 days.")


class RateSetting(Shape):
    """The setting that counts before the first day with a rate."""

    name: Literal["LIVEDASH_USD_EUR"]
    usd_eur: str | None
    counts_until: date | None = Field(description="The first day with a rate; null: there is none.")
    counts: bool


class Rates(Answered):
    """Exchange rates by currency, newest first."""

    rates: list[ListedRate]
    newest: list[NewestRate]
    setting: RateSetting | None


class StillOpen(Shape):
    """Costs that stay unknown, and why."""

    reason: Literal["no_price", "no_rate", "no_usage"]
    model: str
    date: date
    entries: int
    remedy: str


class Backfilled(Answered):
    """What a backfill filled in, and what stays open."""

    filled_count: int = Field(ge=0, examples=[3])
    cost_usd: str = Field(examples=["0.0123"])
    cost_eur: str = Field(examples=["0.0113"])
    still_open_count: int = Field(ge=0, examples=[0])
    still_open: list[StillOpen]
    dry_run: Literal[True] | None = Field(None, description="There if nothing was changed.")
