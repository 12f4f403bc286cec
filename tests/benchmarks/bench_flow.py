"""The whole flow: a company's CSV and transcripts from files on this machine to answers in Postgres, step by step.

The goal is for a service that answers at once. Ours is the local Batch API, which shares the machine and takes its time: it works
on batches only while it is waited for, which is told by itself and is no part of the flow's time.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial

from sqlalchemy import text

from livedash_pipeline.analysis.steps.import_company import IMPORT_STEPS, Done, ImportContext
from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.settings import Settings, isolated_settings
from tests.benchmarks.data import write_source
from tests.benchmarks.figures import Figure
from tests.benchmarks.servers import PatientService, patient_batch_api
from tests.benchmarks.site import Site, Stopwatch, make_company, require, settle_down

GOAL_SECONDS = 90
_GOAL_SIZE = 100_000


def measure(site: Site, size: int) -> list[Figure]:
    """Every step as its command runs it, one after the other, in one process."""
    make_company(site, csv_url=str(site.scratch / "acme.csv"))
    write_source(site.scratch, size)
    settle_down(site)
    steps: dict[str, Stopwatch] = defaultdict(Stopwatch)
    begun, computed = _written(site), time.process_time()
    with patient_batch_api(site) as service, connect(service.server.url, "bench") as gateway:
        server = service.server
        settings = isolated_settings({}, openai_base_url=server.url, openai_api_key="bench")
        served = server.process.cpu_times()
        for name, run in _import_steps(site, settings):
            with steps[name].running():
                run()
        context = BatchContext(site.engine, gateway, KINDS, settings, spool_dir=site.scratch)
        waited = _analyse(context, service, size, steps)
        ended = server.process.cpu_times()
    computed = time.process_time() - computed
    log, disk = (after - before for before, after in zip(begun, _written(site), strict=True))
    seconds = sum(watch.seconds for watch in steps.values())
    peak = max(watch.peak_mb for watch in steps.values())
    served_cpu = ended.user + ended.system - served.user - served.system
    return [
        Figure("flow", size, size, seconds, peak, unit="s", goal=GOAL_SECONDS * size / _GOAL_SIZE),
        *(Figure(f"flow: {name}", size, size, watch.seconds, watch.peak_mb, unit="s") for name, watch in steps.items()),
        Figure("flow: waiting for the service", size, size, waited, peak, unit="s"),
        # Its clock counts in hundredths.
        Figure("flow: CPU of the service", size, size, max(served_cpu, 0.01), peak, unit="s"),
        Figure("flow: CPU of our process", size, size, computed, peak, unit="s"),
        Figure("flow: write-ahead log", size, size, seconds, peak, value=log / size, unit="bytes a session"),
        Figure("flow: database", size, size, seconds, peak, value=disk / size, unit="bytes a session"),
    ]


def _import_steps(site: Site, settings: Settings) -> Iterator[tuple[str, Callable[[], Done]]]:
    with site.engine.connect() as connection:
        company = get_company(connection, "acme")
    context = ImportContext(site.engine, company, settings, {})
    for each in IMPORT_STEPS:
        yield each.name, partial(each.run, context)


def _analyse(context: BatchContext, service: PatientService, size: int, steps: dict[str, Stopwatch]) -> float:
    """Sends everything and takes it in; returns the seconds in which the service was waited for."""
    done, waited = 0, 0.0
    while done < size:
        with steps["submit"].running():
            sent = submit_pending(context, ignore_minimum=True).submitted
        require(bool(sent), f"nothing was sent after {done} of {size} answers")
        begun = time.perf_counter()
        with service.working():
            for batch in sent:
                _await(context, batch.remote_batch_id or "")
        waited += time.perf_counter() - begun
        with steps["poll"].running():
            poll_batches(context)
        with steps["ingest"].running():
            done += sum(ingest_finished(context).outcomes.values())
    require(done == size, f"{done} of {size} answers")
    return waited


def _await(context: BatchContext, remote_batch_id: str) -> None:
    while context.gateway.retrieve_batch(remote_batch_id).status_word != "completed":
        time.sleep(0.05)


def _written(site: Site) -> tuple[float, float]:
    """Bytes of the write-ahead log so far, which nobody else writes meanwhile, and of the database."""
    with site.engine.connect() as connection:
        row = connection.execute(
            text("SELECT pg_current_wal_insert_lsn() - '0/0', pg_database_size(current_database())")
        ).one()
    return float(row[0]), float(row[1])
