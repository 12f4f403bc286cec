"""A web application of this machine, which runs in a thread until the caller is done.

Used by every server of `local/`. Add what concerns the thread here; what is served belongs to the application.
"""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    # Which of uvicorn's two protocols it is depends on what is installed; this one is always there.
    from uvicorn.protocols.http.h11_impl import H11Protocol as AnyHTTPProtocol
else:
    AnyHTTPProtocol = AutoHTTPProtocol

START_SECONDS = 30.0

CONNECTION: ContextVar[asyncio.Transport] = ContextVar("connection")
"""The connection by which the present request came, for an application that has to break it off; ASGI has no word for that."""


class AppServer(uvicorn.Server):
    """Uvicorn for an application, with an event that says when it answers.

    Args:
        app: what is served.
        grace: seconds that requests under way get when the server stops.
    """

    def __init__(self, app: ASGIApp, *, grace: int = 5) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                loop="asyncio",
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=grace,
            )
        )
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to answer, then sets `ready`."""
        await super().startup(sockets)
        self.ready.set()


class _Protocol(AnyHTTPProtocol):
    """HTTP that leaves its connection where the application finds it: tasks made below inherit this context."""

    def data_received(self, data: bytes) -> None:
        CONNECTION.set(self.transport)
        super().data_received(data)


@contextmanager
def serving(server: AppServer, listener: socket.socket, *, name: str) -> Iterator[None]:
    """Runs a server in a thread called `name`; on leaving, the thread is gone.

    Raises:
        RuntimeError: it does not start.
    """
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name=name)
    thread.start()
    try:
        if not server.ready.wait(START_SECONDS):
            raise RuntimeError(f"The server {name} did not start within {START_SECONDS:g} s; try again.")
        yield
    finally:
        server.should_exit = True
        thread.join()
