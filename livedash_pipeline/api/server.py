"""Runs uvicorn around the application: one process, or several that share a socket, until they are told to stop.

Add options of the server here. `api.app` is the application; the caller prepares the machine.
"""

from __future__ import annotations

import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from livedash_pipeline.api.metrics import MULTIPROCESS
from livedash_pipeline.api.protocol import MAX_PARTIAL_HEAD, BoundedProtocol
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.scratch import temporary_directory
from livedash_pipeline.sockets import listening, listening_origin
from livedash_pipeline.storage import writing

FACTORY = "livedash_pipeline.api.app:create_app"
# Seconds for requests under way when the server stops.
GRACE_SECONDS = 30
_IDLE_SECONDS = 30
_GRACE_TO_START = 30


def server_options() -> dict[str, Any]:
    """Returns the options of `uvicorn.Config` that all servers of ours share."""
    return {
        "http": BoundedProtocol,
        "ws": "none",
        "loop": "asyncio",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_keep_alive": _IDLE_SECONDS,
        "timeout_graceful_shutdown": GRACE_SECONDS,
        # A worker must not be killed because it starts slowly on a busy machine.
        "timeout_worker_healthcheck": _GRACE_TO_START,
        "h11_max_incomplete_event_size": MAX_PARTIAL_HEAD,
    }


def serve(
    host: str, port: int, *, workers: int = 1, trusted_proxies: str = "", announce: Callable[[str], None]
) -> None:
    """Serves until SIGTERM, then returns; settings come from the environment, also those of worker processes.

    Runs in the main thread, and takes SIGTERM for as long as the process lives.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.
        workers: Processes that answer.
        trusted_proxies: Addresses, by commas, of proxies whose `X-Forwarded-For` is believed.
        announce: Is called with the address once the server listens.

    Raises:
        OSError: The address cannot be used.
        KeyboardInterrupt: It was interrupted, and all is closed.
        LivedashError: It could not start, and the log says why.
    """
    options = server_options() | {
        "workers": workers,
        "proxy_headers": bool(trusted_proxies),
        "forwarded_allow_ips": trusted_proxies or None,
    }
    config = uvicorn.Config(FACTORY, factory=True, **options)
    with listening(host, port) as listener:
        if workers == 1:
            _serve_here(config, listener, announce)
        else:
            _serve_apart(config, listener, announce)


def _serve_here(config: uvicorn.Config, listener: socket.socket, announce: Callable[[str], None]) -> None:
    server = uvicorn.Server(config)
    told: list[int] = []

    def stop(number: int, _frame: object) -> None:
        told.append(number)
        server.should_exit = True

    # Handles a signal that comes before the server has a handler, and the server's own repetition of the signal that ended it.
    signal.signal(signal.SIGTERM, stop)
    announce(listening_origin(listener))
    server.run(sockets=[listener])
    if not (server.started or told):
        raise _not_started()


def _serve_apart(config: uvicorn.Config, listener: socket.socket, announce: Callable[[str], None]) -> None:
    # Worker processes answer on the same socket.
    listener.set_inheritable(True)
    with _shared_metrics(os.environ):
        # Made first, since from then on it keeps signals until it runs.
        processes = _Workers(config, sockets=[listener])
        announce(listening_origin(listener))
        processes.run()
    if processes.interrupted:
        raise KeyboardInterrupt
    if not processes.terminated:
        raise _not_started()


def _not_started() -> LivedashError:
    return LivedashError(
        "The HTTP API could not start.",
        remedy="The log above says why; `livedash doctor` checks the settings and the database.",
        code="not_started",
    )


class _Workers(Multiprocess):
    """Worker processes on one socket. When they end, this process closes the socket too, so that nobody connects in vain.

    Attributes:
        interrupted: SIGINT ended it.
        terminated: SIGTERM did. Neither did if uvicorn gave up on workers that cannot begin to serve.
    """

    interrupted = terminated = False

    def handle_int(self) -> None:
        """Notes which signal it was: the exit status tells."""
        self.interrupted = True
        super().handle_int()

    def handle_term(self) -> None:
        """Notes which signal it was: the exit status tells."""
        self.terminated = True
        super().handle_term()

    def terminate_all(self) -> None:
        """Lets requests under way finish."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


@contextmanager
def _shared_metrics(environ: Any) -> Iterator[Mapping[str, str]]:
    """Makes the directory where worker processes keep their figures, so that each of them can show those of all."""
    with writing("The figures of the worker processes", temporary_directory(), setting="TMPDIR"):
        made = tempfile.TemporaryDirectory(prefix="livedash-metrics-")
    with made as directory:
        environ[MULTIPROCESS] = directory
        try:
            yield environ
        finally:
            environ.pop(MULTIPROCESS, None)
