"""The prices that the installed package publishes, for tests that only need some to be there.

Storing them takes longer than most tests do. The first test of a process stores them as commands do; what came of it is copied
into the databases of the tests after it. Tests of how prices are stored call `seed_prices` themselves.
"""

from __future__ import annotations

from datetime import datetime

import psycopg
from sqlalchemy import Connection, text

from livedash_pipeline.base.store.tables import ai_model_pricing, ai_models, database_properties
from livedash_pipeline.money.store.seeding import seed_prices

_TABLES = (ai_models.name, ai_model_pricing.name, database_properties.name)
_IS_FRESH = text(" UNION ALL ".join(f"(SELECT 1 FROM {table} LIMIT 1)" for table in _TABLES))
_stored: dict[str, bytes] = {}


def have_prices(connection: Connection, *, now: datetime) -> None:
    """All prices of the package, as `seed_prices` stores them."""
    fresh = connection.execute(_IS_FRESH).first() is None
    if fresh and _stored:
        _copy_in(connection)
        return
    seed_prices(connection, now=now)
    if fresh:
        _copy_out(connection)


def _driver(connection: Connection) -> psycopg.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def _copy_in(connection: Connection) -> None:
    with _driver(connection).cursor() as cursor:
        for table, rows in _stored.items():
            with cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
                copy.write(rows)


def _copy_out(connection: Connection) -> None:
    rows = {}
    with _driver(connection).cursor() as cursor:
        for table in _TABLES:
            with cursor.copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copy:
                rows[table] = b"".join(bytes(part) for part in copy)
    _stored.update(rows)
