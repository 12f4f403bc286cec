"""Opens Dagster's instance of DAGSTER_HOME, with a sentence for whatever keeps it from being opened.

Add what is asked of an instance as a whole; what a run or a sensor asks of it is beside them. The files in DAGSTER_HOME are
`runtime.dagster_home`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from sqlalchemy import make_url

from livedash_pipeline.base.rules.causes import causes_of
from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.base.store.faults import explain
from livedash_pipeline.errors import LivedashError, SettingsError, driver_reason

_MOST_LETTERS = 200
_DRIVERS = ("psycopg", "psycopg2")
_UNSET = re.compile(r'environment variable "([^"]+)" which is not set')


@contextmanager
def opened_instance(home: Path, *, is_ours: bool) -> Iterator[dg.DagsterInstance]:
    """The instance that the environment's DAGSTER_HOME names, until the block ends.

    Args:
        home: The same directory, for messages.
        is_ours: Its dagster.yaml is the one of this package, so that LIVEDASH_DAGSTER_URL names its storage.

    Raises:
        LivedashError: Its dagster.yaml is not valid, or its storage cannot be found or reached.
    """
    try:
        instance = dg.DagsterInstance.get()
    except Exception as error:
        explained = explain(error)
        if explained is not None and (is_ours or not _is_of_driver(error)):
            raise explained from error
        raise _unusable(error, home) from error
    with instance:
        _require_psycopg2(instance, home)
        yield instance


def describe_storage(home: Path, dagster_url: str | None) -> str:
    """Opens the instance of a given DAGSTER_HOME, and says what it has where, such as `12 runs in its SqliteRunStorage`.

    Args:
        home: The directory.
        dagster_url: Its storage, where its dagster.yaml reads that from LIVEDASH_DAGSTER_URL.

    Raises:
        LivedashError: As `opened_instance`.
    """
    os.environ["DAGSTER_HOME"] = str(home)
    if dagster_url is not None:
        os.environ["LIVEDASH_DAGSTER_URL"] = dagster_url
    with opened_instance(home, is_ours=False) as instance:
        return f"{plural(instance.get_runs_count(), 'run')} in its {type(instance.run_storage).__name__}"


def _require_psycopg2(instance: dg.DagsterInstance, home: Path) -> None:
    # With SQLAlchemy 2.1, postgresql:// means psycopg 3: tables are made, and then every write of an event fails at NOTIFY.
    url = getattr(instance.run_storage, "postgres_url", None)
    if url is not None and make_url(url).drivername != "postgresql+psycopg2":
        raise SettingsError(
            f"The storage of Dagster's instance in {home} is not on psycopg2, the one driver that Dagster can write events with.",
            remedy=f"In {home / 'dagster.yaml'}, set `scheme: postgresql+psycopg2` below postgres_db, or begin the address so.",
            code="bad_dagster_home",
        )


def _unusable(error: Exception, home: Path) -> LivedashError:
    return SettingsError(
        f"Dagster's instance in {home} cannot be opened: {_reason(error)}.",
        remedy=f"Correct {home / 'dagster.yaml'}, or unset DAGSTER_HOME to use livedash's own.",
        code="bad_dagster_home",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, dg.DagsterInvalidConfigError):
        # What follows lists the whole schema; what is quoted may be a password.
        said = error.errors[0].message.partition(" Value ")[0].partition(" Expected")[0]
        unset = _UNSET.search(said)
        said = f"the variable {unset[1]} is not set" if unset else said
    elif _is_of_driver(error):
        said = driver_reason(str(list(causes_of(error))[-1]))
    else:
        said = str(error).removeprefix("Failure condition: ")
    line = next(iter(said.strip().splitlines()), "") or type(error).__name__
    return line[:_MOST_LETTERS].rstrip(".: ")


def _is_of_driver(error: BaseException) -> bool:
    return any(type(cause).__module__.partition(".")[0] in _DRIVERS for cause in causes_of(error))
