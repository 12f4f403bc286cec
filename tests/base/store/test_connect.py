"""Connections: what stands by itself, what belongs together, and that one kind does not rub off on the other."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, event, make_url, text

from livedash_pipeline.base.store.connect import autocommitted, in_transaction, make_engine
from tests.support.rows import insert_company

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


def test_a_transaction_waits_for_a_lock_that_was_not_granted_in_time(engine: Engine, database_url: str) -> None:
    with engine.begin() as connection:
        insert_company(connection, "acme")
    hurried = make_engine(f"{database_url}&options=-c%20lock_timeout%3D50")
    holder = engine.connect()
    holder.execute(_RENAME, {"name": "first"})
    tries = []

    def rename(connection: Connection) -> None:
        tries.append(1)
        if len(tries) == 2:
            holder.commit()
        connection.execute(_RENAME, {"name": "second"})

    in_transaction(hurried, rename)
    holder.close()
    hurried.dispose()
    assert (len(tries), _name(engine)) == (2, "second")


def test_a_transaction_waits_for_a_connection_that_somebody_gives_back(engine: Engine, database_url: str) -> None:
    url = make_url(database_url)
    role = f"role_{url.database}"
    with engine.begin() as connection:
        connection.execute(text(f'CREATE ROLE "{role}" LOGIN CONNECTION LIMIT 1'))
    ours, others = (make_engine(url.set(username=role).render_as_string(hide_password=False)) for _ in range(2))
    holder = others.connect()

    @event.listens_for(ours, "handle_error")
    def give_back(_context: object) -> None:
        holder.close()
        others.dispose()

    try:
        assert in_transaction(ours, lambda connection: connection.execute(text("SELECT 1")).scalar_one()) == 1
    finally:
        holder.close()
        ours.dispose()
        others.dispose()
        with engine.begin() as connection:
            connection.execute(text(f'DROP ROLE "{role}"'))
