"""A small web site on 127.0.0.1 that serves transcripts as a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One answer. `trickle` sends all of it, head and body, in single bytes with this many seconds between them."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    trickle: float = 0


@dataclass(frozen=True)
class Asked:
    """One request, as it came."""

    path: str
    headers: Mapping[str, str]
    at_once: int


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the tests."""


@dataclass
class TranscriptSite:
    """Answers by path; a list of answers is used up, its last one stays."""

    url: str
    answers: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    slowness: float = 0
    trickled: int = 0
    _active: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return int(self.url.rpartition(":")[2])

    def paths(self) -> list[str]:
        """Paths in the order in which they were asked for."""
        return [each.path for each in self.asked]

    def begin(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Notes a request and finds its answer."""
        with self._lock:
            self._active += 1
            self.asked.append(Asked(path, headers, self._active))
            found = self.answers.get(path, Answer(status=404))
            if isinstance(found, list):
                return found.pop(0) if len(found) > 1 else found[0]
            return found

    def end(self) -> None:
        """Notes that a request is answered."""
        with self._lock:
            self._active -= 1


def _handler(site: Callable[[], TranscriptSite]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def do_GET(self) -> None:
            answer = site().begin(self.path, {key.lower(): value for key, value in self.headers.items()})
            time.sleep(site().slowness)
            # Before the answer: the next request may come as soon as its last byte is out.
            site().end()
            # An answer that closes its connection does not say where it ends.
            closes = answer.headers.get("Connection") == "close"
            self.close_connection = self.close_connection or closes
            head = {**({} if closes else {"Content-Length": str(len(answer.body))}), **answer.headers}
            if answer.trickle:
                lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
                self._trickle(f"HTTP/1.1 {answer.status} OK\r\n{lines}\r\n".encode() + answer.body, answer.trickle)
                return
            self.send_response(answer.status)
            for name, value in head.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def _trickle(self, data: bytes, pause: float) -> None:
            for byte in data:
                self.wfile.write(bytes([byte]))
                site().trickled += 1
                time.sleep(pause)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

    return Handler


@contextmanager
def transcript_site() -> Iterator[TranscriptSite]:
    """A running site on a free port."""
    sites: list[TranscriptSite] = []
    server = _Server(("127.0.0.1", 0), _handler(lambda: sites[0]))
    sites.append(TranscriptSite(f"http://127.0.0.1:{server.server_address[1]}"))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield sites[0]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
