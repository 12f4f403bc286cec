"""The console behind a real socket, and people who are signed in to it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import Engine

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.logs import configure_logging
from tests.api.world import Api, add_requests, api_settings, running_api
from tests.conftest import migrated_database
from tests.web.probe import pages


@pytest.fixture(autouse=True, scope="module")
def quiet_logs() -> Iterator[None]:
    """The access log of servers in threads stays out of the report."""
    configure_logging("text", logging.CRITICAL)
    yield
    logging.getLogger("livedash_pipeline").handlers = []
    structlog.reset_defaults()


@pytest.fixture
def api(engine: Engine, tmp_path: Path) -> Iterator[Api]:
    """The server, without limits of rate."""
    with running_api(api_settings(tmp_path), engine, make_pages=pages) as running:
        yield running


@pytest.fixture(scope="module")
def quiet_api(postgres_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for the tests that change no row: the company acme has one failed request."""
    with migrated_database(postgres_template) as url:
        engine = make_engine(url)
        try:
            add_requests(engine, {"PROCESSING_FAILED": 1})
            with running_api(api_settings(tmp_path_factory.mktemp("home")), engine, make_pages=pages) as running:
                yield running
        finally:
            engine.dispose()
