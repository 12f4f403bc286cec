"""Serves the files of the demo's companies at the same address as before, and adds the companies.

`demo` and `dev` serve it alike, so that what the demo imported can be imported again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.local.ports import free_port, is_free
from livedash_pipeline.local.sample_data.demo_set import demo_companies, demo_sources
from livedash_pipeline.local.sample_data.generate import SampleCompany
from livedash_pipeline.local.sample_data.source_server import RunningSource, running_source
from livedash_pipeline.storage import writing

_Server = TypeVar("_Server")

CREATED_BY = "demo"


@contextmanager
def kept_port(home: Path, name: str, serve: Callable[[int], AbstractContextManager[_Server]]) -> Iterator[_Server]:
    """Serves on the port of the last demo in this home, if it is free: an unchanged address is an unchanged CSV."""
    with writing("The ports of the demo", home, setting="LIVEDASH_HOME"):
        home.mkdir(parents=True, exist_ok=True)
        note = home / "demo-ports.json"
        ports: dict[str, int] = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
        if name not in ports or not is_free(ports[name]):
            ports[name] = free_port()
            note.write_text(json.dumps(ports), encoding="utf-8")
    with serve(ports[name]) as server:
        yield server


@contextmanager
def demo_source(home: Path) -> Iterator[RunningSource]:
    """Serves the demo's CSVs and transcripts."""
    with kept_port(home, "source", lambda port: running_source(*demo_sources(), port=port)) as source:
        yield source


def demo_credentials() -> dict[str, str]:
    """The variables that the demo's companies name for their user names and passwords, with their values."""
    return {
        _variable(sample, kind): value
        for sample in demo_companies()
        if sample.password
        for kind, value in (("USERNAME", sample.username), ("PASSWORD", sample.password))
    }


def demo_changes(sample: SampleCompany, source: RunningSource) -> CompanyChanges:
    """Returns the values of a demo company's row, with the source's present address."""
    return CompanyChanges(
        name=sample.name,
        csv_url=source.csv_url(sample.slug),
        time_zone=sample.time_zone,
        bot_names=[sample.bot_name] if sample.bot_name else None,
        csv_username_env=_variable(sample, "USERNAME") if sample.password else None,
        csv_password_env=_variable(sample, "PASSWORD") if sample.password else None,
    )


def _variable(sample: SampleCompany, kind: str) -> str:
    return f"DEMO_{sample.slug.upper().replace('-', '_')}_{kind}"
