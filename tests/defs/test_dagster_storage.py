"""Dagster's storage, as `dagster.yaml` names it: whatever its role is set to, and whoever is in between."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import URL, create_engine, event, make_url, text
from sqlalchemy.pool import Pool

from livedash_pipeline.base.rules.database.session_settings import SETTINGS
from livedash_pipeline.defs import dagster_storage
from livedash_pipeline.errors import DatabaseNotReadyError
from livedash_pipeline.paths import shipped
from tests.support.pooler import running_pooler
from tests.support.roles import HOSTILE, role

_OFFSET = "SELECT abs(extract(epoch FROM create_timestamp - timezone('UTC', now()))) FROM runs"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of Dagster's with the instance file that is shipped."""
    shutil.copy(shipped("dagster.yaml"), tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    yield tmp_path
    if event.contains(Pool, "connect", dagster_storage.set_up):
        event.remove(Pool, "connect", dagster_storage.set_up)


@dg.op
def nothing() -> None:
    """Something for a run to do."""


@dg.job
def idle() -> None:
    """A run to record."""
    nothing()


def _dagster_url(url: str) -> str:
    return make_url(url).set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


def test_runs_are_recorded_in_utc_whatever_the_role_is_set_to(
    empty_database_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with role(empty_database_url, f"hostile_{make_url(empty_database_url).database}", HOSTILE) as hostile:
        monkeypatch.setenv("LIVEDASH_DAGSTER_URL", _dagster_url(hostile))
        with dg.DagsterInstance.get() as instance:
            # As in the webserver, which makes engines of its own.
            instance.optimize_for_webserver(statement_timeout=9000, pool_recycle=-1, max_overflow=1)
            run = idle.execute_in_process(instance=instance)
            assert instance.get_run_by_id(run.run_id) is not None
        admin = create_engine(empty_database_url)
        with admin.connect() as connection:
            assert connection.execute(text(_OFFSET)).scalar_one() < 3600, "and not in Nepal's time"
        admin.dispose()


@pytest.mark.usefixtures("home")
def test_connections_to_dagsters_database_are_set_and_others_of_its_driver_are_not(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with role(empty_database_url, f"hostile_{make_url(empty_database_url).database}", HOSTILE) as hostile:
        monkeypatch.setenv("LIVEDASH_DAGSTER_URL", _dagster_url(hostile))
        with dg.DagsterInstance.get():
            shown = _settings(_dagster_url(hostile))
            another = _settings(make_url(_dagster_url(hostile)).set(database="postgres"))
    assert shown == {**SETTINGS, "synchronous_commit": "on"}
    assert another["TimeZone"] == HOSTILE["TimeZone"], "somebody else's connections are left alone"


def _settings(url: str | URL) -> dict[str, str]:
    engine = create_engine(url)
    with engine.connect() as connection:
        # In one statement: a hostile session is ended when it is idle for some milliseconds.
        query = text("SELECT name, current_setting(name) AS setting FROM unnest(CAST(:names AS text[])) AS name")
        rows = connection.execute(query, {"names": [*SETTINGS, "synchronous_commit"]})
        shown = {row.name: row.setting for row in rows}
    engine.dispose()
    return shown


@pytest.mark.usefixtures("home")
def test_a_pooler_that_moves_sessions_is_refused_with_the_name_of_the_setting(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_pooler(empty_database_url, "transaction") as pooler:
        monkeypatch.setenv("LIVEDASH_DAGSTER_URL", _dagster_url(pooler.url))
        with pytest.raises(DatabaseNotReadyError) as refused, dg.DagsterInstance.get():
            raise AssertionError("it is not opened")
    assert refused.value.message.startswith("Dagster's database (LIVEDASH_DAGSTER_URL) is reached through a pooler")
    assert refused.value.remedy.startswith("Set LIVEDASH_DAGSTER_URL to the server's own address")
