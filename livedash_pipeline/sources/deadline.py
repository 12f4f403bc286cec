"""A bound on the whole of one fetch, which the client's own time-outs are not.

Nothing is added here. What happens to a fetch that ran out of time is decided in `http`.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

Clock = Callable[[], float]


class Deadline:
    """Ends one fetch at a fixed moment, also while the server sends a header or a body byte by byte.

    A read's own time-out starts anew with every byte. So a timer shuts the sockets of the fetch down, which it learns from
    the client's trace events; whoever reads then asks `expired`.
    """

    def __init__(self, seconds: float, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._ends_at = clock() + seconds
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    @property
    def expired(self) -> bool:
        """Whether the moment has passed."""
        return self._clock() >= self._ends_at

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """For the request extension `trace`: remembers each connection as it is made."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._sockets.append(info["return_value"].get_extra_info("socket"))

    def _shut_down(self) -> None:
        for each in self._sockets:
            try:
                # The base class's method: that of an SSL socket also drops its TLS state, which a reader still uses.
                socket.socket.shutdown(each, socket.SHUT_RDWR)
            except OSError:
                continue  # Closed already, which is what is wanted.
