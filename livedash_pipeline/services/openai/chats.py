"""One chat completion by one call, at any server with OpenAI's API: sent once, bounded in time and size, and never repeated here.

Add nothing that repeats: a lost answer may have been paid for, and a caller that asks again has to write that down first.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Self

import httpx2

from livedash_pipeline.base.rules.endpoints import endpoint_of
from livedash_pipeline.deadline import Deadline
from livedash_pipeline.ledger.rules.calls.call_ends import NOT_CONNECTED, CallEnd, end_of_answer, end_of_failure
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind, no_answer
from livedash_pipeline.ledger.rules.service.gateway import ModelCheck
from livedash_pipeline.services.openai.answers import read_document
from livedash_pipeline.services.openai.client import CONNECT_TIMEOUT, Client, ClientError, Server, failure_of
from livedash_pipeline.services.openai.gateway import OpenAIGateway

# Far above the longest answer of any model; anything longer is not an answer.
MOST_BYTES = 8 * 1024 * 1024
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


class _Threads(threading.local):
    """The parts that each thread has for itself: a client, its sockets, and the deadline of the call under way."""

    def __init__(self) -> None:
        self.client: Client | None = None
        self.sockets: list[socket.socket] = []
        self.watch: Deadline


class OpenAIChats:
    """Chat completions of one server; may be shared by threads.

    Args:
        base_url: Address with the API's path.
        api_key: Sent as a bearer token.
        timeout: Seconds for each call as a whole.
        on_failure: Is called with the failure of every failed call.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float,
        on_failure: Callable[[ApiFailure], None] = lambda _failure: None,
    ) -> None:
        self.endpoint = endpoint_of(base_url)
        self._server = Server(base_url, api_key, timeout)
        self._on_failure = on_failure
        self._threads = _Threads()
        self._opened: list[httpx2.Client] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            for http in self._opened:
                http.close()

    def check_model(self, model: str) -> ModelCheck:
        """Asks whether the key may use a model, which is free."""
        with self._server.connections() as http:
            gateway = OpenAIGateway(self._server, http, time.sleep, self._on_failure)
            return gateway.check_model(model, timeout=CONNECT_TIMEOUT * 2)

    def complete(self, body: Mapping[str, Any]) -> CallEnd:
        """Buys one answer; returns every end of the call as a value.

        The call ends after the time-out, even if a server dribbles its headers, its answer or its refusal byte by byte.
        """
        timeout = self._server.timeout
        with Deadline(timeout, sockets=self._threads.sockets) as watch:
            self._threads.watch = watch
            try:
                content, request_id = self._content(body)
                document = read_document(content)
            except ValueError as error:
                return self._failed(no_answer(FailureKind.BROKEN, str(error)))
            except ClientError as error:
                failure = failure_of(error, self.endpoint, secret=self._server.api_key)
                if isinstance(error.__cause__ or error, _NEVER_SENT):
                    failure = replace(failure, code=NOT_CONNECTED)
                elif watch.passed and failure.status is None:
                    failure = no_answer(FailureKind.TIMEOUT, f"no complete answer within {timeout:g} s")
                return self._failed(failure)
            return end_of_answer(document, request_id)

    def _content(self, body: Mapping[str, Any]) -> tuple[bytes, str | None]:
        extra = {name: value for name, value in body.items() if name not in ("model", "messages")}
        create = self._client().chat.completions.with_streaming_response.create
        chunks: list[bytes] = []
        size = 0
        with create(model=body["model"], messages=body["messages"], extra_body=extra) as response:
            for chunk in response.iter_bytes():
                chunks.append(chunk)
                size += len(chunk)
                if size > MOST_BYTES:
                    raise ValueError(f"the answer is longer than {MOST_BYTES} bytes")
            return b"".join(chunks), response.headers.get("x-request-id")

    def _client(self) -> Client:
        """The client of this thread, whose connections are kept between calls and watched in each."""
        threads = self._threads
        if threads.client is None:
            http = self._server.connections(attach=lambda request: threads.watch.attach(request))
            threads.client = self._server.client(http)
            with self._lock:
                self._opened.append(http)
        return threads.client

    def _failed(self, failure: ApiFailure) -> CallEnd:
        self._on_failure(failure)
        return end_of_failure(failure)
