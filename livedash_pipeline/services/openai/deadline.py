"""A deadline for a whole HTTP call: from look-up of the host to the last byte of the answer.

Used for creating batches, where a server that dribbles bytes would outlast the lease, since the client's time-outs start
anew with every read. Add nothing here but ways to end one call; retries are in `retries`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Any

import httpx2

# Events of the connection pool after which a socket exists, and the one before which nothing has been sent.
_CONNECTED = ("connect_tcp.complete", "connect_unix_socket.complete", "start_tls.complete")
_BEFORE_SENDING = "send_request_headers.started"


class CallDeadline:
    """Shuts the sockets of the calls it is attached to when its seconds have passed.

    Give `attach` to an HTTP client as a request hook and make the call inside `with`. Connections must be fresh, since a
    socket is learnt about when it is connected. After the deadline no request is sent any more; `passed` tells whether
    an error was caused here.
    """

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self.passed = False

    def __enter__(self) -> CallDeadline:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._timer.join()

    def attach(self, request: httpx2.Request) -> None:
        """Watch the connection of a request that is about to be sent."""
        request.extensions = {**request.extensions, "trace": self._observe}

    def _observe(self, event: str, info: dict[str, Any]) -> None:
        connected = event.endswith(_CONNECTED)
        if connected:
            found = info["return_value"].get_extra_info("socket")
            with self._lock:
                if isinstance(found, socket.socket):
                    self._sockets.append(found)
        if self.passed and (connected or event.endswith(_BEFORE_SENDING)):
            if connected:
                info["return_value"].close()
            raise httpx2.ConnectTimeout("The deadline passed before the request could be sent.")

    def _cut(self) -> None:
        with self._lock:
            self.passed = True
            for found in self._sockets:
                # Shut, not closed: a closed descriptor could be given to another connection while it is being read.
                # The base class's method, since the one of TLS sockets first drops the TLS state that a reader is using.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(found, socket.SHUT_RDWR)
