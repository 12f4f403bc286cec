"""One poll of 1,000 open batches: seconds, and calls to the service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import httpx2
from sqlalchemy import insert

from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_batch_requests
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.rules.service.gateway import BatchGateway
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.settings import isolated_settings
from tests.benchmarks.data import MODEL
from tests.benchmarks.figures import Figure
from tests.benchmarks.servers import batch_api
from tests.benchmarks.site import Site, Stopwatch, make_company, require, settle_down

_BATCHES = 1_000
# So slow that no batch gets on meanwhile: what is measured is a poll of open batches.
_SPEED = 0.001


def measure(site: Site, size: int) -> list[Figure]:
    """The number of batches is that of the goal, whatever the size, unless that is smaller."""
    count = min(size, _BATCHES)
    company = make_company(site)
    calls: list[str] = []
    watch = Stopwatch()
    with batch_api(site, speed=_SPEED) as server, _counted(server.url, calls) as gateway:
        settings = isolated_settings({}, openai_base_url=server.url, openai_api_key="bench")
        context = BatchContext(site.engine, gateway, KINDS, settings, spool_dir=site.scratch)
        open_batches(context, company.id, count)
        settle_down(site)
        calls.clear()
        with watch.running():
            report = poll_batches(context)
    require((report.open, report.looked_up, report.failed) == (count, 0, 0), str(report))
    return [
        Figure("poll", size, count, watch.seconds, watch.peak_mb, unit="s", goal=5),
        Figure("poll: calls", size, count, watch.seconds, watch.peak_mb, value=len(calls), unit="calls", goal=15),
    ]


@contextmanager
def _counted(url: str, calls: list[str]) -> Iterator[BatchGateway]:
    """A gateway whose every call is noted."""
    hooks = {"request": [lambda request: calls.append(f"{request.method} {request.url.path}")]}
    with httpx2.Client(trust_env=False, event_hooks=hooks) as http, connect(url, "bench", http_client=http) as gateway:
        yield gateway


def open_batches(context: BatchContext, company_id: UUID, count: int) -> None:
    """Batches at the service, all on one input file, and a row for each."""
    path = context.spool_dir / "input.jsonl"
    path.write_text('{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {}}\n')
    file_id = context.gateway.upload_input(path, path.name).id
    with context.engine.begin() as connection:
        now = database_now(connection)
        rows = [_row(context, company_id, now, _create(context, file_id)) for _ in range(count)]
        connection.execute(insert(ai_batch_requests), rows)


def _create(context: BatchContext, file_id: str) -> str:
    return context.gateway.create_batch(file_id, metadata={"livedash_company": "acme"}, deadline=60).id


def _row(context: BatchContext, company_id: UUID, now: datetime, name: str) -> dict[str, object]:
    return {
        "company_id": company_id,
        "model": MODEL,
        "status": BatchStatus.VALIDATING,
        "remote_status": "validating",
        "endpoint": context.endpoint,
        "key_fingerprint": context.key_fingerprint,
        "remote_batch_id": name,
        "request_count": 1,
        "body_bytes": 1_000,
        "token_estimate": 100,
        "created_at": now,
        "create_started_at": now,
        "submitted_at": now,
        "status_changed_at": now,
    }
