"""COPY: how bulk data goes into a table, by the COPY statements of `sql/statements`.

Everything that moves more than a few rows from Python into Postgres goes through here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection

from livedash_pipeline.base.store.statements import statement


@contextmanager
def copying(connection: Connection, name: str) -> Iterator[psycopg.Copy]:
    """An open COPY with the statement of this name, within the transaction of the connection."""
    # Not `driver_connection`, which a detached connection has lost; for psycopg 3 the two are one.
    driver = connection.connection.dbapi_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"COPY goes through psycopg 3, not {type(driver)}; make the engine with `make_engine`")
    with driver.cursor() as cursor, cursor.copy(statement(name).text) as copy:
        yield copy


def copy_rows(connection: Connection, name: str, rows: Iterable[tuple[Any, ...]]) -> int:
    """Writes all rows with the COPY statement of this name and returns how many."""
    count = 0
    with copying(connection, name) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count
