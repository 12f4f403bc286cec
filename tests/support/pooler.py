"""A pooler in front of a Postgres, over TCP: it speaks as much of the protocol as it takes to hand server connections around.

What it does is what PgBouncer does: it answers the login itself with a process id that it made up, gives a client a server
connection when a message comes, and in transaction mode takes it back as soon as the server says that no transaction is open.
It refuses `options` in the login, as PgBouncer did for long.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import make_url

Mode = Literal["session", "transaction", "statement"]

_TLS_REQUESTS = frozenset({80877103, 80877104})
# No process of any machine has it.
_MADE_UP_PID = 2_000_000_001
_AUTHENTICATED = b"R" + struct.pack("!ii", 8, 0)
_READY = b"Z" + struct.pack("!i", 5) + b"I"
# Each of these is answered with one ReadyForQuery.
_ASKS = frozenset(b"QSF")


class _Wire:
    """One side's messages, cut from the stream."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self._kept = b""

    def read(self, count: int) -> bytes:
        """So many bytes.

        Raises:
            ConnectionError: The other end is gone.
        """
        while len(self._kept) < count:
            got = self.end.recv(65_536)
            if not got:
                raise ConnectionError
            self._kept += got
        taken, self._kept = self._kept[:count], self._kept[count:]
        return taken

    @property
    def has_more(self) -> bool:
        return len(self._kept) >= 5

    def message(self) -> bytes:
        """One message with its type and length."""
        head = self.read(5)
        return head + self.read(int(struct.unpack("!i", head[1:])[0]) - 4)


def _refusal(words: str, severity: str = "FATAL") -> bytes:
    body = f"S{severity}\0V{severity}\0C08P01\0M{words}\0\0".encode()
    return b"E" + struct.pack("!i", len(body) + 4) + body


@dataclass
class Pooler:
    """A running pooler.

    Attributes:
        mode: When a client gives its server connection back.
        size: Server connections at most.
        server: Where the server is: a socket's path.
        url: The address of the database through it.
        clients: How many have logged in.
    """

    mode: Mode
    size: int
    server: str
    url: str = ""
    clients: int = 0
    _free: list[_Wire] = field(default_factory=list)
    _open: list[socket.socket] = field(default_factory=list)
    _turn: threading.Condition = field(default_factory=threading.Condition)
    _statuses: bytes = b""
    _ended: bool = False

    def serve(self, client: socket.socket) -> None:
        """One client, to its end."""
        with closing(client), suppress(OSError):
            wire = _Wire(client)
            login = self._login(wire)
            if b"\0options\0" in login:
                client.sendall(_refusal("unsupported startup parameter: options"))
                return
            if not self._statuses:
                self._give_back(self._take(login))
            self.clients += 1
            key = b"K" + struct.pack("!iii", 12, _MADE_UP_PID, 0)
            client.sendall(_AUTHENTICATED + self._statuses + key + _READY)
            self._relay(wire, login)

    def _login(self, wire: _Wire) -> bytes:
        while True:
            length = wire.read(4)
            login = wire.read(struct.unpack("!i", length)[0] - 4)
            if struct.unpack("!i", login[:4])[0] not in _TLS_REQUESTS:
                return login
            wire.end.sendall(b"N")

    def _relay(self, client: _Wire, login: bytes) -> None:
        server: _Wire | None = None
        unanswered, status = 0, b"I"
        try:
            while True:
                if server is None or client.has_more or self._first_of(client, server) is client:
                    message = client.message()
                    if message[:1] == b"X":
                        return
                    if (
                        self.mode == "statement"
                        and message.startswith(b"Q")
                        and message[5:].upper().startswith(b"BEGIN")
                    ):
                        client.end.sendall(_refusal("transaction blocks not allowed in statement pooling mode"))
                        return
                    server = server or self._take(login)
                    unanswered += message[0] in _ASKS
                    server.end.sendall(message)
                    continue
                answer = server.message()
                if answer[:1] == b"Z":
                    unanswered, status = unanswered - 1, answer[5:]
                if self.mode != "session" and not unanswered and status == b"I":
                    # Before the client knows, as PgBouncer with its one thread does.
                    self._give_back(server)
                    server = None
                client.end.sendall(answer)
        finally:
            if server is not None:
                # Rather than asking it to forget what the client has set.
                self._discard(server)

    def _first_of(self, client: _Wire, server: _Wire) -> _Wire:
        if server.has_more:
            return server
        with selectors.DefaultSelector() as selector:
            for wire in (client, server):
                selector.register(wire.end, selectors.EVENT_READ, wire)
            ready: _Wire = selector.select()[0][0].data
            return ready

    def _take(self, login: bytes) -> _Wire:
        with self._turn:
            while not self._free and len(self._open) >= self.size:
                self._turn.wait()
                if self._ended:
                    raise ConnectionError
            if self._free:
                return self._free.pop()
            end = socket.socket(socket.AF_UNIX)
            self._open.append(end)
        end.connect(self.server)
        end.sendall(struct.pack("!i", len(login) + 4) + login)
        wire, statuses = _Wire(end), b""
        while (message := wire.message())[:1] != b"Z":
            statuses += message if message[:1] == b"S" else b""
        self._statuses = statuses
        return wire

    def _give_back(self, server: _Wire) -> None:
        with self._turn:
            self._free.append(server)
            self._turn.notify()

    def _discard(self, server: _Wire) -> None:
        with self._turn:
            self._open.remove(server.end)
            self._turn.notify()
        server.end.close()

    def end(self) -> None:
        """Lets go of the server, and of clients that wait for it."""
        with self._turn:
            self._ended = True
            self._turn.notify_all()
            for end in self._open:
                # Threads that wait for an answer find its end; a socket that is closed under them could not be waited for.
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes what is left once nobody works with it any more."""
        for end in self._open:
            end.close()


@contextmanager
def running_pooler(url: str, mode: Mode, *, size: int = 20) -> Iterator[Pooler]:
    """A pooler before the database of an address, which names a socket's directory."""
    address = make_url(url)
    pooler = Pooler(mode, size, f"{address.query['host']}/.s.PGSQL.{address.query['port']}")
    threads = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        pooler.url = address.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                thread = threading.Thread(target=pooler.serve, args=(client,))
                thread.start()
                threads.append(thread)

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield pooler
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            pooler.end()
            for thread in threads:
                thread.join(timeout=10)
            pooler.close()
