"""Dated prices: seeded from a package, set by a person, looked up for a moment.

Add a way to set or find a price here; exchange rates stand in `money.store.rates`. `money.rules.pricing` computes costs. A price
that costs refer to never changes: a new figure is a new row.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, case, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.store.properties import read_property, store_property
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_model_pricing, ai_models
from livedash_pipeline.errors import UsageError
from livedash_pipeline.money.rules.pricing import PACKAGE, PRICE_SOURCE, DatedPrice, Price, Rates, family_name

OPERATOR = "operator"
# Nobody says whose model it is that a person prices; the endpoint is OpenAI's unless it is set otherwise.
_OPERATORS_PROVIDER = "openai"
_LONGEST_CONTEXT = 2**31
# The database property with the release of the package whose prices are stored.
_SEEDED = "package_prices"

# Held while prices are written, so that two processes that seed at once do not both see an old row as the newest.
_WRITING_PRICES = 7_210_431
_SMALLEST_STEP = timedelta(microseconds=1)
# Counts up when the same release is read into other figures, so that databases store them anew.
_READING = 2
# What the columns hold: numeric(14, 6).
_PRICE_LIMIT, _PRICE_STEP = Decimal(10) ** 8, Decimal("0.000001")

_RATE_FIELDS = tuple(each.name for each in fields(Rates))
_BATCH_PREFIX = "batch_"


def _column_of(name: str, prefix: str = "") -> Column[Any]:
    """The column of a rate: amounts end with their currency, the threshold does not."""
    return ai_model_pricing.c[prefix + name if name == "long_context_tokens" else f"{prefix}{name}_usd"]


_STANDARD_COLUMNS = {name: _column_of(name) for name in _RATE_FIELDS}
_BATCH_COLUMNS = {name: _column_of(name, _BATCH_PREFIX) for name in _RATE_FIELDS}
PRICE_COLUMNS = (*_STANDARD_COLUMNS.values(), *_BATCH_COLUMNS.values(), ai_model_pricing.c.other_tiers)
IN_FORCE = ai_model_pricing.c.superseded_at.is_(None)
"""Not entered wrongly; whether it counts at a moment is said by its beginning and end."""


@dataclass(frozen=True, slots=True)
class StoredPrice:
    """A person's price as it stands now: its row, its end, and whether one of the same moment was `replaced` or `superseded`."""

    id: uuid.UUID
    effective_until: datetime | None
    instead_of: str | None


def seed_prices(connection: Connection, *, now: datetime) -> int:
    """Stores prices of the installed package that the database lacks, and returns how many are new.

    A model without rows of the package gets its whole history. Where the package's last figures differ from the newest
    stored ones, the old row ends and a new one begins at `now`, or later where the package says so. Rows that a person set stay
    as they are. A stored release is not read again, since every command calls this, and the package takes as long to load as
    the rest of a command.
    """
    source = f"{PACKAGE} {version(PACKAGE)}"
    known = f"{source}, reading {_READING}"
    if read_property(connection, _SEEDED) == known:
        return 0
    from livedash_pipeline.money.store.package_prices import package_prices

    stored = store_package_prices(connection, package_prices(), source=source, now=now)
    store_property(connection, _SEEDED, known, now=now)
    return stored


def store_package_prices(connection: Connection, prices: Iterable[DatedPrice], *, source: str, now: datetime) -> int:
    """`seed_prices` for given prices; `source` begins with the package's name."""
    histories: dict[str, list[DatedPrice]] = {}
    for dated in prices:
        histories.setdefault(dated.model, []).append(dated)
    if not histories:
        return 0
    connection.execute(select(func.pg_advisory_xact_lock(_WRITING_PRICES)))
    model_ids = _ensure_models(connection, {name: each[0].provider for name, each in histories.items()}, now)
    newest = _newest_package_prices(connection)
    rows = [
        _row(model_ids[model], dated.price, dated.effective_from, source, now)
        for model, history in histories.items()
        for dated in _unknown(history, newest.get(model_ids[model]), now)
    ]
    return _insert(connection, rows, kind=PACKAGE)


def set_price(
    connection: Connection,
    model: str,
    price: Price,
    *,
    effective_from: datetime,
    effective_until: datetime | None = None,
    now: datetime,
) -> StoredPrice:
    """Stores a person's price for a model, known or not; while it counts it precedes the package's prices.

    A person's price that begins at the same moment was wrong: it goes, or is superseded where costs refer to it, which stay as
    they are.

    Raises:
        UsageError: A figure is missing or not a price, or the price ends before it begins.
    """
    _check_price(model, price)
    if effective_until is not None and effective_until <= effective_from:
        raise UsageError(
            f"The price of {model} would end at {effective_until.isoformat()}, before it begins.",
            remedy="Give an end after its beginning, or none.",
        )
    connection.execute(select(func.pg_advisory_xact_lock(_WRITING_PRICES)))
    model_id = _ensure_models(connection, {model: _OPERATORS_PROVIDER}, now)[model]
    replaced = _take_back(connection, model_id, effective_from, now)
    row = _row(model_id, price, effective_from, OPERATOR, now) | {"effective_until": effective_until}
    _insert(connection, [row], kind=OPERATOR)
    stored = connection.execute(
        select(ai_model_pricing.c.id, ai_model_pricing.c.effective_until).where(
            IN_FORCE,
            ai_model_pricing.c.ai_model_id == model_id,
            ai_model_pricing.c.effective_from == effective_from,
            ai_model_pricing.c.source == OPERATOR,
        )
    ).one()
    return StoredPrice(stored.id, stored.effective_until, replaced)


