"""Dagster's home: writes ours, leaves a given one as it is, and says where its storage is and what it lacks.

Everything about the files in DAGSTER_HOME belongs here; opening the instance is `defs.instances`. What a foreign dagster.yaml
means is decided in `overview.rules.dagster_instance`.
"""

from __future__ import annotations

import os
from pathlib import Path

import yaml
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from livedash_pipeline.base.rules.database.address import read_parameters, with_hosts_apart
from livedash_pipeline.errors import SettingsError
from livedash_pipeline.overview.rules.dagster_instance import describe_lacks, find_lacks, needs_our_storage
from livedash_pipeline.paths import shipped
from livedash_pipeline.settings import Settings
from livedash_pipeline.storage import writing

INSTANCE_FILE = "dagster.yaml"
# The location has the name that workspace.yaml and pyproject.toml give it: cursors and switches of sensors belong to it.
_WORKSPACE = """\
load_from:
  - python_module:
      module_name: livedash_pipeline.definitions
      attribute: defs
      location_name: livedash_pipeline
"""


def workspace_file(settings: Settings) -> Path:
    """The workspace file for processes that run anywhere; never in a DAGSTER_HOME of somebody's own."""
    return settings.own_dagster_home / "workspace.yaml"


def write_dagster_home(settings: Settings) -> None:
    """Writes the workspace file, and Dagster's instance file as it ships with the package.

    The instance file of a given DAGSTER_HOME is only written where there is none; the one in LIVEDASH_HOME follows this version.
    """
    shipped_file = shipped(INSTANCE_FILE).read_text(encoding="utf-8")
    _write(workspace_file(settings), _WORKSPACE, "LIVEDASH_HOME")
    target = settings.dagster_directory / INSTANCE_FILE
    if settings.has_own_instance:
        _write(target, shipped_file, "LIVEDASH_HOME")
    elif foreign_instance(settings) is None:
        _write(target, shipped_file, "DAGSTER_HOME")


def foreign_instance(settings: Settings) -> object | None:
    """The parsed dagster.yaml of a given DAGSTER_HOME; None where the instance is ours, or is about to be.

    Raises:
        SettingsError: It cannot be read, or is no YAML.
    """
    if settings.has_own_instance:
        return None
    path = settings.dagster_directory / INSTANCE_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise _unusable(path, f"cannot be read: {reason}") from None
    if text == shipped(INSTANCE_FILE).read_text(encoding="utf-8"):
        return None
    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise _unusable(path, "is no YAML" + (f": look at line {mark.line + 1}" if mark else "")) from None


def needs_dagster_url(settings: Settings) -> bool:
    """Whether Dagster finds its storage by LIVEDASH_DAGSTER_URL."""
    foreign = foreign_instance(settings)
    return foreign is None or needs_our_storage(foreign)


def lacks_of_instance(settings: Settings) -> str:
    """A sentence with what the dagster.yaml of a given DAGSTER_HOME lacks; empty where it lacks nothing."""
    lacks = find_lacks(foreign) if (foreign := foreign_instance(settings)) is not None else ()
    return describe_lacks(str(settings.dagster_directory / INSTANCE_FILE), lacks) if lacks else ""


def dagster_url(settings: Settings) -> str | None:
    """LIVEDASH_DAGSTER_URL as psycopg2 reads it; None where it is not needed.

    Raises:
        SettingsError: It is missing, or is no address that psycopg2 can read.
    """
    if not needs_dagster_url(settings):
        return None
    if settings.livedash_dagster_url is None:
        raise SettingsError(
            "DATABASE_URL is set and LIVEDASH_DAGSTER_URL is not.",
            remedy="Set it to a database of its own: postgresql+psycopg2://USER:PASSWORD@HOST/dagster.",
        )
    url = with_hosts_apart(settings.livedash_dagster_url)
    if not _speaks_psycopg2(url):
        raise SettingsError(
            "LIVEDASH_DAGSTER_URL is no address with postgresql+psycopg2://, the driver that Dagster's storage speaks.",
            remedy="Write postgresql+psycopg2://USER:PASSWORD@HOST/dagster.",
        )
    unknown = read_parameters(make_url(url).query).others
    if unknown:
        raise SettingsError(
            f"LIVEDASH_DAGSTER_URL has {', '.join(unknown)}, which the driver of Dagster's storage does not know.",
            remedy="Take it out; a schema is named with options=-c%20search_path%3DNAME.",
        )
    return url


def _speaks_psycopg2(url: str) -> bool:
    try:
        return make_url(url).drivername == "postgresql+psycopg2"
    except (ArgumentError, ValueError):
        return False


def _unusable(path: Path, reason: str) -> SettingsError:
    return SettingsError(
        f"{path} {reason}.", remedy="Correct it, or unset DAGSTER_HOME to use livedash's own instance of Dagster."
    )


def _write(target: Path, content: str, setting: str) -> None:
    with writing("Dagster's configuration", target.parent, setting=setting):
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_text(encoding="utf-8") != content:
            _replace(target, content)


def _replace(target: Path, content: str) -> None:
    """Replaces a file whole or not at all, since another process may be reading it."""
    written = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        written.write_text(content, encoding="utf-8")
        written.replace(target)
    except OSError:
        written.unlink(missing_ok=True)
        raise
