"""How many submitted sessions a second one server process takes in, and whether its memory stays flat.

The first batches are sent twice, so that the rate of repeats is known as well. Server, Postgres and clients share the machine.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import httpx2
import psutil

from tests.api.submission_site import NDJSON, add_companies, make_token
from tests.benchmarks.figures import GROWTH_GOAL, Figure
from tests.benchmarks.servers import Server, http_api
from tests.benchmarks.site import Site
from tests.support.submitted import submission

_SAID = "How many days of leave do I have left this year, and until when do I have to take them, please? "
_NAME = "name-of-the-session-comes-here"
_MESSAGES = 8
_CLIENTS = 2
_LARGEST_BATCH = 5_000
_LEAST_BATCHES = 20
_SAMPLE_SECONDS = 0.05


@dataclass
class Memory:
    """Resident memory of a process, looked at all the time, in megabytes."""

    process: psutil.Process
    samples: list[float] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Looks until it is told to stop."""
        while not self.done.wait(_SAMPLE_SECONDS):
            self.samples.append(self.process.memory_info().rss / 1e6)

    def peak(self, first: float = 0, last: float = 1) -> float:
        """The most within a part of the time, given as shares of it."""
        count = len(self.samples)
        return max(self.samples[int(count * first) : max(int(count * last), 1)], default=0.0)


def measure(site: Site, size: int) -> list[Figure]:
    """Sessions of eight messages, in batches of 5,000 or a twentieth of all."""
    add_companies(site.engine)
    token = make_token(site.engine, "acme")
    batch = max(min(_LARGEST_BATCH, size // _LEAST_BATCHES), 1)
    batches = range(-(-size // batch))
    repeats = batches[: max(2, len(batches) // 5)]
    with http_api(site) as server:
        one = partial(send, server.url, token, template(), batch)
        one(-1)
        first, memory = _watched(server, one, batches)
        again = timed(one, repeats)
    rows, peak = len(batches) * batch, memory.peak()
    begin, end = memory.peak(0, 1 / 3), memory.peak(2 / 3)
    repeated = len(repeats) * batch
    figure = partial(Figure, size=size, peak_mb=peak)
    return [
        figure("submissions", rows=rows, seconds=first, value=rows / first, unit="/s", goal=2_000, at_least=True),
        figure("submissions: sent again", rows=repeated, seconds=again, value=repeated / again, unit="/s"),
        figure(
            "submissions: memory, last third",
            rows=rows,
            seconds=first,
            value=end / begin if begin else 1.0,
            unit="× first",
            goal=GROWTH_GOAL,
        ),
    ]


def template() -> bytes:
    """One session as JSON, with a name to be replaced."""
    return json.dumps(submission(_NAME, [_SAID] * _MESSAGES)).encode()


def _watched(server: Server, send: partial[None], batches: Sequence[int]) -> tuple[float, Memory]:
    memory = Memory(server.process)
    watcher = threading.Thread(target=memory.watch)
    watcher.start()
    try:
        return timed(send, batches), memory
    finally:
        memory.done.set()
        watcher.join()


def timed(send: partial[None], batches: Sequence[int]) -> float:
    """Seconds that two clients take for so many batches."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS) as pool:
        for _ in pool.map(send, batches):
            pass
    return time.perf_counter() - begun


def send(url: str, token: str, template: bytes, size: int, batch: int) -> None:
    """Submits a batch of so many sessions, whose names no other batch has."""
    body = b"\n".join(template.replace(_NAME.encode(), b"chat-%d-%d" % (batch, n)) for n in range(size))
    answered = httpx2.post(
        f"{url}/api/v1/sessions/batch",
        content=body,
        headers={"Authorization": f"Bearer {token}", "Content-Type": NDJSON},
        timeout=300,
        trust_env=False,
    )
    answered.raise_for_status()
    if answered.json()["rejected"]:
        raise RuntimeError(f"sessions were rejected: {answered.text[:500]}")
