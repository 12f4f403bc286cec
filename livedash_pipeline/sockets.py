"""Sockets that servers of this machine listen on: the HTTP API, and those of `local`.

Add what concerns a listening socket alone. Who answers on it belongs to its server.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

_BACKLOG = 512


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listens before the server starts: the port is known, and a client that comes early waits in the queue.

    The protocol is named because asyncio switches Nagle's algorithm off only for sockets that say TCP, as those of
    `socket.create_server` do not; with it on, every reply over a kept connection took 45 ms instead of 1.

    Args:
        host: IPv4 or IPv6 address, or a host name.
        port: 0 for a free port.

    Raises:
        OSError: The address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        yield listener


def listening_origin(listener: socket.socket) -> str:
    """Returns the address of a listening socket, such as http://127.0.0.1:8000."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
