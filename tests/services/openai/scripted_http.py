"""Servers for the gateway's tests: scripted answers at the client's edge, and sockets that treat bytes badly."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx2

from livedash_pipeline.ledger.rules.service.gateway import BatchGateway
from livedash_pipeline.services.openai.gateway import connect

KEY = "sk-test-0123456789"
Answer = httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]


class Script:
    """Answers requests in order, the last answer again and again; keeps requests and the pauses between tries."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []
        self.pauses: list[float] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return answer(request)
        # A response can be read once, and the last one may be given more than once.
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)

    @property
    def calls(self) -> list[str]:
        return [f"{request.method} {request.url.path.removeprefix('/v1')}" for request in self.requests]

    @contextmanager
    def gateway(self) -> Iterator[BatchGateway]:
        client = httpx2.Client(transport=httpx2.MockTransport(self), follow_redirects=True)
        with connect("https://api.example.org/v1", KEY, http_client=client, sleep=self.pauses.append) as found:
            yield found


def ok(document: Any, **headers: str) -> httpx2.Response:
    return httpx2.Response(200, json=document, headers=headers)


def refusal(status: int, code: str | None = None, message: str = "No.", **headers: str) -> httpx2.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return httpx2.Response(status, json={"error": error}, headers=headers)


def batch(name: str = "batch_1", **fields: Any) -> dict[str, Any]:
    return {"id": name, "object": "batch", "status": "validating", "input_file_id": "file-in", **fields}


def read_request(client: socket.socket) -> bytes:
    """The head of the next request, once its body has been read and dropped as well; b"" where the client has hung up.

    The two may arrive apart: who reads once answers half a request, and takes the other half for the next one.
    """
    head, _, body = _until(client, b"\r\n\r\n").partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = int(lengths[0].split(b":")[1]) - len(body) if lengths else 0
    while left > 0:
        left -= len(client.recv(1024 * 1024)) or left
    return head


def _until(client: socket.socket, end: bytes) -> bytes:
    received = b""
    while end not in received and (more := client.recv(65536)):
        received += more
    return received


class _Serving(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


@contextmanager
def listening(handle: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve every connection with `handle` on a free port of 127.0.0.1; the address ends in /v1."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                handle(self.request)

    with _Serving(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def losing_answers_to(marker: bytes, upstream: str) -> Iterator[str]:
    """A relay to `upstream` that delivers every request, and cuts the connection instead of answering those with `marker`."""
    target = httpx2.URL(upstream)

    def relay(client: socket.socket) -> None:
        with socket.create_connection((target.host, target.port or 80)) as server:
            lossy = threading.Event()

            def back() -> None:
                with suppress(OSError):
                    while (data := server.recv(65536)) and not lossy.is_set():
                        client.sendall(data)
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)

            answers = threading.Thread(target=back, daemon=True)
            answers.start()
            while data := client.recv(65536):
                if marker in data:
                    lossy.set()
                server.sendall(data)
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            answers.join()

    with listening(relay) as address:
        yield address
