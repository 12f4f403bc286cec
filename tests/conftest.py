"""What all tests share: one embedded Postgres per test run, and a fresh migrated database per test that asks for one.

The server is started by the first test that needs it, by whichever worker runs it, and stopped by the process that started
pytest. Databases are cloned from a migrated template and used again once they are emptied, since creating and dropping one costs
two checkpoints; a database whose schema a test has changed is thrown away.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from hypothesis import Phase, settings
from sqlalchemy import Engine, create_engine, text

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.base.store.migrate import upgrade
from livedash_pipeline.embedded_postgres.server import ensure_database, remove_postgres, start_postgres

# Companies, the local server and contexts, for whichever room asks.
pytest_plugins = ["tests.support.fixtures"]

# No test asserts a time, and a first example may have tables to load.
settings.register_profile("livedash", deadline=None)
# Explicit examples alone: what `make check` measures must not depend on what is drawn.
settings.register_profile("examples", deadline=None, phases=[Phase.explicit])
settings.load_profile("livedash")

_HOME = "LIVEDASH_TEST_HOME"
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    # No table lives long enough to be worth it.
    "autovacuum": "off",
}
# So many new objects before the garbage collector looks at them, and so many looks before it looks at older ones.
_COLLECTED_AFTER = (20_000, 10, 10)
# A moment to run tests at, in summer time, on a Thursday.
NOW = datetime(2025, 5, 1, 12, 0, tzinfo=UTC)


def pytest_configure(config: pytest.Config) -> None:
    """The process that starts pytest chooses the home of the test server; its workers inherit it."""
    if not hasattr(config, "workerinput"):
        os.environ[_HOME] = tempfile.mkdtemp(prefix="livedash-tests-")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Modules and tests stay to the end: the garbage collector does not look through them again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECTED_AFTER)
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest tests come first in the share of each worker, so that none is left alone with one at the end."""
    workers = getattr(config, "workerinput", {"workercount": 1})["workercount"]
    longest = [item for item in items if item.get_closest_marker("longest")]
    others = [item for item in items if not item.get_closest_marker("longest")]
    items.clear()
    for number in range(workers):
        # A share is what pytest-xdist gives a worker to begin with.
        share = (len(longest) + len(others)) // (workers - number)
        own = longest[: -(-len(longest) // (workers - number))]
        del longest[: len(own)]
        items += own + others[: share - len(own)]
        del others[: share - len(own)]


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that started pytest stops the server and removes its home."""
    for keeper in _keepers.values():
        keeper.close()
    if not hasattr(config, "workerinput"):
        home = Path(os.environ[_HOME])
        remove_postgres(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template() -> str:
    """URL with the placeholder DATABASE; `template` is migrated once, however many workers ask."""
    home = Path(os.environ[_HOME])
    server = start_postgres(home, settings=_FAST)
    admin = create_engine(server.url("postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(42)"))
        if not connection.execute(text("SELECT 1 FROM pg_database WHERE datname = 'template_livedash'")).scalar():
            # Renamed when it is whole: a database that somebody is connected to cannot be cloned.
            ensure_database(server, "template_in_making")
            engine = make_engine(server.url("template_in_making"))
            upgrade(engine)
            engine.dispose()
            connection.execute(text("ALTER DATABASE template_in_making RENAME TO template_livedash"))
        connection.execute(text("SELECT pg_advisory_unlock(42)"))
    admin.dispose()
    return server.url("DATABASE")


@pytest.fixture
def empty_database_url(postgres_template: str) -> Iterator[str]:
    """URL of a database without any table."""
    name = _empty.pop() if _empty else _create(postgres_template, "template0")
    url = postgres_template.replace("DATABASE", name)
    yield url
    if _cleaned(url, _without_schemas):
        _empty.append(name)
    else:
        _drop(postgres_template, name)


@contextmanager
def migrated_database(postgres_template: str) -> Iterator[str]:
    """URL of a migrated database that is as if it were fresh."""
    name = _clean.pop() if _clean else _create(postgres_template, "template_livedash")
    url = postgres_template.replace("DATABASE", name)
    yield url
    if _cleaned(url, _without_rows):
        _clean.append(name)
    else:
        _drop(postgres_template, name)


@pytest.fixture
def database_url(postgres_template: str) -> Iterator[str]:
    """URL of a migrated database that is as if it were fresh."""
    with migrated_database(postgres_template) as url:
        yield url


@contextmanager
def kept_engine(url: str) -> Iterator[Engine]:
    """The engine of a migrated database, without connections before and after.

    It knows its statements already: an engine of a test's own compiles every statement anew.
    """
    if url not in _engines:
        _engines[url] = make_engine(url)
    engine = _engines[url]
    yield engine
    engine.dispose()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a migrated database that is as if it were fresh."""
    with kept_engine(database_url) as engine:
        yield engine


@pytest.fixture
def untouched_engine(postgres_template: str) -> Iterator[Engine]:
    """An engine on a migrated database that no test has used: what a planner knows of emptied tables stays behind in others."""
    name = _create(postgres_template, "template_livedash")
    engine = make_engine(postgres_template.replace("DATABASE", name))
    yield engine
    engine.dispose()
    _drop(postgres_template, name)


# Databases of this worker that nobody uses: migrated ones, and ones without any table.
_clean: list[str] = []
_empty: list[str] = []
_engines: dict[str, Engine] = {}
KEEPER = "tests"
# One connection to each of them, which calls itself so: a new one reads the catalogue anew, which takes longer than to empty
# a database.
_keepers: dict[str, psycopg.Connection] = {}

# Whatever a test could change of a schema; compared with what the migrations leave.
_FINGERPRINT = """
    SELECT md5(string_agg(part, ';' ORDER BY part)) FROM (
        SELECT concat(relname, relkind, relhastriggers) FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT concat(attrelid::regclass, attname, atttypid, attnotnull, attisdropped)
            FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
            WHERE relnamespace = 'public'::regnamespace AND attnum > 0
        UNION ALL SELECT concat(conname, pg_get_constraintdef(oid)) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT concat(tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT concat(proname, md5(prosrc)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT version_num FROM alembic_version
        UNION ALL SELECT concat(name, position) FROM processing_stages
    ) AS parts (part)
"""
_EMPTY = """
    DO $$
    DECLARE
        target text;
        filled boolean;
    BEGIN
        -- Without foreign keys and triggers, so that the order does not matter and settled attempts can go.
        SET LOCAL session_replication_role = replica;
        SET LOCAL lock_timeout = '3s';
        FOR target IN
            SELECT tablename FROM pg_tables
            WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'processing_stages')
        LOOP
            EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', target) INTO filled;
            IF filled THEN
                EXECUTE format('DELETE FROM %I', target);
            END IF;
        END LOOP;
    END
    $$
"""
# Of a process that a test has killed, the server goes on for a moment with what it was asked.
_TERMINATE = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_DROP_SCHEMAS = """
    DO $$
    DECLARE
        target text;
    BEGIN
        SET LOCAL lock_timeout = '3s';
        FOR target IN
            SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
        LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', target);
        END LOOP;
        CREATE SCHEMA public;
    END
    $$
"""
_fingerprint_of_template: list[str] = []


def _create(template_url: str, template: str) -> str:
    name = f"test_{uuid.uuid4().hex}"
    admin = create_engine(template_url.replace("DATABASE", "postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY wal_log'))
    admin.dispose()
    if template == "template_livedash" and not _fingerprint_of_template:
        engine = create_engine(template_url.replace("DATABASE", name))
        with engine.connect() as connection:
            _fingerprint_of_template.append(connection.execute(text(_FINGERPRINT)).scalar_one())
        engine.dispose()
    return name


def _cleaned(url: str, clean: Callable[[psycopg.Connection], bool]) -> bool:
    """Cleans a database; False if it is not as the migrations left it, or if somebody still holds a lock there."""
    try:
        if url not in _keepers:
            _keepers[url] = psycopg.connect(url.replace("+psycopg", ""), autocommit=True, application_name=KEEPER)
        return _is_left(_keepers[url]) and clean(_keepers[url])
    except psycopg.Error:
        return False


def _without_rows(connection: psycopg.Connection) -> bool:
    """Deletes all rows of a database whose schema nobody has changed."""
    found = connection.execute(_FINGERPRINT).fetchone()
    if found != (_fingerprint_of_template[0],):
        return False
    connection.execute(_EMPTY)
    return True


def _without_schemas(connection: psycopg.Connection) -> bool:
    """Takes back whatever a test has made in a database without any table."""
    connection.execute(_DROP_SCHEMAS)
    return True


def _is_left(connection: psycopg.Connection) -> bool:
    """Whether nobody else is connected any more, or within some seconds."""
    for _ in range(1000):
        if connection.execute(_TERMINATE).fetchone() == (0,):
            return True
        time.sleep(0.003)
    return False


def _drop(template_url: str, name: str) -> None:
    url = template_url.replace("DATABASE", name)
    _engines.pop(url, None)
    keeper = _keepers.pop(url, None)
    if keeper is not None:
        keeper.close()
    admin = create_engine(template_url.replace("DATABASE", "postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()
