"""Worlds for tests of Dagster's parts: a fresh one per test, and one per module whose company is analysed to the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine

from tests.conftest import migrated_database
from tests.defs.ailing import Health
from tests.defs.world import World, made_world


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A company that has published and whose CSV nobody has read."""
    with made_world(database_url, tmp_path) as world:
        yield world


@pytest.fixture(scope="module")
def analysed(postgres_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world after the whole flow; tests leave it as they find it."""
    with (
        migrated_database(postgres_template) as database_url,
        made_world(database_url, tmp_path_factory.mktemp("analysed")) as world,
    ):
        world.flow()
        yield world


@pytest.fixture
def health(engine: Engine, database_url: str) -> Iterator[Health]:
    """A company without sessions, imported a moment ago."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Health(engine, database_url, instance)
