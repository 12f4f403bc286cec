"""A deadline for a whole HTTP call or fetch, from the look-up of the host to the last byte of the answer.

The client's own time-outs start anew with every byte. Add nothing here but ways to end one call; the caller decides what follows.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

# Events of the connection pool after which a socket exists, and the one before which nothing has been sent.
_CONNECTED = ("connect_tcp.complete", "connect_unix_socket.complete", "start_tls.complete")
_BEFORE_SENDING = "send_request_headers.started"


class Deadline:
    """Shuts the sockets of the calls that it watches when its seconds have passed, also while a server dribbles bytes.

    Give `attach` to an HTTP client as a request hook, or `trace` to a request as the extension of that name, and make the call
    inside `with`. The deadline learns of a socket when it connects, so connections must be fresh, or of a client that gives the
    same list of `sockets` to the deadline of each of its calls, one call at a time. After the deadline no request is sent any
    more; `passed` tells whether the deadline caused an error.
    """

    def __init__(
        self,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sockets: list[socket.socket] | None = None,
    ) -> None:
        self._clock = clock
        self._ends_at = clock() + seconds
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._sockets = [] if sockets is None else sockets

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()

    @property
    def passed(self) -> bool:
        """Whether the seconds are over."""
        return self._clock() >= self._ends_at

    @property
    def left(self) -> float:
        """Seconds that are left; below zero once it has passed."""
        return self._ends_at - self._clock()

    def attach(self, request: httpx2.Request) -> None:
        """Watches the connection of a request that is about to be sent."""
        request.extensions = {**request.extensions, "trace": self.trace}

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Remembers each connection as it is made; ends a request that would be sent too late."""
        connected = event.endswith(_CONNECTED)
        with self._lock:
            if connected:
                found = info["return_value"].get_extra_info("socket")
                # Closed sockets, and those that became TLS sockets, have no descriptor any more.
                self._sockets[:] = [known for known in self._sockets if known.fileno() >= 0]
                if isinstance(found, socket.socket):
                    self._sockets.append(found)
            passed = self.passed
        if passed and (connected or event.endswith(_BEFORE_SENDING)):
            if connected:
                info["return_value"].close()
            raise httpx2.ConnectTimeout("The deadline passed before the request could be sent.")

    def _cut(self) -> None:
        with self._lock:
            for found in self._sockets:
                # Shut, not closed: a closed descriptor could be given to another connection while it is being read.
                # The base class's method, since the one of TLS sockets first drops the TLS state that a reader is using.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(found, socket.SHUT_RDWR)
