"""The yardstick "the COPY": what a step read and wrote, brought into Postgres once more by `COPY` alone.

The input goes into a temporary table, the rows into tables that have the same indexes and checks. Foreign keys and triggers are
left out, so the yardstick is a little faster than any program could be.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from livedash_pipeline.base.store.connect import make_engine
from tests.benchmarks.site import Site

_PIECE = 1 << 18


@dataclass(frozen=True)
class Rows:
    """Rows that the step wrote: all of a table, or those of a condition."""

    table: str
    where: LiteralString = "TRUE"


@dataclass(frozen=True)
class Input:
    """A file that the step read: CSV with so many columns, or lines of text."""

    path: Path
    columns: int = 1

    def into(self, table: str) -> tuple[sql.Composed, sql.Composed]:
        """The statements that make a table for it and copy it."""
        names = [sql.SQL("{} text").format(sql.Identifier(f"column{number}")) for number in range(self.columns)]
        made = sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(
            sql.Identifier(table), sql.SQL(", ").join(names)
        )
        # For lines, signs that no text holds in place of comma and quote.
        dialect = sql.SQL("" if self.columns > 1 else r", DELIMITER E'\x01', QUOTE E'\x02'")
        copied = sql.SQL("COPY {} FROM STDIN (FORMAT csv{})").format(sql.Identifier(table), dialect)
        return made, copied


def seconds_of_copy(site: Site, inputs: Sequence[Input], written: Sequence[Rows]) -> float:
    """Copies all of it again, in one transaction, and returns the seconds; nothing of it stays."""
    engine = make_engine(site.url, pool_size=1)
    pooled = engine.raw_connection()
    driver = pooled.dbapi_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"COPY goes through psycopg 3, not {type(driver)}")
    try:
        copies = [_prepare(driver, rows, site.scratch / f"again-{rows.table}") for rows in written]
        driver.commit()
        driver.autocommit = True
        driver.execute("CHECKPOINT")
        driver.autocommit = False
        begun = time.perf_counter()
        for number, each in enumerate(inputs):
            made, copied = each.into(f"input_again{number}")
            driver.execute(made)
            _copy(driver, copied, each.path)
        for statement, path in copies:
            _copy(driver, statement, path)
        driver.commit()
        seconds = time.perf_counter() - begun
        for rows in written:
            driver.execute(sql.SQL("DROP TABLE {}").format(_again(rows)))
        driver.commit()
    finally:
        pooled.close()
        engine.dispose()
    for _, path in copies:
        path.unlink()
    return seconds


def _again(rows: Rows) -> sql.Identifier:
    return sql.Identifier(f"{rows.table}_again")


def _prepare(driver: psycopg.Connection[tuple[object, ...]], rows: Rows, path: Path) -> tuple[sql.Composed, Path]:
    """An empty table like the one that was written, and the rows in a file."""
    table = sql.Identifier(rows.table)
    driver.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(_again(rows), table))
    # What Postgres generates cannot be given to it.
    found = driver.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position",
        [rows.table],
    )
    columns = sql.SQL(", ").join(sql.Identifier(str(name)) for (name,) in found)
    query = sql.SQL("COPY (SELECT {} FROM {} WHERE {}) TO STDOUT").format(columns, table, sql.SQL(rows.where))
    with path.open("wb") as file, driver.cursor() as cursor, cursor.copy(query) as copy:
        for piece in copy:
            file.write(piece)
    return sql.SQL("COPY {} ({}) FROM STDIN").format(_again(rows), columns), path


def _copy(driver: psycopg.Connection[tuple[object, ...]], statement: sql.Composed, path: Path) -> None:
    with path.open("rb") as file, driver.cursor() as cursor, cursor.copy(statement) as copy:
        while piece := file.read(_PIECE):
            copy.write(piece)
