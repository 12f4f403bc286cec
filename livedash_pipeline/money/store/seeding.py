"""Stores the prices that the package publishes: all of them at first, later what a release or another reading of it changes.

Count `_READING` up when `money.store.package_prices` reads the same release into other figures. `money.store.prices` looks
prices up.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, update

from livedash_pipeline.base.store.properties import read_property, store_property
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_model_pricing
from livedash_pipeline.money.rules.price_history import Period, restated, still_unknown
from livedash_pipeline.money.rules.pricing import PACKAGE, DatedPrice, Price
from livedash_pipeline.money.store.price_rows import (
    IN_FORCE,
    PRICE_COLUMNS,
    ensure_models,
    insert_prices,
    price_of,
    price_row,
    used_prices,
    write_alone,
)

# The database property with the release of the package whose prices are stored.
_SEEDED = "package_prices"
# Counts up when the same release is read into other figures, so that databases store them anew.
_READING = 2

_table = ai_model_pricing.c
_Histories = Mapping[uuid.UUID, Sequence[DatedPrice]]


def seed_prices(connection: Connection, *, now: datetime) -> int:
    """Stores prices of the installed package that the database lacks, and returns how many are new.

    A stored release is not read again, since every command calls this, and the package takes as long to load as the rest of a
    command.
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
    """`seed_prices` for given prices; `source` begins with the package's name.

    A model without rows of the package gets its whole history. Rows that no cost refers to, and that an earlier reading stored
    with other figures, are superseded, and their time is stored anew. Where the package's last figures still differ from the
    newest stored ones, the old row ends and a new one begins at `now`, or later where the package says so. Rows that a person set
    stay as they are.
    """
    by_name: dict[str, list[DatedPrice]] = {}
    for dated in prices:
        by_name.setdefault(dated.model, []).append(dated)
    if not by_name:
        return 0
    write_alone(connection)
    model_ids = ensure_models(connection, {name: each[0].provider for name, each in by_name.items()}, now)
    histories = {model_ids[name]: each for name, each in by_name.items()}
    rows = _restate(connection, histories, source, now)
    stored = insert_prices(connection, rows)
    newest = _newest(connection)
    rows = [
        price_row(model_id, dated.price, dated.effective_from, source, now)
        for model_id, history in histories.items()
        for dated in still_unknown(history, newest.get(model_id), now)
    ]
    stored += insert_prices(connection, rows)
    connection.execute(statement("money/close_package_prices"), {"package": PACKAGE})
    return stored


def _of_package() -> ColumnElement[bool]:
    return IN_FORCE & (func.split_part(_table.source, " ", 1) == PACKAGE)


def _restate(connection: Connection, histories: _Histories, source: str, now: datetime) -> list[dict[str, Any]]:
    """Supersedes unused rows of an earlier reading, and returns the rows that take their place.

    What is in flight was priced for its reservation only; its cost is worked out when it ends, with what the package says.
    """
    stored = connection.execute(
        select(
            _table.id,
            _table.ai_model_id,
            _table.effective_from,
            _table.effective_until,
            _table.source,
            *PRICE_COLUMNS,
        ).where(_of_package())
    )
    changed: dict[uuid.UUID, tuple[uuid.UUID, tuple[DatedPrice, ...]]] = {}
    for row in stored:
        period = Period(row.effective_from, row.effective_until, price_of(row), row.source)
        if pieces := restated(period, histories.get(row.ai_model_id, ()), source):
            changed[row.id] = row.ai_model_id, pieces
    unused = changed.keys() - used_prices(connection, list(changed))
    connection.execute(update(ai_model_pricing).where(_table.id.in_(unused)).values(superseded_at=now))
    return [
        price_row(changed[each][0], piece.price, piece.effective_from, source, now)
        for each in unused
        for piece in changed[each][1]
    ]


def _newest(connection: Connection) -> dict[uuid.UUID, tuple[datetime, Price]]:
    rows = connection.execute(
        select(_table.ai_model_id, _table.effective_from, *PRICE_COLUMNS)
        .where(_of_package())
        .order_by(_table.ai_model_id, _table.effective_from)
    )
    return {row.ai_model_id: (row.effective_from, price_of(row)) for row in rows}
