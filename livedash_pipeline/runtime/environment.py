"""Readies a machine for a command or a process: databases, Dagster's home, and the variables that its processes share.

Without DATABASE_URL it starts the embedded server and keeps it up to date; it only checks a database of your own. Nothing here
runs a pipeline.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from livedash_pipeline.base.store.connect import check_reachable, database_now, make_engine
from livedash_pipeline.base.store.revisions import check_current, current_revision, head_revision
from livedash_pipeline.embedded_postgres.server import (
    EmbeddedPostgres,
    ensure_database,
    running_postgres,
    start_postgres,
    stop_postgres,
)
from livedash_pipeline.logs import get_logger
from livedash_pipeline.money.store.seeding import seed_prices
from livedash_pipeline.runtime.dagster_home import dagster_url, needs_dagster_url, write_dagster_home
from livedash_pipeline.settings import Settings
from livedash_pipeline.storage import writing

log = get_logger(__name__)

DATABASE = "livedash"
DAGSTER_DATABASE = "dagster"
# Seconds for others to disconnect before the server is left running for them, and seconds between two looks.
_IDLE_PATIENCE = 5.0
_IDLE_LOOK = 0.1

# Settings of the demo, and of dev without a key: sensors look every five seconds, and no request waits for a larger batch. Only a
# CSV is read no more often than once a minute: it may be somebody's.
QUICK_SENSORS: Mapping[str, Any] = {
    "livedash_import_interval": 60,
    "livedash_submit_interval": 5,
    "livedash_poll_interval": 5,
    "livedash_chat_interval": 5,
    "livedash_chat_slice": 30,
    "livedash_min_batch": 1,
    "livedash_max_wait": 0,
}


@dataclass(frozen=True)
class Environment:
    """The prepared surroundings of a process.

    Attributes:
        settings: All settings.
        database_url: Our own tables.
        dagster_url: Dagster's storage, on psycopg2; None where a dagster.yaml that is not ours names another storage.
        postgres: The embedded server; None with a DATABASE_URL.
    """

    settings: Settings
    database_url: str
    dagster_url: str | None
    postgres: EmbeddedPostgres | None

    def exports(self) -> dict[str, str]:
        """Variables that Dagster's own processes need to find the same databases."""
        found = {
            "LIVEDASH_HOME": str(self.settings.home),
            "DAGSTER_HOME": str(self.settings.dagster_directory),
            "DATABASE_URL": self.database_url,
        }
        return found if self.dagster_url is None else {**found, "LIVEDASH_DAGSTER_URL": self.dagster_url}

    def export_to(self, environ: MutableMapping[str, str]) -> None:
        """Sets the variables for this process and those that it starts."""
        environ.update(self.exports())


def resolve_environment(settings: Settings) -> Environment:
    """Finds both databases, starting the embedded server where no DATABASE_URL is set.

    Raises:
        SettingsError: LIVEDASH_DAGSTER_URL is missing or is no address that psycopg2 can read, or the dagster.yaml of a given
            DAGSTER_HOME cannot be read.
    """
    if settings.database_url is None:
        with writing("The embedded database", settings.home, setting="LIVEDASH_HOME"):
            settings.home.mkdir(parents=True, exist_ok=True)
        server = start_postgres(settings.home)
        ensure_database(server, DATABASE)
        return Environment(settings, server.url(DATABASE), _embedded_dagster_url(settings, server), server)
    return Environment(settings, settings.database_url, dagster_url(settings), None)


def _embedded_dagster_url(settings: Settings, server: EmbeddedPostgres) -> str | None:
    if not needs_dagster_url(settings):
        return None
    ensure_database(server, DAGSTER_DATABASE)
    return settings.livedash_dagster_url or server.dagster_url(DAGSTER_DATABASE)


def prepare(settings: Settings) -> Environment:
    """Prepares a run: finds both databases, checks or migrates ours, stores prices, writes Dagster's home.

    Migrates the embedded database without asking, since nobody else looks after it.

    Raises:
        DatabaseNotReadyError: A database of one's own is unreachable, not migrated, or newer.
    """
    environment = resolve_environment(settings)
    engine = make_engine(environment.database_url)
    try:
        if environment.postgres is not None:
            bring_up_to_date(engine)
        else:
            check_current(engine)
    finally:
        engine.dispose()
    write_dagster_home(settings)
    return environment


def bring_up_to_date(engine: Engine) -> tuple[str | None, str]:
    """Migrates and stores the prices that the installed package knows; returns the revisions before and after."""
    check_reachable(engine)
    head = head_revision()
    revisions: tuple[str | None, str] = (head, head)
    if current_revision(engine) != head:
        from livedash_pipeline.base.store.migrate import upgrade

        revisions = upgrade(engine)
    with engine.begin() as connection:
        seed_prices(connection, now=database_now(connection))
    return revisions


@contextmanager
def opened_engine(environment: Environment) -> Iterator[Engine]:
    """Opens an engine on our database and closes it at the end of the block."""
    engine = make_engine(environment.database_url)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def borrowed_environment(settings: Settings) -> Iterator[Environment]:
    """As `prepare`; at the end stops an embedded server that was started for it, if nobody else is connected."""
    environment = prepare(settings)
    try:
        yield environment
    finally:
        if environment.postgres is not None and environment.postgres.started_by_us:
            _stop_when_idle(settings.home)


def _stop_when_idle(home: Path) -> None:
    """Stops the server once it is idle; waits a moment, since the server notices a killed client late."""
    end = time.monotonic() + _IDLE_PATIENCE
    while not stop_postgres(home, only_if_idle=True) and running_postgres(home) is not None:
        if time.monotonic() > end:
            log.warning("the embedded Postgres is left running for others that are connected", home=str(home))
            return
        time.sleep(_IDLE_LOOK)
