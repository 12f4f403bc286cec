"""Dated prices and exchange rates: seeded from a package, set by a person, looked up for a moment.

Add a way to set or find a price here. `money.rules.pricing` computes costs. A stored price never changes: a new figure is a new
row, because costs in the ledger name the row they were computed with.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from sqlalchemy import Connection, Row, case, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.store.properties import read_property, store_property
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_model_pricing, ai_models, exchange_rates
from livedash_pipeline.errors import UsageError
from livedash_pipeline.money.rules.pricing import PACKAGE, PRICE_SOURCE, PROVIDER, DatedPrice, Price, price_names

OPERATOR = "operator"
# The database property with the release of the package whose prices are stored.
_SEEDED = "package_prices"
FALLBACK_SOURCE = "LIVEDASH_USD_EUR"

# Held while prices are written, so that two processes that seed at once do not both see an old row as the newest.
_WRITING_PRICES = 7_210_431
_SMALLEST_STEP = timedelta(microseconds=1)
# What the columns hold: numeric(14, 6), numeric(6, 3) and numeric(18, 9).
_PRICE_LIMIT, _PRICE_STEP = Decimal(10) ** 8, Decimal("0.000001")
_FACTOR_LIMIT, _FACTOR_STEP = Decimal(10) ** 3, Decimal("0.001")
_RATE_LIMIT, _RATE_STEP = Decimal(10) ** 9, Decimal("0.000000001")

_PRICE_COLUMNS = {
    "input": ai_model_pricing.c.input_usd,
    "cached_input": ai_model_pricing.c.cached_input_usd,
    "cache_write": ai_model_pricing.c.cache_write_usd,
    "output": ai_model_pricing.c.output_usd,
    "batch_input": ai_model_pricing.c.batch_input_usd,
    "batch_cached_input": ai_model_pricing.c.batch_cached_input_usd,
    "batch_cache_write": ai_model_pricing.c.batch_cache_write_usd,
    "batch_output": ai_model_pricing.c.batch_output_usd,
    "long_context_tokens": ai_model_pricing.c.long_context_tokens,
    "long_input_factor": ai_model_pricing.c.long_input_factor,
    "long_output_factor": ai_model_pricing.c.long_output_factor,
}


@dataclass(frozen=True, slots=True)
class Rate:
    """Euro for one US dollar, and the source of the rate."""

    usd_eur: Decimal
    source: str


def seed_prices(connection: Connection, *, now: datetime) -> int:
    """Stores prices of the installed package that the database lacks, and returns how many are new.

    A model without rows of the package gets its whole history. Where the package's last figures differ from the newest
    stored ones, the old row ends and a new one begins at `now`, or later where the package says so. Rows that a person set stay
    as they are. A stored release is not read again, since every command calls this, and the package takes as long to load as
    the rest of a command.
    """
    source = f"{PACKAGE} {version(PACKAGE)}"
    if read_property(connection, _SEEDED) == source:
        return 0
    from livedash_pipeline.money.store.package_prices import package_prices

    stored = store_package_prices(connection, package_prices(), source=source, now=now)
    store_property(connection, _SEEDED, source, now=now)
    return stored


def store_package_prices(connection: Connection, prices: Iterable[DatedPrice], *, source: str, now: datetime) -> int:
    """`seed_prices` for given prices; `source` begins with the package's name."""
    histories: dict[str, list[DatedPrice]] = {}
    for dated in prices:
        histories.setdefault(dated.model, []).append(dated)
    if not histories:
        return 0
    connection.execute(select(func.pg_advisory_xact_lock(_WRITING_PRICES)))
    model_ids = _ensure_models(connection, histories, now)
    newest = _newest_package_prices(connection)
    rows = [
        _row(model_ids[model], dated.price, dated.effective_from, source, now)
        for model, history in histories.items()
        for dated in _unknown(history, newest.get(model_ids[model]), now)
    ]
    return _insert(connection, rows, kind=PACKAGE)


def set_price(
    connection: Connection, model: str, price: Price, *, effective_from: datetime, now: datetime
) -> uuid.UUID:
    """Stores a person's price for a model, known or not; from then on it precedes the package's prices.

    Raises:
        UsageError: A figure is missing or not a price, or the model has a price that begins at the same moment.
    """
    _check_price(model, price)
    connection.execute(select(func.pg_advisory_xact_lock(_WRITING_PRICES)))
    model_id = _ensure_models(connection, [model], now)[model]
    if not _insert(connection, [_row(model_id, price, effective_from, OPERATOR, now)], kind=OPERATOR):
        raise UsageError(
            f"{model} already has a price that begins at {effective_from.isoformat()}.",
            remedy="Stored prices stay as they are, since costs refer to them; let the new one begin at another time.",
        )
    stored: uuid.UUID = connection.execute(
        select(ai_model_pricing.c.id).where(
            ai_model_pricing.c.ai_model_id == model_id, ai_model_pricing.c.effective_from == effective_from
        )
    ).scalar_one()
    return stored


