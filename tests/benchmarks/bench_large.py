"""Reads and steps on a database of many rows: with two sizes, how much longer each takes on the larger one.

`SIZE=1m,10m make bench ONLY=large` compares a million sessions with ten. Each read of `tests.benchmarks.probes` is made once
after the server has started anew and its files have left the operating system's cache, and then warm. A tenth of a second is
the least that is compared: below it, a plan costs more than the rows.
"""

from __future__ import annotations

import os
import re
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import Engine, text

from livedash_pipeline.embedded_postgres.server import start_postgres, stop_postgres
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.costs.spend_sums import bring_sums_up_to_date
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.settings import isolated_settings
from tests.benchmarks import bench_console as console
from tests.benchmarks.bench_ingest import transactions
from tests.benchmarks.bench_poll import open_batches
from tests.benchmarks.figures import Figure
from tests.benchmarks.large_data import Filled, fill_large
from tests.benchmarks.probes import Probe, probes
from tests.benchmarks.servers import batch_api, http_api
from tests.benchmarks.site import Site, peak_mb, require, settle_down

_FILLING_GOAL = 1_200.0
_CALLS = 5
# A read that takes longer is not made again.
_ENOUGH = 10.0
_OPEN_BATCHES = 1_000
_LOOKS = 10
_PATIENCE = 600.0
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def measure(site: Site, size: int) -> list[Figure]:
    """Fills a database, asks everything of it cold and warm, and then polls, settles and shows pages."""
    filled = fill_large(site, size)
    settle_down(site)
    figures = [Figure("large: filling", size, size, filled.seconds, peak_mb(), unit="s", goal=_FILLING_GOAL)]
    begun = time.perf_counter()
    bring_sums_up_to_date(site.engine, most_entries=2 * size)
    figures.append(Figure("large: summing all spending", size, size, time.perf_counter() - begun, peak_mb(), unit="s"))
    settle_down(site)
    figures += _asked(site, size, filled)
    figures += _settled(site, size, filled)
    figures += _polled(site, size)
    figures += _looked_at(site, size)
    return figures


def _asked(site: Site, size: int, filled: Filled) -> Iterator[Figure]:
    with site.engine.connect() as connection:
        asked = probes(connection, filled.company)
    _make_cold(site)
    cold = {probe.name: _once(site.engine, probe.ask) for probe in asked}
    for probe in asked:
        yield _whole(f"{probe.name}, cold", size, cold[probe.name])
        yield _whole(probe.name, size, _warm(site, probe))


def _once(engine: Engine, ask: Callable[..., object]) -> float:
    with engine.connect() as connection:
        begun = time.perf_counter()
        ask(connection)
        seconds = time.perf_counter() - begun
        connection.rollback()
    return seconds


def _warm(site: Site, probe: Probe) -> float:
    """The median of some calls."""
    seconds: list[float] = []
    while len(seconds) < (_CALLS if site.apart else 1) and sum(seconds) < _ENOUGH:
        seconds.append(_once(site.engine, probe.ask))
    return statistics.median(seconds)


def _whole(name: str, size: int, seconds: float) -> Figure:
    return Figure(f"large: {name}", size, 1, seconds, peak_mb(), unit="s", whole=True)


def _make_cold(site: Site) -> None:
    """Starts the server anew, and asks the operating system to forget its files; not in tests, whose server others use."""
    if not site.apart:
        return
    home = site.scratch.parent.parent
    with site.engine.connect() as connection:
        directory = Path(connection.execute(text("SHOW data_directory")).scalar_one())
    site.engine.dispose()
    stop_postgres(home)
    for path in directory.rglob("*"):
        if path.is_file() and hasattr(os, "posix_fadvise"):
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)
    start_postgres(home)


def _settled(site: Site, size: int, filled: Filled) -> Iterator[Figure]:
    """What waits is submitted and answered by the local Batch API; told are the longest transaction, and all of it."""
    held = list[float]()
    with batch_api(site, speed=0) as server, connect(server.url, "bench") as gateway:
        settings = isolated_settings({}, openai_base_url=server.url, openai_api_key="bench")
        context = BatchContext(site.engine, gateway, KINDS, settings, spool_dir=site.scratch)
        begun = time.perf_counter()
        submit_pending(context, ignore_minimum=True)
        yield _whole("submit of what waits", size, time.perf_counter() - begun)
        while poll_batches(context).open:
            require(time.perf_counter() - begun < _PATIENCE, "no batch has ended")
            time.sleep(0.2)
        begun = time.perf_counter()
        with transactions(site.engine, held):
            report = ingest_finished(context)
        require(report.outcomes["parsed"] == filled.waiting, str(report))
    yield _whole("ingest of what was waiting", size, time.perf_counter() - begun)
    yield _whole("settling a batch", size, max(held))


def _polled(site: Site, size: int) -> Iterator[Figure]:
    count = min(size, _OPEN_BATCHES)
    with batch_api(site, speed=0.001) as server, connect(server.url, "bench") as gateway:
        settings = isolated_settings({}, openai_base_url=server.url, openai_api_key="bench")
        context = BatchContext(site.engine, gateway, KINDS, settings, spool_dir=site.scratch)
        with site.engine.connect() as connection:
            company_id = connection.execute(text("SELECT id FROM companies WHERE slug = 'acme'")).scalar_one()
        open_batches(context, company_id, count)
        begun = time.perf_counter()
        require(poll_batches(context).open == count, "a batch has ended")
    yield _whole("poll of 1,000 open batches", size, time.perf_counter() - begun)


def _looked_at(site: Site, size: int) -> Iterator[Figure]:
    """Pages of the console, by the median of some looks: the first of them count what others are shown."""
    with http_api(site) as server, console.reader(site, server) as http:
        for path in console.pages(site):
            seen = console.look(http, path, calls=_LOOKS if site.apart else 1)
            yield _whole(f"console: {_ID.sub('ID', seen.path)}", size, statistics.median(seen.seconds))
