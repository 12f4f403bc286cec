"""The console over a full database: first bytes, sizes of pages, memory, and what fifty readers cost other callers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import httpx2
from sqlalchemy import text

from tests.api.submission_site import make_token
from tests.benchmarks import bench_submissions as submissions
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.history import fill_history
from tests.benchmarks.servers import Server, http_api
from tests.benchmarks.site import Site, make_company, settle_down

_CALLS = 40
_FIRST_BYTE_MS = 100.0
_LARGEST_KB = 60.0
_MOST_MB = 25.0
_READERS = 50
# A reader looks at a page for so long before the next one.
_THINK_SECONDS = 5.0
_SLOWED = 1.1
_LEAST_BATCHES = 20


@dataclass(frozen=True)
class Seen:
    """A page: seconds until its first byte, over many calls, and its bytes."""

    path: str
    seconds: list[float]
    size: int


def measure(site: Site, size: int) -> list[Figure]:
    """Every page in turn, one reader; then sessions submitted with and without fifty readers."""
    fill_history(site, make_company(site), size)
    settle_down(site)
    with http_api(site) as server, reader(site, server) as http:
        before = server.process.memory_info().rss / 1e6
        calls = _CALLS if site.apart else 2
        seen = [look(http, path, calls=calls) for path in pages(site)]
        used = server.process.memory_info().rss / 1e6
        alone, crowded = _submitted(site, server, http, size)
    slowest = max(seen, key=lambda page: percentile(page.seconds, 0.95))
    largest = max(seen, key=lambda page: page.size)
    every = [second for page in seen for second in page.seconds]
    figure = partial(Figure, size=size, peak_mb=used)
    return [
        figure(
            f"console: first byte, p95 of {slowest.path}",
            rows=len(every),
            seconds=sum(every),
            value=percentile(slowest.seconds, 0.95) * 1000,
            unit="ms",
            goal=_FIRST_BYTE_MS,
        ),
        *(
            figure(
                f"console: {page.path}, p95",
                rows=len(page.seconds),
                seconds=sum(page.seconds),
                value=percentile(page.seconds, 0.95) * 1000,
                unit="ms",
            )
            for page in seen
        ),
        figure(
            f"console: largest page, {largest.path}",
            rows=1,
            seconds=sum(largest.seconds),
            value=largest.size / 1000,
            unit="kB",
            goal=_LARGEST_KB,
        ),
        figure(
            "console: memory after every page",
            rows=len(seen),
            seconds=sum(every),
            value=max(used - before, 0.1),
            unit="MB",
            goal=_MOST_MB,
        ),
        figure(
            "console: submissions beside 50 readers",
            rows=_LEAST_BATCHES,
            seconds=crowded,
            yardstick=alone,
            goal=_SLOWED,
        ),
    ]


def pages(site: Site) -> list[str]:
    """Every page of an operator, lists with filters that have an index and with some that have none, and one row of each kind."""
    with site.engine.connect() as connection:
        ids = {
            table: connection.execute(text(f"SELECT id FROM {table} ORDER BY id DESC LIMIT 1")).scalar_one()
            for table in ("ai_processing_requests", "ai_batch_requests", "sessions")
        }
    return [
        "/console/overview",
        "/console/requests",
        "/console/requests?status=processing_failed&error_code=truncated&company=acme",
        "/console/requests?status=processing_complete&error_code=missing",
        f"/console/requests/{ids['ai_processing_requests']}",
        "/console/batches",
        "/console/batches?company=acme",
        f"/console/batches/{ids['ai_batch_requests']}",
        "/console/rejects",
        "/console/sessions",
        "/console/sessions?company=acme&language=nl&sentiment=negative",
        "/console/sessions/texts?words=nothingholdsthis",
        f"/console/sessions/{ids['sessions']}",
        "/console/results?company=acme",
        "/console/spend",
        "/console/chat-batches",
        "/console/companies",
        "/console/prices",
        "/console/tokens",
        "/console/audit",
    ]


@contextmanager
def reader(site: Site, server: Server) -> Iterator[httpx2.Client]:
    """An operator who is signed in."""
    with httpx2.Client(base_url=server.url, timeout=60, trust_env=False) as http:
        form = {"token": make_token(site.engine, None)}
        http.post("/console/sign-in", data=form, headers={"Sec-Fetch-Site": "same-origin"})
        yield http


def look(http: httpx2.Client, path: str, *, calls: int) -> Seen:
    """Asks for a page so many times."""
    seconds, size = [], 0
    for _ in range(calls):
        begun = time.perf_counter()
        with http.stream("GET", path) as answer:
            seconds.append(time.perf_counter() - begun)
            if answer.status_code != 200:
                raise RuntimeError(f"{path} answered {answer.status_code}")
            size = max(size, len(answer.read()))
    return Seen(path, seconds, size)


def _submitted(site: Site, server: Server, http: httpx2.Client, size: int) -> tuple[float, float]:
    """Seconds that the same number of submitted sessions takes without readers, and with them."""
    token = make_token(site.engine, "acme")
    batch = max(min(1_000, size // _LEAST_BATCHES), 1)
    template = submissions.template()
    send = partial(submissions.send, server.url, token, template, batch)
    send(-1)
    alone = submissions.timed(send, range(_LEAST_BATCHES))
    with _readers(http):
        crowded = submissions.timed(send, range(_LEAST_BATCHES, 2 * _LEAST_BATCHES))
    return alone, crowded


@contextmanager
def _readers(http: httpx2.Client) -> Iterator[None]:
    done = threading.Event()
    paths = ("/console/overview", "/console/requests", "/console/results?company=acme", "/console/spend")

    def read(number: int) -> None:
        # Not all at the same moment.
        wait = _THINK_SECONDS * number / _READERS
        while not done.wait(wait):
            http.get(paths[number % len(paths)])
            wait = _THINK_SECONDS

    threads = [threading.Thread(target=read, args=(number,)) for number in range(_READERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()