def price_for(connection: Connection, model: str, at: datetime) -> tuple[uuid.UUID, Price] | None:
    """Returns the price of a model at a moment, with its row's id; None where none is known.

    The model's own name precedes that of the model it is a snapshot of, and a person's price the package's. Prices that were
    taken over from LiveDash come last, since they have no batch rates.
    """
    names = price_names(model)
    by_name = case({name: place for place, name in enumerate(names)}, value=ai_models.c.name)
    query = (
        select(ai_model_pricing.c.id, *_PRICE_COLUMNS.values())
        .join(ai_models, ai_models.c.id == ai_model_pricing.c.ai_model_id)
        .where(
            ai_models.c.name.in_(names),
            ai_model_pricing.c.effective_from <= at,
            or_(ai_model_pricing.c.effective_until.is_(None), ai_model_pricing.c.effective_until > at),
        )
        .order_by(
            ai_model_pricing.c.source == PRICE_SOURCE,
            by_name,
            (ai_model_pricing.c.source == OPERATOR).desc(),
            ai_model_pricing.c.effective_from.desc(),
        )
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.id, _price_of(row))


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


def _check_price(model: str, price: Price) -> None:
    for name in ("input", "output"):
        if getattr(price, name) is None:
            raise UsageError(f"The price of {model} has no rate for {name}.", remedy="Give both input and output.")
    for name in _PRICE_COLUMNS:
        value = getattr(price, name)
        factor = name.endswith("_factor")
        limit, step = (_FACTOR_LIMIT, _FACTOR_STEP) if factor else (_PRICE_LIMIT, _PRICE_STEP)
        if isinstance(value, Decimal) and not (
            value.is_finite() and 0 <= value < limit and value == value.quantize(step)
        ):
            raise UsageError(
                f"{value} as {name} of {model} is no price.",
                remedy="Give US dollars per million tokens with six decimals at most, factors with three.",
            )


def _ensure_models(connection: Connection, names: Iterable[str], now: datetime) -> dict[str, uuid.UUID]:
    wanted = list(names)
    connection.execute(
        insert(ai_models)
        .values([{"name": name, "provider": PROVIDER, "created_at": now} for name in wanted])
        .on_conflict_do_nothing(index_elements=["name"])
    )
    found = connection.execute(select(ai_models.c.name, ai_models.c.id).where(ai_models.c.name.in_(wanted)))
    return {row.name: row.id for row in found}


def _newest_package_prices(connection: Connection) -> dict[uuid.UUID, tuple[datetime, Price]]:
    rows = connection.execute(
        select(ai_model_pricing.c.ai_model_id, ai_model_pricing.c.effective_from, *_PRICE_COLUMNS.values())
        .where(func.split_part(ai_model_pricing.c.source, " ", 1) == PACKAGE)
        .order_by(ai_model_pricing.c.ai_model_id, ai_model_pricing.c.effective_from)
    )
    return {row.ai_model_id: (row.effective_from, _price_of(row)) for row in rows}


def _unknown(
    history: Sequence[DatedPrice], newest: tuple[datetime, Price] | None, now: datetime
) -> Sequence[DatedPrice]:
    """The prices of a model's history to store: all of them at first, later only a change."""
    if newest is None:
        return history
    newest_from, newest_price = newest
    last = history[-1]
    if last.price == newest_price:
        return ()
    # Past costs stay: a corrected figure of the package counts from now on, and always after the row it replaces.
    start = max(now, last.effective_from, newest_from + _SMALLEST_STEP)
    return (DatedPrice(last.model, start, last.price),)


def _row(model_id: uuid.UUID, price: Price, effective_from: datetime, source: str, now: datetime) -> dict[str, Any]:
    figures = {column.name: getattr(price, field) for field, column in _PRICE_COLUMNS.items()}
    return {
        "ai_model_id": model_id,
        "effective_from": effective_from,
        "source": source,
        "created_at": now,
        **figures,
    }


def _insert(connection: Connection, rows: list[dict[str, Any]], *, kind: str) -> int:
    if not rows:
        return 0
    inserted = connection.execute(
        insert(ai_model_pricing)
        .values(rows)
        .on_conflict_do_nothing(index_elements=["ai_model_id", "effective_from"])
        .returning(ai_model_pricing.c.id)
    )
    count = len(inserted.all())
    connection.execute(statement("money/close_superseded_prices"), {"kind": kind})
    return count


def _price_of(row: Row[Any]) -> Price:
    return Price(**{field: row._mapping[column] for field, column in _PRICE_COLUMNS.items()})
