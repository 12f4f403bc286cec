"""Results of batches of 50,000 taken in, from the download to the settlement, against the COPY; the settlement also by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, event

from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.rules.service.gateway import BatchGateway
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.settings import isolated_settings
from tests.benchmarks.copying import Input, Rows, seconds_of_copy
from tests.benchmarks.data import BATCH, IN_FLIGHT, fill_requests
from tests.benchmarks.figures import Figure
from tests.benchmarks.servers import batch_api
from tests.benchmarks.site import Site, Stopwatch, make_company, require, settle_down

_WRITTEN = (
    Rows("ai_request_attempts"),
    Rows("ai_processing_requests", "batch_id IS NOT NULL"),
    Rows("sessions", "id IN (SELECT session_id FROM ai_processing_requests WHERE batch_id IS NOT NULL)"),
    Rows("session_processing_status", "stage IN ('AI_ANALYSIS', 'QUESTION_EXTRACTION')"),
    Rows("questions"),
    Rows("session_questions"),
)


def measure(site: Site, size: int) -> list[Figure]:
    """The batches are submitted to the local Batch API, which answers all of them first."""
    pending = min(size, IN_FLIGHT)
    fill_requests(site, make_company(site), size, pending=pending)
    watch, held = Stopwatch(), list[float]()
    with batch_api(site, speed=0) as server, connect(server.url, "bench") as gateway:
        settings = isolated_settings({}, openai_base_url=server.url, openai_api_key="bench")
        context = BatchContext(site.engine, gateway, KINDS, settings, spool_dir=site.scratch / "spool")
        names = _answered(context)
        settle_down(site)
        with transactions(site.engine, held), watch.running():
            report = ingest_finished(context)
        require(report.outcomes["parsed"] == pending, str(report))
        results = [Input(path) for path in _downloads(gateway, names, site.scratch)]
    copy = seconds_of_copy(site, results, _WRITTEN)
    largest = min(pending, BATCH)
    return [
        Figure("ingest", size, pending, watch.seconds, watch.peak_mb, yardstick=copy, goal=3),
        Figure("ingest: settling a batch", size, largest, max(held), watch.peak_mb, unit="s", goal=15),
    ]


def _answered(context: BatchContext) -> list[str]:
    """Submits everything, and polls until all has ended; returns the service's ids."""
    submitted = submit_pending(context, ignore_minimum=True).submitted
    while poll_batches(context).open:
        time.sleep(0.2)
    return [batch.remote_batch_id for batch in submitted if batch.remote_batch_id]


@contextmanager
def transactions(engine: Engine, held: list[float]) -> Iterator[None]:
    """Notes how long each connection is in use; the longest time is that of a settlement, with its commit."""
    begun: dict[int, float] = {}

    def taken(driver: object, _record: object, _proxy: object) -> None:
        begun[id(driver)] = time.perf_counter()

    def given_back(driver: object, _record: object) -> None:
        held.append(time.perf_counter() - begun.pop(id(driver)))

    event.listen(engine, "checkout", taken)
    event.listen(engine, "checkin", given_back)
    try:
        yield
    finally:
        event.remove(engine, "checkout", taken)
        event.remove(engine, "checkin", given_back)


def _downloads(gateway: BatchGateway, names: list[str], directory: Path) -> Iterator[Path]:
    """The output files once more, for the yardstick."""
    for name in names:
        remote = gateway.retrieve_batch(name)
        require(remote.output_file_id is not None, f"{name} has no output file")
        path = directory / f"{name}.jsonl"
        gateway.download(remote.output_file_id or "", path)
        yield path
