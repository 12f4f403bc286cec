"""Dagster's instance of a given DAGSTER_HOME: used as it is, and named with the reason where it cannot be opened."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from livedash_pipeline.defs.instances import describe_storage, opened_instance
from livedash_pipeline.defs.runs import evaluate_checks, run_in_foreground
from livedash_pipeline.errors import SettingsError
from livedash_pipeline.runtime.environment import prepare
from livedash_pipeline.settings import Settings


@pytest.fixture(autouse=True)
def own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is exported for Dagster ends with the test."""
    for name in ("LIVEDASH_HOME", "DAGSTER_HOME", "DATABASE_URL", "LIVEDASH_DAGSTER_URL"):
        monkeypatch.setenv(name, "")


def _home(tmp_path: Path, content: str) -> Path:
    home = tmp_path / "given"
    home.mkdir()
    (home / "dagster.yaml").write_text(content, encoding="utf-8")
    return home


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_job_runs_on_somebodys_sqlite_instance_without_an_address_of_ours(tmp_path: Path, database_url: str) -> None:
    content = "telemetry: {enabled: false}\n"
    home = _home(tmp_path, content)
    settings = Settings(livedash_home=tmp_path / "home", dagster_home=home, database_url=database_url)
    environment = prepare(settings)
    document = run_in_foreground(environment, "summary")
    evaluate_checks(environment)
    assert document["summary"]["pending_batching"] == 0
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs()
    assert {(run.job_name, run.status) for run in runs} == {
        ("summary", dg.DagsterRunStatus.SUCCESS),
        ("health_checks", dg.DagsterRunStatus.SUCCESS),
    }
    assert (home / "dagster.yaml").read_text() == content
    assert describe_storage(home, None) == "2 runs in its SqliteRunStorage"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("storage: {postgres: {postgres_url: {env: NO_SUCH_VARIABLE}}}", "the variable NO_SUCH_VARIABLE is not set"),
        ("storage: {custom: {module: nowhere.at_all, class: X, config: {}}}", "Couldn't import module nowhere.at_all"),
        ("storag: {}", 'Received unexpected config entry "storag" at the root'),
        ("run_monitoring: {enabled: hunter2}", "Invalid scalar at path root:run_monitoring:enabled"),
        ("[a]", "parse to dictionary"),
    ],
)
def test_an_instance_that_cannot_be_opened_says_why_and_quotes_no_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, reason: str
) -> None:
    home = _home(tmp_path, content)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with pytest.raises(SettingsError, match="cannot be opened") as raised, opened_instance(home, is_ours=False):
        raise AssertionError("it was opened")
    assert reason in raised.value.message
    assert str(home / "dagster.yaml") in raised.value.remedy
    assert "hunter2" not in str(raised.value)


def test_a_storage_on_psycopg_3_is_refused_before_a_run_fails(tmp_path: Path, empty_database_url: str) -> None:
    plain = empty_database_url.replace("postgresql+psycopg:", "postgresql:")
    home = _home(tmp_path, f'storage: {{postgres: {{postgres_url: "{plain}"}}}}')
    with pytest.raises(SettingsError, match="is not on psycopg2") as raised:
        describe_storage(home, None)
    assert "scheme: postgresql+psycopg2" in raised.value.remedy


def test_a_storage_of_their_own_that_is_gone_is_not_called_ours(tmp_path: Path) -> None:
    gone = "postgresql+psycopg2://u:hunter2@127.0.0.1:9/dagster"
    home = _home(tmp_path, f'storage: {{postgres: {{postgres_url: "{gone}"}}}}')
    with pytest.raises(SettingsError, match="Connection refused") as raised:
        describe_storage(home, None)
    assert "LIVEDASH_DAGSTER_URL" not in str(raised.value)
    assert "hunter2" not in str(raised.value)
