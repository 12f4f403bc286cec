"""Rows of prices: their columns, their figures as a `Price`, and how they are stored.

Change this module with the table of prices. Who sets prices is `money.store.prices`' and `money.store.seeding`'s business.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, Connection, Row, func, select
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_model_pricing, ai_models
from livedash_pipeline.money.rules.pricing import Price, Rates

OPERATOR = "operator"
"""The source of prices that a person set."""

# Held while prices are written, so that two processes that seed at once do not both see an old row as the newest.
_WRITING_PRICES = 7_210_431

_RATE_FIELDS = tuple(each.name for each in fields(Rates))
_BATCH_PREFIX = "batch_"


def _column_of(name: str, prefix: str = "") -> Column[Any]:
    """The column of a rate: amounts end with their currency, the threshold does not."""
    return ai_model_pricing.c[prefix + name if name == "long_context_tokens" else f"{prefix}{name}_usd"]


_STANDARD_COLUMNS = {name: _column_of(name) for name in _RATE_FIELDS}
_BATCH_COLUMNS = {name: _column_of(name, _BATCH_PREFIX) for name in _RATE_FIELDS}
PRICE_COLUMNS = (*_STANDARD_COLUMNS.values(), *_BATCH_COLUMNS.values(), ai_model_pricing.c.other_tiers)
IN_FORCE = ai_model_pricing.c.superseded_at.is_(None)
"""No other row took its place; whether it counts at a moment is said by its beginning and end."""


def write_alone(connection: Connection) -> None:
    """Keeps other processes from writing prices until the transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(_WRITING_PRICES)))


def used_prices(connection: Connection, pricing_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Which of some rows costs refer to."""
    if not pricing_ids:
        return set()
    return set(connection.execute(statement("money/find_used_prices"), {"pricing_ids": pricing_ids}).scalars())


def ensure_models(connection: Connection, providers: Mapping[str, str], now: datetime) -> dict[str, uuid.UUID]:
    """Ids of models by name; those that are new get their provider."""
    rows = [{"name": name, "provider": provider, "created_at": now} for name, provider in providers.items()]
    connection.execute(insert(ai_models).values(rows).on_conflict_do_nothing(index_elements=["name"]))
    found = connection.execute(select(ai_models.c.name, ai_models.c.id).where(ai_models.c.name.in_(list(providers))))
    return {row.name: row.id for row in found}


def price_row(
    model_id: uuid.UUID, price: Price, effective_from: datetime, source: str, now: datetime
) -> dict[str, Any]:
    """A row to be stored, without an end."""
    figures = {column.name: getattr(price.standard, name) for name, column in _STANDARD_COLUMNS.items()}
    figures |= {column.name: getattr(price.batch, name) for name, column in _BATCH_COLUMNS.items()}
    return {
        "ai_model_id": model_id,
        "effective_from": effective_from,
        "source": source,
        "created_at": now,
        "other_tiers": {tier: _written(rates) for tier, rates in price.others.items()},
        **figures,
    }


def _written(rates: Rates) -> dict[str, str]:
    """Rates as JSON holds them; decimals stay exact as text."""
    return {name: str(value) for name, value in asdict(rates).items() if value is not None}


def price_of(row: Row[Any]) -> Price:
    """The price in a row with `PRICE_COLUMNS`."""
    figures = row._mapping
    return Price(
        Rates(**{name: figures[column] for name, column in _STANDARD_COLUMNS.items()}),
        Rates(**{name: figures[column] for name, column in _BATCH_COLUMNS.items()}),
        {tier: _read(written) for tier, written in row.other_tiers.items()},
    )


def _read(written: Mapping[str, str]) -> Rates:
    figures: dict[str, Any] = dict(written)
    limit = figures.pop("long_context_tokens", None)
    return Rates(
        **{name: Decimal(text) for name, text in figures.items()},
        long_context_tokens=None if limit is None else int(limit),
    )


def insert_prices(connection: Connection, rows: list[dict[str, Any]]) -> int:
    """Stores rows of `price_row`, and returns how many are new: one that stands for the same moment and source stays."""
    if not rows:
        return 0
    inserted = connection.execute(
        insert(ai_model_pricing)
        .values(rows)
        .on_conflict_do_nothing(
            index_elements=["ai_model_id", "effective_from", "source"],
            index_where=ai_model_pricing.c.superseded_at.is_(None),
        )
        .returning(ai_model_pricing.c.id)
    )
    return len(inserted.all())
