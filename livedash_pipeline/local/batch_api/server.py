"""Running the stand-in: `serve` until interrupted, `running_server` in a thread of this process for tests and the demo.

Add ways of running it here. A worker thread processes large batches, so that no request waits for 50,000 lines; small ones
are done by whoever looks first.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from livedash_pipeline.local.batch_api.answering.upstream import Upstream
from livedash_pipeline.local.batch_api.app import Gate, create_app, pass_through
from livedash_pipeline.local.batch_api.batches.pace import Pace
from livedash_pipeline.local.batch_api.faults.script import FaultScript
from livedash_pipeline.local.batch_api.service import BatchService, random_id
from livedash_pipeline.local.server_thread import AppServer, serving
from livedash_pipeline.logs import get_logger
from livedash_pipeline.sockets import listening, listening_origin

log = get_logger(__name__)

_LINES_PER_LOOK = 100
_WORKER_PAUSE = 0.05
# After a failed look, such as on a full disk.
_FAILURE_PAUSE = 2.0


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
    admin_keys: Collection[str] | None = None,
    gate: Gate = pass_through,
    faults: FaultScript | None = None,
    upstream: Upstream | None = None,
    announce: Callable[[str], None] = click.echo,
) -> None:
    """Runs the stand-in until it is interrupted (then `KeyboardInterrupt` is raised once all is closed).

    Args:
        host: address to listen on.
        port: port to listen on; 0 for a free one.
        state_dir: where its state is kept.
        speed: simulated seconds a second; 0 for at once.
        models: further models to know.
        api_keys: keys to accept; None for any.
        admin_keys: keys that may read costs and usage, as for `BatchService`.
        gate: see `create_app`.
        faults: what is to go wrong.
        upstream: a server that answers in place of the rules; closed at the end.
        announce: gets the one line that says what runs where.

    Raises:
        OSError: the address cannot be used.
        StateInUseError: another server uses the directory.
    """
    with listening(host, port) as listener:
        service = BatchService(
            state_dir,
            clock=time.time,
            speed=speed,
            models=models,
            api_keys=api_keys,
            admin_keys=admin_keys,
            lines_per_look=_LINES_PER_LOOK,
            faults=faults,
            upstream=upstream,
        )
        try:
            who = "answers by rules, no model" if upstream is None else "lines are answered by the upstream server"
            announce(
                f"Local stand-in for OpenAI's Batch API ({who}) at {listening_origin(listener)}/v1, "
                f"speed {speed:g}, state in {state_dir}"
            )
            with _working(service):
                AppServer(create_app(service, gate=gate)).run(sockets=[listener])
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
    admin_keys: Collection[str] | None = None,
    pace: Pace | None = None,
    gate: Gate = pass_through,
    faults: FaultScript | None = None,
    upstream: Upstream | None = None,
) -> Iterator[RunningServer]:
    """Runs the stand-in on 127.0.0.1 in a thread of this process; on leaving, threads and sockets are gone.

    The arguments are those of `BatchService` and `create_app`; port 0 takes a free one.
    """
    with listening("127.0.0.1", port) as listener:
        service = BatchService(
            state_dir,
            clock=clock,
            speed=speed,
            new_id=new_id,
            models=models,
            api_keys=api_keys,
            admin_keys=admin_keys,
            pace=pace,
            lines_per_look=_LINES_PER_LOOK,
            faults=faults,
            upstream=upstream,
        )
        try:
            server = AppServer(create_app(service, gate=gate))
            with serving(server, listener, name="batch-api-http"), _working(service):
                yield RunningServer(f"{listening_origin(listener)}/v1", service)
        finally:
            service.close()


@contextmanager
def _working(service: BatchService) -> Iterator[None]:
    """Keeps batches moving in a thread of its own."""
    stop = threading.Event()
    lines = service.lines_per_turn

    def work() -> None:
        while not stop.wait(_WORKER_PAUSE):
            try:
                service.advance(lines=lines)
            except (OSError, sqlite3.OperationalError) as error:
                # A full disk ends no thread: batches go on where they were as soon as there is space.
                log.warning("batches do not move on", kind=type(error).__name__, errno=getattr(error, "errno", None))
                stop.wait(_FAILURE_PAUSE)

    worker = threading.Thread(target=work, name="batch-api-worker")
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()