def _take_back(connection: Connection, model_id: uuid.UUID, effective_from: datetime, now: datetime) -> str | None:
    """Makes room for another price of the same moment; says what became of the one that stood there."""
    table = ai_model_pricing.c
    mine = (
        IN_FORCE
        & (table.ai_model_id == model_id)
        & (table.effective_from == effective_from)
        & (table.source == OPERATOR)
    )
    found = connection.execute(select(table.id).where(mine)).scalar_one_or_none()
    if found is None:
        return None
    if connection.execute(statement("money/find_uses_of_price"), {"pricing_id": found}).scalar_one():
        connection.execute(update(ai_model_pricing).where(table.id == found).values(superseded_at=now))
        return "superseded"
    connection.execute(delete(ai_model_pricing).where(table.id == found))
    return "replaced"


def price_for(connection: Connection, model: str, at: datetime) -> tuple[uuid.UUID, Price] | None:
    """Returns the price of a model at a moment, with its row's id; None where none is known.

    The model's own name precedes the name under which the package knows it, and that the model it is a snapshot of; a person's
    price precedes the package's. Prices that were taken over from LiveDash come last, since they have no batch rates.
    """
    own = _find_price(connection, (model,), at, or_other=ai_model_pricing.c.source != PRICE_SOURCE)
    return own or _find_price(connection, names_of(model), at)


@lru_cache(maxsize=256)
def names_of(model: str) -> tuple[str, ...]:
    """All names under which a model's price may stand. The package is loaded only for a name that has no price of its own."""
    from livedash_pipeline.money.store.package_prices import canonical_name

    return tuple(dict.fromkeys((model, canonical_name(model) or model, family_name(model))))


def _find_price(
    connection: Connection, names: Sequence[str], at: datetime, *, or_other: ColumnElement[bool] | None = None
) -> tuple[uuid.UUID, Price] | None:
    by_name = case({name: place for place, name in enumerate(names)}, value=ai_models.c.name)
    query = (
        select(ai_model_pricing.c.id, *PRICE_COLUMNS)
        .join(ai_models, ai_models.c.id == ai_model_pricing.c.ai_model_id)
        .where(
            IN_FORCE,
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
    row = connection.execute(query if or_other is None else query.where(or_other)).one_or_none()
    return None if row is None else (row.id, price_of(row))


def _check_price(model: str, price: Price) -> None:
    for name in ("input", "output"):
        if getattr(price.standard, name) is None:
            raise UsageError(f"The price of {model} has no rate for {name}.", remedy="Give both input and output.")
    for rates in (price.standard, price.batch):
        for name, value in asdict(rates).items():
            if isinstance(value, Decimal):
                _check_rate(model, name, value)
        _check_threshold(model, rates)


def _check_rate(model: str, name: str, value: Decimal) -> None:
    if value.is_finite() and 0 <= value < _PRICE_LIMIT and value == value.quantize(_PRICE_STEP):
        return
    raise UsageError(
        f"{value} as {name} of {model} is no price.",
        remedy="Give US dollars per million tokens with six decimals at most.",
    )


def _check_threshold(model: str, rates: Rates) -> None:
    long = (rates.long_input, rates.long_cached_input, rates.long_cache_write, rates.long_output)
    if rates.long_context_tokens is None and any(rate is not None for rate in long):
        raise UsageError(
            f"The price of {model} has rates for long requests, and nothing says from which length on they count.",
            remedy="Give the number of prompt tokens above which they do.",
        )
    if rates.long_context_tokens is not None and not 0 < rates.long_context_tokens < _LONGEST_CONTEXT:
        raise UsageError(
            f"{rates.long_context_tokens} is no length from which on the price of {model} is another one.",
            remedy="Give a number of prompt tokens above 0, such as 272000.",
        )


def _ensure_models(connection: Connection, providers: Mapping[str, str], now: datetime) -> dict[str, uuid.UUID]:
    """Ids of models by name; those that are new get their provider."""
    rows = [{"name": name, "provider": provider, "created_at": now} for name, provider in providers.items()]
    connection.execute(insert(ai_models).values(rows).on_conflict_do_nothing(index_elements=["name"]))
    found = connection.execute(select(ai_models.c.name, ai_models.c.id).where(ai_models.c.name.in_(list(providers))))
    return {row.name: row.id for row in found}


def _newest_package_prices(connection: Connection) -> dict[uuid.UUID, tuple[datetime, Price]]:
    rows = connection.execute(
        select(ai_model_pricing.c.ai_model_id, ai_model_pricing.c.effective_from, *PRICE_COLUMNS)
        .where(func.split_part(ai_model_pricing.c.source, " ", 1) == PACKAGE)
        .order_by(ai_model_pricing.c.ai_model_id, ai_model_pricing.c.effective_from)
    )
    return {row.ai_model_id: (row.effective_from, price_of(row)) for row in rows}


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


def _read(written: Mapping[str, str]) -> Rates:
    figures: dict[str, Any] = dict(written)
    limit = figures.pop("long_context_tokens", None)
    return Rates(
        **{name: Decimal(text) for name, text in figures.items()},
        long_context_tokens=None if limit is None else int(limit),
    )


def _insert(connection: Connection, rows: list[dict[str, Any]], *, kind: str) -> int:
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
    count = len(inserted.all())
    connection.execute(statement("money/close_superseded_prices"), {"kind": kind})
    return count


def price_of(row: Row[Any]) -> Price:
    """The price in a row with `PRICE_COLUMNS`."""
    figures = row._mapping
    return Price(
        Rates(**{name: figures[column] for name, column in _STANDARD_COLUMNS.items()}),
        Rates(**{name: figures[column] for name, column in _BATCH_COLUMNS.items()}),
        {tier: _read(written) for tier, written in row.other_tiers.items()},
    )
