"""How many submitted sessions a second one server process takes in, and how much memory it needs for that.

    python -m tests.benchmarks.bench_submissions [--sessions 100000] [--batch 5000] [--messages 8] [--clients 2]

Server, embedded Postgres and clients share the machine. Prints one JSON document; the first batches are sent twice, so that the
rate of repeats is known as well. Add a figure here that somebody would decide by.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx2
import psutil

from livedash_pipeline.db.connect import make_engine
from livedash_pipeline.db.migrate import upgrade
from livedash_pipeline.local.ports import free_port
from livedash_pipeline.local.postgres import ensure_database, remove_postgres, start_postgres
from livedash_pipeline.logs import configure_logging
from tests.api.submission_site import KEY, NDJSON, add_companies, make_token
from tests.e2e.programs import clean_environ
from tests.flow.submitted import submission

_SAID = "How many days of leave do I have left this year, and until when do I have to take them, please? "
_NAME = "name-of-the-session-comes-here"
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

    def peak(self, first: float, last: float) -> float:
        """The most within a part of the time, given as shares of it."""
        count = len(self.samples)
        return round(max(self.samples[int(count * first) : max(int(count * last), 1)], default=0.0), 1)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=5_000)
    parser.add_argument("--messages", type=int, default=8)
    parser.add_argument("--clients", type=int, default=2)
    options = parser.parse_args()
    configure_logging("text", logging.ERROR)
    with (
        tempfile.TemporaryDirectory(prefix="livedash-bench-") as directory,
        _site(Path(directory)) as (server, url, token),
    ):
        document = _measure(server, url, token, options)
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


@contextmanager
def _site(home: Path) -> Iterator[tuple[psutil.Process, str, str]]:
    postgres = start_postgres(home)
    try:
        ensure_database(postgres, "bench")
        engine = make_engine(postgres.url("bench"))
        upgrade(engine)
        add_companies(engine)
        token = make_token(engine, "acme")
        engine.dispose()
        environ = clean_environ(
            home,
            DATABASE_URL=postgres.url("bench"),
            LIVEDASH_TOKEN_KEY=KEY,
            LIVEDASH_HTTP_STATEMENT_TIMEOUT="60",
        )
        with _server(environ) as (process, url):
            yield process, url, token
    finally:
        remove_postgres(home)


@contextmanager
def _server(environ: dict[str, str]) -> Iterator[tuple[psutil.Process, str]]:
    port = free_port()
    factory = [sys.executable, "-m", "uvicorn", "--factory", "livedash_pipeline.api.app:create_app"]
    options = ["--port", str(port), "--log-level", "critical", "--no-access-log"]
    with Path(os.devnull).open("wb") as nowhere:
        process = subprocess.Popen([*factory, *options], env=environ, stderr=nowhere)
        try:
            url = f"http://127.0.0.1:{port}"
            while not _is_up(url):
                if process.poll() is not None:
                    raise RuntimeError("the server did not start")
                time.sleep(0.1)
            yield psutil.Process(process.pid), url
        finally:
            process.terminate()
            process.wait()


def _is_up(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


def _measure(server: psutil.Process, url: str, token: str, options: argparse.Namespace) -> dict[str, object]:
    template = json.dumps(submission(_NAME, [_SAID] * options.messages)).encode()
    send = partial(_send, url, token, template, options.batch)
    batches = range(-(-options.sessions // options.batch))
    send(-1)
    idle = server.memory_info().rss / 1e6
    memory = Memory(server)
    watcher = threading.Thread(target=memory.watch)
    watcher.start()
    try:
        first = _timed(send, batches, options.clients)
    finally:
        memory.done.set()
        watcher.join()
    repeats = list(batches)[: max(2, len(batches) // 5)]
    again = _timed(send, repeats, options.clients)
    return {
        "sessions": len(batches) * options.batch,
        "messagesEach": options.messages,
        "bytesEach": len(template),
        "sessionsPerSecond": round(len(batches) * options.batch / first),
        "unchangedPerSecond": round(len(repeats) * options.batch / again),
        "memoryBeforeMb": round(idle, 1),
        "peakMemoryOfFirstThirdMb": memory.peak(0, 1 / 3),
        "peakMemoryOfLastThirdMb": memory.peak(2 / 3, 1),
        "peakMemoryMb": memory.peak(0, 1),
    }


def _timed(send: partial[None], batches: range | list[int], clients: int) -> float:
    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        for _ in pool.map(send, batches):
            pass
    return time.perf_counter() - begun


def _send(url: str, token: str, template: bytes, size: int, batch: int) -> None:
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


if __name__ == "__main__":
    main()
