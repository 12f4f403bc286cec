"""What the checks of `livedash doctor` are, and those of connections and clocks: who is in between, and who may write.

Add a check of how a database is reached; those of what is in it are in `overview.steps.doctor`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import psycopg
from sqlalchemy import Connection, Engine, text

from livedash_pipeline.base.rules.database.address import ignored_words
from livedash_pipeline.base.rules.database.poolers import Pooling, session_words
from livedash_pipeline.base.rules.database_faults import FAULTS
from livedash_pipeline.base.store.connect import autocommitted, check_reachable, make_engine
from livedash_pipeline.base.store.faults import DAGSTER_URL, fault_error
from livedash_pipeline.base.store.poolers import look, pooling_error
from livedash_pipeline.base.store.session_setup import POOLING
from livedash_pipeline.errors import LivedashError

_WRITES = text("SELECT pg_is_in_recovery(), current_setting('transaction_read_only')")
_READ_ONLY = FAULTS["25006"]
# A clock of a second's resolution, asked over a network, may seem a few seconds off; expiry and recovery count minutes.
_SKEW_WARNING = timedelta(seconds=5)
_SKEW_FAILURE = timedelta(seconds=60)


class CheckStatus(StrEnum):
    """How a check ended; `NOT_CHECKED` where something before it has failed."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: CheckStatus
    message: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether work can go on; a warning does not keep it from doing so."""
        return self.status in (CheckStatus.OK, CheckStatus.WARNING)


def failed(name: str, error: LivedashError) -> Check:
    """A check that ended with an error."""
    return Check(name, CheckStatus.FAILED, error.message, error.remedy)


def check_session(engine: Engine, ignored: tuple[str, ...]) -> Check:
    """Whether a connection keeps its process of the server, looked at even where nothing hints at a pooler.

    Args:
        engine: Our database; it is reachable.
        ignored: Parameters of its address that are left out.
    """
    name = "database_session"
    with autocommitted(engine) as connection:
        pooling = Pooling(connection.info[POOLING])
        driver = connection.connection.dbapi_connection
        try:
            seen = look(driver)
        except psycopg.Error:
            # No second connection is to be had; what the first one showed has to do.
            seen = Pooling.SESSION
        error = pooling_error(driver, seen, "DATABASE_URL")
    if error is not None:
        return failed(name, error)
    if not ignored:
        return Check(name, CheckStatus.OK, session_words(pooling))
    limit = "Remove them; how many connections there may be is the role's CONNECTION LIMIT."
    return Check(name, CheckStatus.WARNING, f"{session_words(pooling)} {ignored_words(ignored)}", limit)


def check_dagster(url: str) -> Check:
    """Whether Dagster's database can be connected to, and each connection keeps its process of the server.

    Args:
        url: Its address, for whatever driver.
    """
    name = "dagster_database"
    try:
        engine = make_engine(url, setting=DAGSTER_URL)
        try:
            check_reachable(engine, DAGSTER_URL)
            with engine.connect() as connection:
                pooling = Pooling(connection.info[POOLING])
        finally:
            engine.dispose()
    except LivedashError as error:
        return failed(name, error)
    return Check(name, CheckStatus.OK, f"Dagster's database answers. {session_words(pooling)}")


def check_instance(home: str, storage: str | LivedashError, lacks: str) -> Check:
    """Whether the instance of a given DAGSTER_HOME can be opened, and has what runs rely on.

    Args:
        home: The directory.
        storage: What it keeps and where, or why it cannot be opened.
        lacks: A sentence with what its dagster.yaml lacks; empty where it lacks nothing.
    """
    name = "dagster_instance"
    if isinstance(storage, LivedashError):
        return failed(name, storage)
    said = f"Dagster's instance is {home}, with {storage}."
    if lacks:
        cure = 'Add it there; docs/operations.md has the lines under "A Dagster instance of your own".'
        return Check(name, CheckStatus.WARNING, f"{said} {lacks}", cure)
    return Check(name, CheckStatus.OK, said)


def check_writes(connection: Connection) -> Check:
    """Whether the server takes changes."""
    is_standby, read_only = connection.execute(_WRITES).one()
    if not is_standby and read_only == "off":
        return Check("database_writes", CheckStatus.OK, "The database takes changes.")
    return failed("database_writes", fault_error(_READ_ONLY))


def check_clock(name: str, whose: str, ahead: timedelta, reference: str) -> Check:
    """Whether two clocks agree.

    Args:
        name: Of the check.
        whose: The clock that is looked at, as the beginning of a sentence.
        ahead: What it is ahead of the other one.
        reference: The other one.
    """
    seconds = ahead.total_seconds()
    if abs(ahead) <= _SKEW_WARNING:
        return Check(name, CheckStatus.OK, f"{whose} agrees with {reference}.")
    said = f"{whose} is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} {reference}."
    status = CheckStatus.FAILED if abs(ahead) > _SKEW_FAILURE else CheckStatus.WARNING
    return Check(name, status, said, "Set the clocks by a time server (NTP).")
