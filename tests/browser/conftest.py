"""A browser, and the console over the demo's data."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog
from playwright.sync_api import Browser

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.logs import configure_logging
from tests.api.world import Api
from tests.browser.chromium import running_browser
from tests.browser.world import demo_world
from tests.conftest import migrated_database


@pytest.fixture(autouse=True, scope="session")
def quiet_logs() -> Iterator[None]:
    """The access log of servers in threads stays out of the report."""
    configure_logging("text", logging.CRITICAL)
    yield
    logging.getLogger("livedash_pipeline").handlers = []
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser, gone before the next module: Playwright keeps an event loop running, and others start their own."""
    with running_browser() as running:
        yield running


@pytest.fixture(scope="session")
def world(postgres_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The console over the demo's data, once per process: tests that change rows choose their own."""
    with migrated_database(postgres_template) as url:
        engine = make_engine(url)
        try:
            with demo_world(engine, tmp_path_factory.mktemp("home")) as api:
                yield api
        finally:
            engine.dispose()
