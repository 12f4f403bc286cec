"""A Batch API server, a gateway to it and a company, for tests of the steps around batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from livedash_pipeline.money.store.rates import set_rate
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.settings import Settings
from tests.support.batch_round import Begin, Round
from tests.support.batch_service import BASE_URL, KEY, BatchService
from tests.support.hostile_proxy import HostileProxy, hostile_proxy
from tests.support.prices import have_prices
from tests.support.rows import insert_company, insert_requests


@pytest.fixture
def batch_api(tmp_path: Path) -> Iterator[RunningServer]:
    """The local Batch API server, which finishes batches at the next look."""
    with running_server(tmp_path / "batch-api", speed=0) as server:
        yield server


@pytest.fixture
def company(engine: Engine) -> Company:
    """A working company without sessions, in a database with prices and a rate."""
    from decimal import Decimal

    with engine.begin() as connection:
        now = database_now(connection)
        have_prices(connection, now=now)
        set_rate(connection, now.date(), Decimal("0.9"), "test", now)
        return insert_company(connection)


@pytest.fixture
def context(engine: Engine, batch_api: RunningServer, tmp_path: Path) -> Iterator[BatchContext]:
    """What the steps around batches are given."""
    settings = Settings(openai_base_url=batch_api.base_url, openai_api_key="test-key")
    with connect(batch_api.base_url, "test-key") as gateway:
        yield BatchContext(engine, gateway, KINDS, settings, spool_dir=tmp_path / "spool", sleep=lambda _: None)


@pytest.fixture
def proxy(batch_api: RunningServer) -> Iterator[HostileProxy]:
    """A proxy in front of the local server; it passes everything on until a test gives it a plan."""
    with hostile_proxy(batch_api.base_url) as running:
        yield running


@pytest.fixture
def through_proxy(engine: Engine, proxy: HostileProxy, tmp_path: Path) -> Iterator[BatchContext]:
    """What the steps around batches are given, with the local server behind the proxy."""
    settings = Settings(openai_base_url=proxy.base_url, openai_api_key=KEY)
    with connect(proxy.base_url, KEY) as gateway:
        yield BatchContext(engine, gateway, KINDS, settings, spool_dir=tmp_path / "spool")


@pytest.fixture
def service() -> BatchService:
    """A Batch API in memory."""
    return BatchService()


@pytest.fixture
def scripted(engine: Engine, service: BatchService, tmp_path: Path) -> Iterator[BatchContext]:
    """What the steps around batches are given, with the Batch API in memory."""
    settings = Settings(openai_base_url=BASE_URL, openai_api_key=KEY)
    with service.gateway() as gateway:
        yield BatchContext(engine, gateway, KINDS, settings, spool_dir=tmp_path / "spool", sleep=lambda _: None)


@pytest.fixture
def begin(engine: Engine, company: Company, scripted: BatchContext, service: BatchService) -> Begin:
    """Submits a batch of so many requests."""

    def start(count: int = 1, owner: Company | None = None) -> Round:
        with engine.begin() as connection:
            insert_requests(connection, owner or company, count)
        (batch,) = submit_pending(scripted, ignore_minimum=True, unhold=True).submitted
        return Round(engine, scripted, service, batch.remote_batch_id or "")

    return start
