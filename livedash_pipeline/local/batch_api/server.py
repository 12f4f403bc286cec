"""Running the stand-in: `serve` until interrupted, `running_server` in a thread of this process for tests and the demo.

Add ways of running it here. A worker thread processes large batches, so that no request waits for 50,000 lines; small ones
are done by whoever looks first.
"""

import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import uvicorn

from livedash_pipeline.local.batch_api.app import Gate, create_app, pass_through
from livedash_pipeline.local.batch_api.pace import Pace
from livedash_pipeline.local.batch_api.service import BatchService, random_id

_LINES_PER_LOOK = 100
_WORKER_PAUSE = 0.05
_START_SECONDS = 30.0


@dataclass(frozen=True)
class RunningServer:
    """A server that answers: its address, ending in /v1, and the service behind it."""

    base_url: str
    service: BatchService


def serve(
    host: str,
    port: int,
    state_dir: Path,
    speed: float,
    *,
    models: Collection[str] | None = None,
    api_keys: Collection[str] | None = None,
    gate: Gate = pass_through,
    announce: Callable[[str], None] = click.echo,
) -> None:
    """Run the stand-in until it is interrupted (then `KeyboardInterrupt` is raised once all is closed).

    Args:
        host: address to listen on.
        port: port to listen on; 0 for a free one.
        state_dir: where its state is kept.
        speed: simulated seconds a second; 0 for at once.
        models: further models to know.
        api_keys: keys to accept; None for any.
        gate: see `create_app`.
        announce: gets the one line that says what runs where.

    Raises:
        OSError: the address cannot be used.
        StateInUseError: another server uses the directory.
    """
    with _listening(host, port) as listener:
        service = BatchService(
            state_dir,
            clock=time.time,
            speed=speed,
            models=models,
            api_keys=api_keys,
            lines_per_look=_LINES_PER_LOOK,
        )
        try:
            announce(
                f"Local stand-in for OpenAI's Batch API (answers by rules, no model) at {_base_url(listener)}, "
                f"speed {speed:g}, state in {state_dir}"
            )
            with _working(service):
                _Server(service, gate).run(sockets=[listener])
        finally:
            service.close()


@contextmanager
def running_server(
    state_dir: Path,
    *,
    speed: float = 0.0,
    port: int = 0,
    clock: Callable[[], float] = time.time,
    new_id: Callable[[str], str] = random_id,
    models: Collection[str] | None = None,
    api_keys: Collection[str] | None = None,
    pace: Pace | None = None,
    gate: Gate = pass_through,
) -> Iterator[RunningServer]:
    """Run the stand-in on 127.0.0.1 in a thread of this process; on leaving, threads and sockets are gone.

    The arguments are those of `BatchService` and `create_app`; port 0 takes a free one.
    """
    with _listening("127.0.0.1", port) as listener:
        service = BatchService(
            state_dir,
            clock=clock,
            speed=speed,
            new_id=new_id,
            models=models,
            api_keys=api_keys,
            pace=pace,
            lines_per_look=_LINES_PER_LOOK,
        )
        server = _Server(service, gate)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="batch-api-http")
        thread.start()
        try:
            if not server.ready.wait(_START_SECONDS):
                raise RuntimeError(f"The local Batch API server did not start within {_START_SECONDS:g} s.")
            with _working(service):
                yield RunningServer(_base_url(listener), service)
        finally:
            server.should_exit = True
            thread.join()
            service.close()


class _Server(uvicorn.Server):
    """Uvicorn for a service, with an event that says when it answers."""

    def __init__(self, service: BatchService, gate: Gate) -> None:
        super().__init__(
            uvicorn.Config(
                create_app(service, gate=gate),
                loop="asyncio",
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=5,
            )
        )
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer, then say so."""
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen before anything else starts: the port is known, and a client that comes early waits in the queue.

    The protocol is named because asyncio switches Nagle's algorithm off only for sockets that say TCP, as those of
    `socket.create_server` do not; with it on, every reply over a kept connection took 45 ms instead of 1.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
        yield listener


@contextmanager
def _working(service: BatchService) -> Iterator[None]:
    """Keep batches moving in a thread of its own."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(_WORKER_PAUSE):
            service.advance()

    worker = threading.Thread(target=work, name="batch-api-worker")
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/v1" if ":" in host else f"http://{host}:{port}/v1"
