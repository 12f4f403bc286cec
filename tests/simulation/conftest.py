"""One simulation per process: a database of its own, cloned from the migrated template, and no log lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from livedash_pipeline.base.store.connect import make_engine
from tests.simulation.database import own_database
from tests.simulation.runner import Simulation

_CRITICAL = 50


@pytest.fixture(scope="session")
def simulation_database(postgres_template: str) -> Iterator[str]:
    """URL of a database that the simulation of this process has for itself."""
    with own_database(postgres_template) as url:
        yield url


@pytest.fixture(scope="session")
def session_simulation(simulation_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    """The simulation of this process."""
    engine = make_engine(simulation_database)
    yield Simulation(engine, Path(tmp_path_factory.mktemp("simulation")))
    engine.dispose()


@pytest.fixture
def quiet() -> Iterator[None]:
    """Workers log thousands of lines that nobody reads."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture
def simulation(session_simulation: Simulation, quiet: None) -> Simulation:
    """The simulation, quiet."""
    return session_simulation


@pytest.fixture
def simulation_of_two_kinds(postgres_template: str, tmp_path: Path, quiet: None) -> Iterator[Simulation]:
    """A simulation in which every company has subjects of a second kind, too."""
    with own_database(postgres_template) as url:
        engine = make_engine(url)
        yield Simulation(engine, tmp_path, second_kind=True)
        engine.dispose()
