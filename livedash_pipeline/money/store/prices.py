"""Dated prices: set by a person, looked up for a moment.

Add a way to set or find a price here; the package's prices are stored by `money.store.seeding`, and exchange rates stand in
`money.store.rates`. `money.rules.pricing` computes costs. A price never changes and is never deleted, since whoever looked it up
a moment ago writes costs that refer to it: a new figure is a new row.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from sqlalchemy import ColumnElement, Connection, case, func, or_, select, update

from livedash_pipeline.base.rules.ids import MODEL_NAME_FORM, is_model_name
from livedash_pipeline.base.store.tables import ai_model_pricing, ai_models
from livedash_pipeline.errors import UsageError
from livedash_pipeline.money.rules.pricing import PRICE_SOURCE, Price, Rates, family_name
from livedash_pipeline.money.store.price_rows import (
    IN_FORCE,
    OPERATOR,
    PRICE_COLUMNS,
    ensure_models,
    insert_prices,
    price_of,
    price_row,
    used_prices,
    write_alone,
)

# Nobody says whose model it is that a person prices; the endpoint is OpenAI's unless it is set otherwise.
_OPERATORS_PROVIDER = "openai"
_LONGEST_CONTEXT = 2**31
# What the columns hold: numeric(14, 6).
_PRICE_LIMIT, _PRICE_STEP = Decimal(10) ** 8, Decimal("0.000001")


_table = ai_model_pricing.c
_later = ai_model_pricing.alias("later")

COUNTS_UNTIL = func.least(
    _table.effective_until,
    select(func.min(_later.c.effective_from))
    .where(
        _table.source == OPERATOR,
        _later.c.source == OPERATOR,
        _later.c.ai_model_id == _table.ai_model_id,
        _later.c.effective_from > _table.effective_from,
        _later.c.effective_until.is_(None),
        _later.c.superseded_at.is_(None),
    )
    .scalar_subquery(),
)
"""When a price counts no more for good: it ends, or a person's later price without an end begins. One with an end interrupts."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A person's price that counted before: its beginning, and the moment from which on it counts again; None: never."""

    effective_from: datetime
    again_from: datetime | None


@dataclass(frozen=True, slots=True)
class StoredPrice:
    """A person's price as it stands now.

    Attributes:
        id: Its row.
        effective_until: When it counts no more.
        instead_of: Whether one of the same moment was `replaced`, or `superseded` since costs refer to it.
        interrupted: The price of a person that counted up to now at the moment from which on this one does.
    """

    id: uuid.UUID
    effective_until: datetime | None
    instead_of: str | None
    interrupted: Interrupted | None


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

    Of several that a person set the one that began last counts, and an earlier one again when that ends. One that begins at the
    same moment was wrong: it counts no more, and costs that refer to it stay as they are.

    Raises:
        UsageError: The model's name is none, a figure is missing or not a price, or the price ends before it begins.
    """
    _check_name(model)
    _check_price(model, price)
    if effective_until is not None and effective_until <= effective_from:
        raise UsageError(
            f"The price of {model} would end at {effective_until.isoformat()}, before it begins.",
            remedy="Give an end after its beginning, or none.",
        )
    write_alone(connection)
    model_id = ensure_models(connection, {model: _OPERATORS_PROVIDER}, now)[model]
    replaced = _take_back(connection, model_id, effective_from, now)
    interrupted = _interrupted(connection, model_id, effective_from, effective_until)
    row = price_row(model_id, price, effective_from, OPERATOR, now) | {"effective_until": effective_until}
    insert_prices(connection, [row])
    stored = connection.execute(
        select(_table.id, COUNTS_UNTIL.label("counts_until")).where(
            _of_person(model_id), _table.effective_from == effective_from
        )
    ).one()
    return StoredPrice(stored.id, stored.counts_until, replaced, interrupted)


def _of_person(model_id: uuid.UUID) -> ColumnElement[bool]:
    return IN_FORCE & (_table.ai_model_id == model_id) & (_table.source == OPERATOR)


def _take_back(connection: Connection, model_id: uuid.UUID, effective_from: datetime, now: datetime) -> str | None:
    """Makes room for another price of the same moment; says what became of the one that stood there.

    Its row stays even where no cost refers to it: a call or an ingest may be about to write one that does.
    """
    found = connection.execute(
        update(ai_model_pricing)
        .where(_of_person(model_id), _table.effective_from == effective_from)
        .values(superseded_at=now)
        .returning(_table.id)
    ).scalar_one_or_none()
    if found is None:
        return None
    return "superseded" if used_prices(connection, [found]) else "replaced"


def _interrupted(
    connection: Connection, model_id: uuid.UUID, start: datetime, end: datetime | None
) -> Interrupted | None:
    """The price of a person that counts at a moment at which another one is about to begin."""
    before = connection.execute(
        select(_table.effective_from, COUNTS_UNTIL.label("counts_until"))
        .where(
            _of_person(model_id),
            _table.effective_from < start,
            or_(_table.effective_until.is_(None), _table.effective_until > start),
        )
        .order_by(_table.effective_from.desc())
        .limit(1)
    ).one_or_none()
    if before is None:
        return None
    goes_on = end is not None and (before.counts_until is None or before.counts_until > end)
    return Interrupted(before.effective_from, end if goes_on else None)


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


def _check_name(model: str) -> None:
    if not is_model_name(model):
        raise UsageError(f"{model[:50]!r} is no name of a model.", remedy=f"Give {MODEL_NAME_FORM}.")


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
