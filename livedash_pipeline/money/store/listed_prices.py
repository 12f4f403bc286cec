"""Lists dated prices, for people and for look-ups over a long time.

Add a way to list prices here. `money.store.prices` sets them, and finds the one that counts at a moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from livedash_pipeline.base.store.tables import ai_model_pricing, ai_models
from livedash_pipeline.money.rules.pricing import PRICE_SOURCE, Price
from livedash_pipeline.money.store.price_rows import IN_FORCE, OPERATOR, PRICE_COLUMNS, price_of
from livedash_pipeline.money.store.prices import COUNTS_UNTIL, names_of

_price = ai_model_pricing.c


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """A price row.

    Attributes:
        source: `operator`, `livedash`, or the package with its release.
        effective_until: When it counts no more; None: it goes on.
        superseded_at: When another row took its place since it was wrong; None where it stands.
    """

    id: UUID
    model: str
    source: str
    effective_from: datetime
    effective_until: datetime | None
    superseded_at: datetime | None
    price: Price


def list_prices(connection: Connection, names: Sequence[str] | None, *, at: datetime | None) -> list[ListedPrice]:
    """Returns price rows by model, a person's first and newer ones before older ones.

    Args:
        connection: Our database.
        names: Only those of models with these names; None for all.
        at: Only those that stand and count at this moment; None for past, future and superseded ones, too.
    """
    query = (
        select(
            _price.id,
            ai_models.c.name,
            _price.source,
            _price.effective_from,
            COUNTS_UNTIL.label("effective_until"),
            _price.superseded_at,
            *PRICE_COLUMNS,
        )
        .join(ai_models, ai_models.c.id == _price.ai_model_id)
        .order_by(
            ai_models.c.name,
            _price.source != OPERATOR,
            func.split_part(_price.source, " ", 1),
            _price.effective_from.desc(),
            _price.superseded_at.desc().nulls_first(),
        )
    )
    if names is not None:
        query = query.where(ai_models.c.name.in_(names))
    if at is not None:
        still = or_(COUNTS_UNTIL.is_(None), at < COUNTS_UNTIL)
        query = query.where(IN_FORCE, _price.effective_from <= at, still)
    return [
        ListedPrice(
            row.id, row.name, row.source, row.effective_from, row.effective_until, row.superseded_at, price_of(row)
        )
        for row in connection.execute(query)
    ]


def own_prices(connection: Connection, at: datetime) -> dict[str, UUID]:
    """Returns the row that counts at a moment for each model that has a price of its own, as `price_for` finds it."""
    rows = connection.execute(
        select(ai_models.c.name, _price.id)
        .ext(distinct_on(ai_models.c.name))
        .join(ai_models, ai_models.c.id == _price.ai_model_id)
        .where(
            IN_FORCE,
            _price.source != PRICE_SOURCE,
            _price.effective_from <= at,
            or_(_price.effective_until.is_(None), _price.effective_until > at),
        )
        .order_by(ai_models.c.name, (_price.source == OPERATOR).desc(), _price.effective_from.desc())
    )
    return {row.name: row.id for row in rows}


def price_changes(connection: Connection, model: str) -> list[datetime]:
    """Returns the moments at which another price of a model may begin to count, in order: between two of them it is one price."""
    rows = connection.execute(
        select(_price.effective_from, _price.effective_until)
        .join(ai_models, ai_models.c.id == _price.ai_model_id)
        .where(IN_FORCE, ai_models.c.name.in_(names_of(model)))
    )
    return sorted({moment for row in rows for moment in row if moment is not None})
