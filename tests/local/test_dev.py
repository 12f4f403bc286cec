"""`livedash dev`: what it says before anything can be bought, the environment of its processes, and its end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine, create_engine, text

from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.errors import SettingsError
from livedash_pipeline.local.dev import (
    DevOptions,
    _say_whose_instance,
    _with_service,
    dev_environ,
    linked,
    run_dev,
)
from livedash_pipeline.local.ports import HOST, free_port, is_free
from livedash_pipeline.money.store.seeding import seed_prices
from livedash_pipeline.runtime.environment import QUICK_SENSORS, Environment
from livedash_pipeline.settings import Settings, isolated_settings


@contextmanager
def _dagster_database(url: str) -> Iterator[str]:
    """A database of its own for Dagster, beside ours."""
    name = url.rpartition("/")[2].partition("?")[0] + "_dagster"
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE template0 STRATEGY file_copy'))
    yield url.replace(url.rpartition("/")[2].partition("?")[0], name).replace("+psycopg:", "+psycopg2:")
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()


def _interrupt(_: float) -> None:
    raise KeyboardInterrupt


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_with_a_key_it_says_what_requests_cost_before_it_starts_anything(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    with engine.begin() as connection:
        seed_prices(connection, now=database_now(connection))
    said: list[str] = []
    running_when_said: list[set[int]] = []
    minimum: set[str | None] = set()
    before = _children()

    def say(sentence: str) -> None:
        said.append(sentence)
        running_when_said.append(_children() - before)
        minimum.update(psutil.Process(pid).environ().get("LIVEDASH_MIN_BATCH") for pid in running_when_said[-1])

    with _dagster_database(database_url) as dagster_url:
        settings = Settings(
            database_url=database_url,
            livedash_dagster_url=dagster_url,
            livedash_home=tmp_path,
            openai_api_key="sk-of-somebody",
            livedash_monthly_cap_eur=25,
            livedash_usd_eur="0.9",
            livedash_import_interval=3600,
            livedash_min_batch=25,
        )
        with pytest.raises(KeyboardInterrupt):
            run_dev(settings, DevOptions(port=0, console_port=0), say=say, wait=_interrupt)
    cost, limits, intervals, console, address, logs = said
    assert cost.startswith("Requests go to https://api.openai.com/v1, model gpt-5-mini (USD ")
    assert "out per million tokens in batches" in cost
    assert "exchange rate 0.9" in cost
    assert limits == "Limits in euro: LIVEDASH_MONTHLY_CAP_EUR 25."
    assert intervals == (
        "Sensors look for due CSVs every 3,600 s, for waiting requests every 600 s, for finished batches every 120 s and for "
        "chat batches every 60 s. A company's requests are sent once 25 wait, or the oldest has waited 1,800 s."
    )
    assert minimum == {"25"}, "the processes get what was said"
    assert "sk-of-somebody" not in "".join(said)
    assert running_when_said[0] == set(), "nothing runs yet that could buy"
    assert len(running_when_said[3]) == 3, "the daemon, the webserver and the console"
    assert re.search(r"The console is at http://127\.0\.0\.1:\d+/console/sign-in\?link=ldl_\S{43} ", console)
    assert "The Dagster UI is at http://127.0.0.1:" in address and ":0 " not in address
    assert str(tmp_path / "logs") in logs
    assert _children() == before, "everything is stopped"


def test_sensors_are_quick_for_the_stand_in_and_where_it_is_asked_for(tmp_path: Path) -> None:
    given = Settings(livedash_home=tmp_path, livedash_poll_interval=300, livedash_min_batch=25)
    with_key = given.model_copy(update={"openai_api_key": "sk-of-somebody"})
    for settings, options, expected in (
        (with_key, DevOptions(), (300, 25)),
        (with_key, DevOptions(quick=True), (5, 1)),
        (given, DevOptions(), (5, 1)),
    ):
        with _with_service(settings, options, print) as used:
            assert (used.livedash_poll_interval, used.livedash_min_batch) == expected
            assert used.livedash_import_interval >= 60, "a CSV may be somebody's"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_instance_of_a_given_dagster_home_is_named_with_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")
    given = tmp_path / "given"
    given.mkdir()
    (given / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    settings = Settings(livedash_home=tmp_path / "home", dagster_home=given)
    said: list[str] = []
    _say_whose_instance(Environment(settings, "postgresql:///ours", None, None), said.append)
    whose, lacks = said
    assert whose == f"Dagster's instance is that of DAGSTER_HOME, {given}, with 0 runs in its SqliteRunStorage."
    assert lacks.startswith(f"{given}/dagster.yaml does not set run_monitoring.enabled, ")


def test_a_port_that_is_taken_is_named_before_anything_starts(tmp_path: Path) -> None:
    import socket

    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(SettingsError, match=f"Port {port} of 127.0.0.1 is taken"):
            run_dev(isolated_settings({"LIVEDASH_HOME": str(tmp_path)}), DevOptions(port=port), say=print)
    assert list(tmp_path.iterdir()) == []
    assert is_free(free_port())


def test_its_processes_get_the_users_environment_with_what_was_decided_over_it(tmp_path: Path) -> None:
    settings = isolated_settings({"LIVEDASH_HOME": str(tmp_path)}, openai_api_key="stand-in", **QUICK_SENSORS)
    environment = Environment(settings, "postgresql+psycopg:///ours", "postgresql+psycopg2:///dagster", None)
    given = {"ACME_CSV_PASSWORD": "secret", "LIVEDASH_POLL_INTERVAL": "7200", "DAGSTER_HOME": "/elsewhere"}
    environ = dev_environ(environment, given)
    assert environ["ACME_CSV_PASSWORD"] == "secret"
    assert environ["LIVEDASH_POLL_INTERVAL"] == "5"
    assert environ["DAGSTER_HOME"] == str(tmp_path / "dagster")
    assert environ["DATABASE_URL"] == "postgresql+psycopg:///ours"
    assert environ["LIVEDASH_DAGSTER_URL"] == "postgresql+psycopg2:///dagster"
    assert "LIVEDASH_MONTHLY_CAP_EUR" not in environ, "what is not set stays unset"


def test_the_console_and_the_dagster_ui_link_to_each_other() -> None:
    ours = linked(Settings(), 3001, 8001)
    assert (ours.livedash_dagster_ui, ours.livedash_console_url) == ("http://127.0.0.1:3001", "http://127.0.0.1:8001")
    named = Settings(livedash_dagster_ui="https://dagster.example", livedash_console_url="https://console.example")
    assert linked(named, 3001, 8001) == named
