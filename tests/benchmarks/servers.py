"""The servers that benches talk to: the HTTP API and the local Batch API, in processes of their own or in threads.

Threads are for the tests of the benches, and what they need is imported only there; what is measured runs apart, since a
server's memory and time are not the step's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil

from livedash_pipeline.local.ports import free_port
from tests.benchmarks.site import Site
from tests.e2e.programs import clean_environ


@dataclass(frozen=True)
class Server:
    """A server that answers, and the process that it runs in."""

    url: str
    process: psutil.Process


@contextmanager
def http_api(site: Site) -> Iterator[Server]:
    """The HTTP API, one worker process, without limits of rate."""
    from tests.api.submission_site import KEY

    if not site.apart:
        with _http_api_in_thread(site) as url:
            yield Server(url, psutil.Process())
        return
    environ = clean_environ(
        site.scratch,
        DATABASE_URL=site.url,
        LIVEDASH_TOKEN_KEY=KEY,
        LIVEDASH_TOKEN_RATE="0",
        LIVEDASH_ADDRESS_RATE="0",
        LIVEDASH_HTTP_STATEMENT_TIMEOUT="60",
    )
    port = free_port()
    factory = ["uvicorn", "--factory", "livedash_pipeline.api.app:create_app", "--port", str(port)]
    with _program(
        [*factory, "--log-level", "critical", "--no-access-log"], environ, f"http://127.0.0.1:{port}/healthz"
    ) as pid:
        yield Server(f"http://127.0.0.1:{port}", psutil.Process(pid))


@contextmanager
def _http_api_in_thread(site: Site) -> Iterator[str]:
    from livedash_pipeline.api.app import create_app
    from livedash_pipeline.local.server_thread import AppServer, serving
    from livedash_pipeline.sockets import listening, listening_origin
    from tests.api.submission_site import site_settings

    app = create_app(site_settings(), engine=site.engine)
    with listening("127.0.0.1", 0) as listener, serving(AppServer(app), listener, name="api"):
        yield listening_origin(listener)


@contextmanager
def batch_api(site: Site, *, speed: float) -> Iterator[Server]:
    """The local Batch API; `url` ends in /v1. At speed 0 batches end at once."""
    state = site.scratch / "batch-api"
    if not site.apart:
        from livedash_pipeline.local.batch_api.server import running_server

        with running_server(state, speed=speed) as server:
            yield Server(server.base_url, psutil.Process())
        return
    port = free_port()
    program = ["livedash_pipeline.cli", "batch-api", "--port", str(port), "--speed", str(speed), "--state", str(state)]
    with _program(program, clean_environ(site.scratch), f"http://127.0.0.1:{port}/v1/models") as pid:
        yield Server(f"http://127.0.0.1:{port}/v1", psutil.Process(pid))


@dataclass(frozen=True)
class PatientService:
    """A local Batch API that takes in files and batches at any time, and works on batches only while it is waited for.

    Attributes:
        server: Where it answers.
        may_work: The file whose presence lets it work.
    """

    server: Server
    may_work: Path

    @contextmanager
    def working(self) -> Iterator[None]:
        """Lets it work until the block ends."""
        self.may_work.touch()
        yield
        self.may_work.unlink()


@contextmanager
def patient_batch_api(site: Site) -> Iterator[PatientService]:
    """A local Batch API whose work on batches falls into no step that is measured; `url` ends in /v1."""
    state, may_work = site.scratch / "batch-api", site.scratch / "may-work"
    if not site.apart:
        with batch_api(site, speed=0) as server:
            yield PatientService(server, may_work)
        return
    port = free_port()
    program = ["tests.benchmarks.patient_service", str(port), str(state), str(may_work)]
    # This checkout's tests are no package of the environment's.
    environ = {**clean_environ(site.scratch), "PYTHONPATH": str(Path(__file__).parents[2])}
    with _program(program, environ, f"http://127.0.0.1:{port}/v1/models") as pid:
        yield PatientService(Server(f"http://127.0.0.1:{port}/v1", psutil.Process(pid)), may_work)


@contextmanager
def _program(module: Sequence[str], environ: dict[str, str], url: str) -> Iterator[int]:
    """Runs a module until the block ends; begins once it answers at an address, whatever it says."""
    with ExitStack() as stack:
        nowhere = stack.enter_context(Path(os.devnull).open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-m", *module], env=environ, stdout=nowhere, stderr=nowhere, stdin=subprocess.DEVNULL
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        _wait(url, process.poll)
        yield process.pid


def _wait(url: str, ended: Callable[[], int | None]) -> None:
    while True:
        try:
            httpx2.get(url, trust_env=False)
        except httpx2.TransportError:
            if ended() is not None:
                raise RuntimeError(f"the server at {url} did not start") from None
            time.sleep(0.1)
        else:
            return
