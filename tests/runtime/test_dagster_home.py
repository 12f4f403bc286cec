"""Dagster's home: ours follows the version, one that is given stays as it is, and no setting is needed that nobody reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from livedash_pipeline.errors import SettingsError, StorageError
from livedash_pipeline.paths import shipped
from livedash_pipeline.runtime.dagster_home import (
    dagster_url,
    foreign_instance,
    lacks_of_instance,
    workspace_file,
    write_dagster_home,
)
from livedash_pipeline.runtime.environment import Environment, resolve_environment
from livedash_pipeline.settings import Settings, isolated_settings, load_settings

SHIPPED = shipped("dagster.yaml").read_text(encoding="utf-8")
FOREIGN = "storage: {sqlite: {base_dir: /var/dagster}}\n"
DATABASE = "postgresql://u@127.0.0.1:9/x"


def _given(tmp_path: Path, content: str | None) -> Settings:
    given = tmp_path / "given"
    if content is not None:
        given.mkdir()
        (given / "dagster.yaml").write_text(content, encoding="utf-8")
    return Settings(livedash_home=tmp_path / "home", dagster_home=given, database_url=DATABASE)


def test_our_home_is_written_once_whole_and_anew_by_another_version(tmp_path: Path) -> None:
    settings = isolated_settings({"LIVEDASH_HOME": str(tmp_path)})
    write_dagster_home(settings)
    files = {path.name: path.stat().st_mtime_ns for path in settings.own_dagster_home.iterdir()}
    assert files.keys() == {"dagster.yaml", "workspace.yaml"}
    write_dagster_home(settings)
    assert {path.name: path.stat().st_mtime_ns for path in settings.own_dagster_home.iterdir()} == files
    (settings.own_dagster_home / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    write_dagster_home(settings)
    assert (settings.own_dagster_home / "dagster.yaml").read_text() == SHIPPED


def test_a_given_home_gets_our_file_only_where_it_has_none(tmp_path: Path) -> None:
    settings = _given(tmp_path, None)
    write_dagster_home(settings)
    written = settings.dagster_directory / "dagster.yaml"
    assert written.read_text() == SHIPPED
    assert foreign_instance(settings) is None
    assert lacks_of_instance(settings) == ""
    # As an older version of the package would have written it.
    written.write_text(SHIPPED + "# of an older version\n")
    write_dagster_home(settings)
    assert written.read_text().endswith("# of an older version\n")
    assert lacks_of_instance(settings) == ""
    with pytest.raises(SettingsError, match="LIVEDASH_DAGSTER_URL is not"):
        dagster_url(settings)


def test_a_given_home_keeps_its_files_and_gets_no_workspace(tmp_path: Path) -> None:
    settings = _given(tmp_path, FOREIGN)
    (settings.dagster_directory / "workspace.yaml").write_text("load_from: []\n")
    write_dagster_home(settings)
    assert (settings.dagster_directory / "dagster.yaml").read_text() == FOREIGN
    assert (settings.dagster_directory / "workspace.yaml").read_text() == "load_from: []\n"
    assert workspace_file(settings) == tmp_path / "home" / "dagster" / "workspace.yaml"
    assert [path.name for path in settings.own_dagster_home.iterdir()] == ["workspace.yaml"]
    assert "does not set run_monitoring.enabled" in lacks_of_instance(settings)


def test_a_storage_of_its_own_needs_no_address_of_ours(tmp_path: Path) -> None:
    environment = resolve_environment(_given(tmp_path, FOREIGN))
    assert environment.dagster_url is None
    assert environment.exports() == {
        "LIVEDASH_HOME": str(tmp_path / "home"),
        "DAGSTER_HOME": str(tmp_path / "given"),
        "DATABASE_URL": DATABASE,
    }


def test_an_address_is_exported_where_the_given_file_reads_it(tmp_path: Path) -> None:
    settings = _given(tmp_path, "storage: {postgres: {postgres_url: {env: LIVEDASH_DAGSTER_URL}}}\n")
    url = "postgresql+psycopg2://u@127.0.0.1:9/dagster"
    found = resolve_environment(settings.model_copy(update={"livedash_dagster_url": url}))
    assert found.exports()["LIVEDASH_DAGSTER_URL"] == url


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"storage: {postgres: [\n", "dagster.yaml is no YAML: look at line 2"),
        (b"\xff\xfe", "dagster.yaml cannot be read: it is not UTF-8"),
    ],
)
def test_a_given_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    settings = _given(tmp_path, "")
    (settings.dagster_directory / "dagster.yaml").write_bytes(content)
    with pytest.raises(SettingsError, match=reason) as raised:
        write_dagster_home(settings)
    assert "unset DAGSTER_HOME" in raised.value.remedy
    assert (settings.dagster_directory / "dagster.yaml").read_bytes() == content


def test_a_directory_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    settings = _given(tmp_path, None)
    (settings.dagster_directory / "dagster.yaml").mkdir(parents=True)
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        write_dagster_home(settings)


def test_a_given_home_that_is_a_file_is_refused_by_the_name_of_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings(livedash_home=tmp_path / "home", dagster_home=tmp_path / "file")
    with pytest.raises((SettingsError, StorageError), match=f"{tmp_path}/file") as raised:
        write_dagster_home(settings)
    assert "DAGSTER_HOME" in raised.value.remedy


def test_a_given_home_may_be_relative_and_may_be_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    relative = load_settings({"LIVEDASH_HOME": "home", "DAGSTER_HOME": "elsewhere"}, None)
    assert relative.dagster_directory == tmp_path / "elsewhere"
    exported = Environment(relative, DATABASE, None, None).exports()
    assert exported["DAGSTER_HOME"] == str(tmp_path / "elsewhere")
    ours = load_settings({"LIVEDASH_HOME": "home", "DAGSTER_HOME": str(tmp_path / "home" / "dagster")}, None)
    assert ours.has_own_instance, "as `livedash env` exports it"


def test_the_demo_takes_no_dagster_home(tmp_path: Path) -> None:
    settings = isolated_settings({"LIVEDASH_HOME": str(tmp_path), "DAGSTER_HOME": "/elsewhere"})
    assert settings.dagster_directory == tmp_path / "dagster"
