"""The command line in this process, on a database of the test's own."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.cli import cli
from livedash_pipeline.money.store.rates import set_rate
from livedash_pipeline.settings import Settings
from tests.conftest import migrated_database
from tests.support.prices import have_prices
from tests.support.rows import insert_company

Run = Callable[..., Result]
# Commands that only look at our own tables never connect to it.
NO_DAGSTER = "postgresql+psycopg2://nobody@127.0.0.1:9/dagster"


def document_of(result: Result) -> dict[str, Any]:
    """The one document on stdout; a second one, or a word beside it, fails the test."""
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command line with the given variables and no others of ours, in a directory without `.env`."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("LIVEDASH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run_line(*arguments: str, **env: str) -> Result:
        return CliRunner().invoke(cli, list(arguments), env=env)

    yield run_line
    # The log went to the stderr of a command that has ended.
    logging.getLogger("livedash_pipeline").handlers = []
    structlog.reset_defaults()


@pytest.fixture
def livedash(run: Run, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line on a fresh, migrated database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("LIVEDASH_DAGSTER_URL", NO_DAGSTER)
    return run


@pytest.fixture
def process_env(database_url: str, empty_database_url: str, tmp_path: Path) -> dict[str, str]:
    """Variables for real processes, with a database for Dagster."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "LIVEDASH_HOME": str(tmp_path / "home"),
        "DATABASE_URL": database_url,
        "LIVEDASH_DAGSTER_URL": empty_database_url.replace("postgresql+psycopg:", "postgresql+psycopg2:"),
    }


@pytest.fixture
def company(engine: Engine) -> Company:
    """A working company in a database with prices and a rate."""
    with engine.begin() as connection:
        now = database_now(connection)
        have_prices(connection, now=now)
        set_rate(connection, now.date(), Decimal("0.9"), "test", now)
        return insert_company(connection)


@pytest.fixture(scope="module")
def quiet_database_url(postgres_template: str) -> Iterator[str]:
    """URL of one migrated, empty database for the tests that leave it as it is."""
    with migrated_database(postgres_template) as url:
        yield url


@pytest.fixture
def refused(run: Run, quiet_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs command lines that change nothing."""
    monkeypatch.setenv("DATABASE_URL", quiet_database_url)
    monkeypatch.setenv("LIVEDASH_DAGSTER_URL", NO_DAGSTER)
    return run
