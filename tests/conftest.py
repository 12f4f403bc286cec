"""What all tests share: one embedded Postgres per test run, and a fresh migrated database per test that asks for one.

The server is started by the first test that needs it, by whichever worker runs it, and stopped by the process that started
pytest. Databases are cloned from a migrated template, which takes a few hundredths of a second.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from livedash_pipeline.db.connect import make_engine
from livedash_pipeline.db.migrate import upgrade
from livedash_pipeline.local.postgres import ensure_database, remove_postgres, start_postgres

_HOME = "LIVEDASH_TEST_HOME"
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300"}
# A moment to run tests at, in summer time, on a Thursday.
NOW = datetime(2025, 5, 1, 12, 0, tzinfo=UTC)


def pytest_configure(config: pytest.Config) -> None:
    """The process that starts pytest chooses the home of the test server; its workers inherit it."""
    if not hasattr(config, "workerinput"):
        os.environ[_HOME] = tempfile.mkdtemp(prefix="livedash-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that started pytest stops the server and removes its home."""
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
    yield from _database(postgres_template, "template0")


@pytest.fixture
def database_url(postgres_template: str) -> Iterator[str]:
    """URL of a fresh, migrated database."""
    yield from _database(postgres_template, "template_livedash")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a fresh, migrated database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def _database(template_url: str, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    admin = create_engine(template_url.replace("DATABASE", "postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy'))
    yield template_url.replace("DATABASE", name)
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()
