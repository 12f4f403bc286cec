"""A web server on 127.0.0.1 that answers with CSVs and with everything that goes wrong instead, and counts what was asked."""

from __future__ import annotations

import base64
import gzip
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Looks the path up in the site's answers."""

    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.site.asked.append((path, dict(self.headers)))
        try:
            self.site.answers[path](self)
        except OSError:  # The client hung up, as it should in some tests.
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@dataclass
class Site:
    """Answers by path. `over` is set when the test ends, so no answer goes on for ever."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    def times_asked(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.asked)


@contextmanager
def running_site() -> Iterator[Site]:
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("SiteHandler", (Handler,), {"site": site}))
    server.daemon_threads = True
    server.block_on_close = False
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        site.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def plain(body: bytes, status: int = 200, **headers: str) -> Answer:
    return lambda handler: handler.reply(status, body, **headers)


def gzipped(body: bytes) -> Answer:
    return plain(gzip.compress(body), Content_Encoding="gzip")


def with_password(username: str, password: str, body: bytes) -> Answer:
    expected = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
    return lambda handler: (
        handler.reply(200, body) if handler.headers.get("Authorization") == expected else handler.reply(401, b"no")
    )


def with_etag(body: bytes, etag: str) -> Answer:
    return lambda handler: (
        handler.reply(304) if handler.headers.get("If-None-Match") == etag else handler.reply(200, body, ETag=etag)
    )


def in_turn(*answers: Answer) -> Answer:
    """The first answer first, and the last one from then on."""
    left = list(answers)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)


def silent(handler: Handler) -> None:
    handler.site.over.wait(20)


def hang_up(handler: Handler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def endless_body(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not handler.site.over.is_set():
        handler.wfile.write(b"x" * 65536)


def _dripping(handler: Handler, start: bytes) -> None:
    handler.wfile.write(start)
    handler.close_connection = True
    while not handler.site.over.wait(0.02):
        handler.wfile.write(b"x")


def dripping_body(handler: Handler) -> None:
    _dripping(handler, b"HTTP/1.1 200 OK\r\n\r\n")


def dripping_header(handler: Handler) -> None:
    _dripping(handler, b"HTTP/1.1 200 OK\r\nX-Drip: ")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
