"""A pooler between us and the database: what keeps a session is used, what moves it is refused with the reason."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import make_url, text

from livedash_pipeline.base.rules.database.poolers import Pooling
from livedash_pipeline.base.store.connect import check_reachable, make_engine
from livedash_pipeline.base.store.migrate import upgrade
from livedash_pipeline.base.store.poolers import look
from livedash_pipeline.base.store.session_setup import POOLING
from livedash_pipeline.errors import DatabaseNotReadyError
from tests.conftest import migrated_database
from tests.support.pooler import running_pooler


@pytest.fixture(scope="module")
def url(postgres_template: str) -> Iterator[str]:
    """One migrated database that the tests leave as it is."""
    with migrated_database(postgres_template) as url:
        yield url


def _raw(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize("size", [1, 20])
def test_a_pooler_that_moves_sessions_is_refused_by_name(url: str, mode: str, size: int) -> None:
    with running_pooler(url, mode, size=size) as pooler:  # type: ignore[arg-type]
        engine = make_engine(pooler.url)
        for attempt in (engine.connect, lambda: check_reachable(engine), lambda: upgrade(engine)):
            with pytest.raises(DatabaseNotReadyError) as refused:
                attempt()
            assert refused.value.code == "database_pooler"
            assert f"a pooler in {mode} mode, such as PgBouncer" in refused.value.message
            assert "Set DATABASE_URL to the server's own address" in refused.value.remedy
            assert refused.value.exit_status == 2


def test_what_the_refused_pooler_would_have_done(url: str) -> None:
    with running_pooler(url, "transaction") as pooler, _raw(pooler.url) as one, _raw(pooler.url) as other:
        for connection in (one, other):
            assert connection.execute("SELECT pg_try_advisory_lock(7)").fetchone() == (True,), "both hold one lock"
        with one.transaction():
            assert (
                one.execute("SELECT pg_backend_pid()").fetchone() != other.execute("SELECT pg_backend_pid()").fetchone()
            )
        one.execute("SELECT pg_advisory_unlock_all()")


def test_a_pooler_that_keeps_sessions_is_looked_at_once_and_used(url: str) -> None:
    with running_pooler(url, "session") as pooler:
        for looked in (1, 0):
            before = pooler.clients
            engine = make_engine(pooler.url, statement_timeout=7)
            with engine.connect() as connection:
                assert connection.info[POOLING] is Pooling.SESSION
                assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "7s"
                assert pooler.clients - before == 1 + looked
            with engine.connect() as one, engine.connect() as other:
                for connection, taken in ((one, True), (other, False)):
                    assert connection.execute(text("SELECT pg_try_advisory_lock(7)")).scalar_one() is taken
                    connection.commit()
            engine.dispose()


def test_a_server_itself_is_not_looked_at_with_a_second_connection(url: str) -> None:
    engine = make_engine(url)
    with engine.connect() as connection:
        assert connection.info[POOLING] is Pooling.DIRECT
        assert look(connection.connection.dbapi_connection) is Pooling.SESSION, "a closer look finds nothing either"
        connection.rollback()
    engine.dispose()


def test_a_pooler_without_a_second_server_connection_is_told_from_one_that_moves_sessions(url: str) -> None:
    with running_pooler(url, "session", size=1) as pooler, _raw(pooler.url) as held:
        held.execute("SELECT 1")
        assert look(held, patience=0.2) is Pooling.EXHAUSTED


def test_a_second_connection_that_is_refused_says_why(url: str) -> None:
    role = f"role_{make_url(url).database}"
    with _raw(url) as admin, running_pooler(url, "session") as pooler:
        admin.execute(f'CREATE ROLE "{role}" LOGIN CONNECTION LIMIT 1')
        try:
            engine = make_engine(make_url(pooler.url).set(username=role).render_as_string())
            with pytest.raises(DatabaseNotReadyError) as refused:
                engine.connect()
            assert refused.value.code == "database_not_ready"
        finally:
            admin.execute(f'DROP ROLE "{role}"')
