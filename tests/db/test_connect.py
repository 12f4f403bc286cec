"""Connections: what stands by itself, what belongs together, and that one kind does not rub off on the other."""

from __future__ import annotations

from sqlalchemy import Engine, text

from livedash_pipeline.db.connect import autocommitted
from tests.flow.rows import insert_company

_RENAME = text("UPDATE companies SET name = :name")
_NAME = text("SELECT name FROM companies")


def _name(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.execute(_NAME).scalar_one())


def test_a_statement_by_itself_is_kept_and_the_next_user_of_the_connection_has_a_transaction(engine: Engine) -> None:
    with engine.begin() as connection:
        insert_company(connection, "acme")
    with autocommitted(engine) as connection:
        connection.execute(_RENAME, {"name": "kept"})
        connection.execute(text("SELECT 1"))
    assert _name(engine) == "kept"
    with engine.connect() as connection:
        connection.execute(_RENAME, {"name": "never committed"})
    assert _name(engine) == "kept"
    assert engine.pool.checkedin() == 1, "it was one connection all along"  # type: ignore[attr-defined]
