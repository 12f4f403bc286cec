"""Sets up the client library `openai`, which no other module imports, and classifies its exceptions.

Change settings of the client here. `gateway` makes the calls. `failure_of` has to classify every exception class that a new
version of the library adds; a test lists them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import httpx2
from openai import APIConnectionError, APIStatusError, APITimeoutError, DefaultHttpxClient, OpenAI, OpenAIError

from livedash_pipeline.base.rules.endpoints import is_loopback
from livedash_pipeline.deadline import Deadline
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind, no_answer
from livedash_pipeline.services.openai.answers import read_failure
from livedash_pipeline.tls import machine_authorities

CONNECT_TIMEOUT = 5.0

MOST_OF_A_REFUSAL = 64 * 1024
"""Bytes as they were sent; at the best compression they unpack to 64 MB."""

Client = OpenAI
ClientError = (OpenAIError, httpx2.HTTPError)
"""Every exception of a call: while a body is streamed, those of the HTTP library come through."""


@dataclass(frozen=True)
class Server:
    """Where calls go and with which key; makes connections and clients for it."""

    base_url: str
    api_key: str = field(repr=False)
    timeout: float

    def connections(
        self, watch: Deadline | None = None, *, attach: Callable[[httpx2.Request], None] | None = None
    ) -> httpx2.Client:
        """A new pool of connections, watched by a deadline or by what `attach` gives each request; to be closed by the caller."""
        watching = watch.attach if watch else attach
        # A proxy of the environment has no way to a server on this machine.
        trust_env = not is_loopback(httpx2.URL(self.base_url).host)
        return DefaultHttpxClient(
            timeout=httpx2.Timeout(self.timeout, connect=min(CONNECT_TIMEOUT, self.timeout)),
            trust_env=trust_env,
            verify=machine_authorities(trust_env=trust_env),
            event_hooks={"request": [watching] if watching else [], "response": [_bound_refusal]},
        )

    def client(self, http_client: httpx2.Client) -> OpenAI:
        """A client that never repeats a call by itself."""
        client = OpenAI(
            base_url=self.base_url,
            api_key=self.api_key,
            timeout=httpx2.Timeout(self.timeout, connect=min(CONNECT_TIMEOUT, self.timeout)),
            max_retries=0,
            http_client=http_client,
        )
        # The library reads OPENAI_ORG_ID and the like, which are not settings of ours and would send batches to another account.
        client.organization = client.project = client.admin_api_key = None
        return client


class _Bounded(httpx2.SyncByteStream):
    """The body of a refusal, read only as far as a few sentences need."""

    def __init__(self, stream: httpx2.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if size > MOST_OF_A_REFUSAL:
                raise httpx2.ReadError(f"a refusal is longer than {MOST_OF_A_REFUSAL} bytes")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _bound_refusal(response: httpx2.Response) -> None:
    """Limits the body of every answer but a success, which the client library would read whole, however long it is."""
    if not response.is_success and isinstance(response.stream, httpx2.SyncByteStream):
        response.stream = _Bounded(response.stream)


def failure_of(
    error: OpenAIError | httpx2.HTTPError, endpoint: str, *, secret: str | None = None, route_known: bool = True
) -> ApiFailure:
    """Classifies every exception of the client library, and of the HTTP library under it."""
    if isinstance(error, APIStatusError):
        answer = error.response
        return read_failure(error.status_code, answer.headers, answer.content, secret=secret, route_known=route_known)
    cause = error.__cause__ or error
    reason = str(cause) or type(cause).__name__
    if isinstance(error, APITimeoutError | httpx2.TimeoutException):
        return no_answer(FailureKind.TIMEOUT, f"{endpoint} did not answer in time: {reason}", secret=secret)
    if isinstance(error, APIConnectionError | httpx2.TransportError):
        return no_answer(FailureKind.UNREACHABLE, f"no usable connection to {endpoint}: {reason}", secret=secret)
    return no_answer(FailureKind.BROKEN, f"the answer of {endpoint} makes no sense: {reason}", secret=secret)


def headers_of(error: BaseException | None) -> Mapping[str, str]:
    """Headers of the answer that an exception stands for; empty where none came."""
    return error.response.headers if isinstance(error, APIStatusError) else {}
