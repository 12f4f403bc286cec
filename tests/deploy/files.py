"""The files of deploy/ as data, and what of them is a setting or a secret. Add what several tests of them need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from livedash_pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))

# What nobody but its owner may read: settings that no `repr` shows, addresses with passwords, and passwords of Postgres.
SECRETS = {name.upper() for name, field in Settings.model_fields.items() if not field.repr} | {
    "DATABASE_URL",
    "LIVEDASH_DAGSTER_URL",
    "DAGSTER_PG_PASSWORD",
    "POSTGRES_PASSWORD",
}
_SETTING = re.compile(r"\b(?:LIVEDASH|OPENAI|BATCH)_[A-Z_]+\b|\bDATABASE_URL\b")
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?P<how>:-|:\?)?(?P<rest>[^}]*)\}")


def load(path: Path) -> Any:
    """The one document of a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def documents(path: Path) -> list[dict[str, Any]]:
    """All documents of a YAML file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def named_settings(path: Path) -> set[str]:
    """Every word of a file that has the form of a setting."""
    return set(_SETTING.findall(path.read_text(encoding="utf-8")))


def interpolated(text: str, environ: Mapping[str, str]) -> str:
    """What Compose makes of `${NAME}`, `${NAME:-default}` and `${NAME:?message}`.

    Raises:
        KeyError: A variable that has to be set is not.
    """

    def value(found: re.Match[str]) -> str:
        given = environ.get(found["name"], "")
        if given or found["how"] is None:
            return given
        if found["how"] == ":-":
            return found["rest"]
        raise KeyError(found["name"])

    return _VARIABLE.sub(value, text)


def workloads() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and pod of every Deployment and Job of the manifests."""
    for path in MANIFESTS:
        for document in documents(path):
            if document["kind"] in {"Deployment", "Job"}:
                yield document["metadata"]["name"], document["spec"]["template"]["spec"]
