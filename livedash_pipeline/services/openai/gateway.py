"""The Batch API as this program uses it: one method per call, our own shapes in and out, one error for all failures.

Add a call here with its rule for repeating: whatever buys or cancels is sent once, everything else may be repeated, and the
client's own retries stay off, since it would repeat a create whose answer was lost. Result lines are not read here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar

import httpx2

from livedash_pipeline.base.rules.endpoints import endpoint_of
from livedash_pipeline.deadline import Deadline
from livedash_pipeline.errors import SettingsError
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind, no_answer
from livedash_pipeline.ledger.rules.service.gateway import (
    CreateIdentity,
    Download,
    LateCreateFence,
    ModelCheck,
    Promises,
)
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch, RemoteFile, read_remote_batch, read_remote_file
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.services.openai.calls import Calls, Document, RawAnswer, Send, read_item
from livedash_pipeline.services.openai.client import (
    CONNECT_TIMEOUT,
    Client,
    ClientError,
    Server,
    failure_of,
    headers_of,
)
from livedash_pipeline.services.openai.downloads import store_download
from livedash_pipeline.services.openai.retries import ATTEMPTS

STAND_IN_HEADER = "x-livedash-stand-in"
"""Sent with "true" by the local Batch API server, so that no stand-in is taken for a real service."""

BATCH_URL: Final = "/v1/chat/completions"
COMPLETION_WINDOW: Final = "24h"
PAGE = 100
TIMEOUT = 60.0
# A service may take minutes to check and store 190 MB after the last byte has arrived.
UPLOAD_TIMEOUT = 300.0

_T = TypeVar("_T")


# From OpenAI's reference. Other services with its API count as promising the same until a probe shows otherwise.
PROMISES = Promises(CreateIdentity.TAG, LateCreateFence.INPUT_FILE, stable_ids=True)


class OpenAIGateway:
    """OpenAI's Batch API as a `BatchGateway`; made by `connect`.

    Methods with `timeout` are tried once within so many seconds per read, and without it up to three times.
    """

    promises = PROMISES

    def __init__(
        self,
        server: Server,
        http_client: httpx2.Client | None,
        sleep: Callable[[float], None],
        on_failure: Callable[[ApiFailure], None],
    ) -> None:
        self.endpoint = endpoint_of(server.base_url)
        self._on_failure = on_failure
        self._server = server
        self._given_connections = http_client is not None
        self._client = server.client(http_client or server.connections())
        self._sleep = sleep
        self._calls = Calls(self._translated, sleep)
        self._checks = Calls(partial(self._translated, route_known=False), sleep)

    def __enter__(self) -> OpenAIGateway:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections."""
        self._client.close()

    def check_model(self, model: str, *, timeout: float | None = None) -> ModelCheck:
        """Asks whether the key may use a model, which is free. Failures are part of the answer, none is raised."""
        raw = self._client.models.with_raw_response
        try:
            _, headers = self._checks.safely(
                f"Checking model {model!r}", lambda: raw.retrieve(model, **_per_call(timeout)), tries=_tries(timeout)
            )
        except ServiceError as error:
            return self._unconfirmed(error)
        return ModelCheck(True, _is_stand_in(headers), None, False)

    def upload_input(self, path: Path, filename: str) -> RemoteFile:
        """Uploads an input file, streamed from disk; repeated when it fails in passing, since uploads are free.

        Raises:
            ServiceError: It was refused, or failed three times.
        """
        raw = self._client.files.with_raw_response
        limit = httpx2.Timeout(UPLOAD_TIMEOUT, connect=CONNECT_TIMEOUT)

        def send() -> RawAnswer:
            with path.open("rb") as content:
                return raw.create(file=(filename, content, "application/jsonl"), purpose="batch", timeout=limit)

        return self._read(f"Uploading {filename!r}", send, read_remote_file)

    def create_batch(self, input_file_id: str, *, metadata: Mapping[str, str], deadline: float) -> RemoteBatch:
        """Buys: creates a batch from an uploaded file. Sends the call once and gives up after `deadline` seconds.

        Raises:
            ServiceError: With `failure.definite_refusal` nothing was made; else a batch may exist or come to exist.
        """
        operation = f"Creating a batch of file {input_file_id!r}"
        limit = httpx2.Timeout(deadline, connect=min(CONNECT_TIMEOUT, deadline))
        with Deadline(deadline) as watch, self._fresh_client(watch) as client:
            try:
                document, _ = self._calls.once(
                    operation,
                    lambda: client.batches.with_raw_response.create(
                        input_file_id=input_file_id,
                        endpoint=BATCH_URL,
                        completion_window=COMPLETION_WINDOW,
                        metadata=dict(metadata),
                        timeout=limit,
                    ),
                )
            except ServiceError as error:
                if watch.passed and error.failure.status is None:
                    late = no_answer(FailureKind.TIMEOUT, f"no complete answer within {deadline:g} s")
                    raise ServiceError(operation, late) from error
                raise
        return read_item(operation, read_remote_batch, document)

    def retrieve_batch(self, batch_id: str, *, timeout: float | None = None) -> RemoteBatch:
        """Looks a batch up; kind `not_found` if this key sees no such batch."""
        raw = self._client.batches.with_raw_response
        operation = f"Looking up batch {batch_id!r}"
        return self._read(operation, lambda: raw.retrieve(batch_id, **_per_call(timeout)), read_remote_batch, timeout)

    def list_batches(
        self,
        *,
        limit: int = PAGE,
        until: Callable[[RemoteBatch], bool] | None = None,
        timeout: float | None = None,
    ) -> Iterator[RemoteBatch]:
        """The key's batches, newest first, page by page as they are asked for.

        Args:
            limit: Batches per page, at most 100.
            until: No page is fetched after one with a batch for which this is true. That page is yielded whole, as order
                within a second is not promised.
            timeout: Seconds for each page, which is then tried once.

        Raises:
            ServiceError: While iterating. What was yielded before is then not the whole listing.
        """
        raw, operation = self._client.batches.with_raw_response, "Listing batches"
        for page in self._calls.pages(
            operation, lambda after: raw.list(limit=limit, **_after(after), **_per_call(timeout)), tries=_tries(timeout)
        ):
            batches = [read_item(operation, read_remote_batch, item) for item in page]
            yield from batches
            # Of all of a page: `until` may follow its order.
            if until is not None and any([until(batch) for batch in batches]):  # noqa: C419
                return

    def cancel_batch(self, batch_id: str, *, timeout: float | None = None) -> RemoteBatch:
        """Asks, once, for a batch to be cancelled, and returns it as it then is; one that has already ended is no error.

        Raises:
            ServiceError: Kind `not_found` if this key sees no such batch.
        """
        raw, operation = self._client.batches.with_raw_response, f"Cancelling batch {batch_id!r}"
        try:
            document, _ = self._calls.once(operation, lambda: raw.cancel(batch_id, **_per_call(timeout)))
        except ServiceError as error:
            # It ended while we asked, which the service reports as a conflict, and some services as a bad request.
            if error.failure.kind in (FailureKind.CONFLICT, FailureKind.REFUSED):
                return self.retrieve_batch(batch_id, timeout=timeout)
            raise
        return read_item(operation, read_remote_batch, document)

    def file(self, file_id: str, *, timeout: float | None = None) -> RemoteFile:
        """Looks a file up; kind `not_found` if this key sees no such file."""
        raw, operation = self._client.files.with_raw_response, f"Looking up file {file_id!r}"
        return self._read(operation, lambda: raw.retrieve(file_id, **_per_call(timeout)), read_remote_file, timeout)

    def list_files(self, purpose: str | None = None, *, timeout: float | None = None) -> Iterator[RemoteFile]:
        """The key's files, newest first, page by page, of one purpose (`batch`, `batch_output`) or of all."""
        raw, operation = self._client.files.with_raw_response, "Listing files"
        chosen: dict[str, Any] = {} if purpose is None else {"purpose": purpose}
        for page in self._calls.pages(
            operation,
            lambda after: raw.list(limit=PAGE, **chosen, **_after(after), **_per_call(timeout)),
            tries=_tries(timeout),
        ):
            yield from (read_item(operation, read_remote_file, item) for item in page)

    def delete_file(self, file_id: str) -> bool:
        """Deletes a file; False if there was none (any more)."""
        raw = self._client.files.with_raw_response
        try:
            self._calls.safely(f"Deleting file {file_id!r}", lambda: raw.delete(file_id), tries=ATTEMPTS)
        except ServiceError as error:
            if error.failure.kind is FailureKind.NOT_FOUND:
                return False
            raise
        return True

    def download(self, file_id: str, destination: Path) -> Download:
        """Fetches a file's content to `destination`, three times at most until its size is the one the service states.

        Where the file cannot be looked up, its size is unknown: the content alone says whether the file is gone.

        Raises:
            ServiceError: Kind `not_found` if the content is gone; others if nothing of it could be fetched.
        """
        return store_download(destination, lambda: self._content(file_id), stated_size(self, file_id), self._sleep)

    @contextmanager
    def _content(self, file_id: str) -> Iterator[Iterator[bytes]]:
        streaming = self._client.files.with_streaming_response
        with self._translated(f"Downloading file {file_id!r}"), streaming.content(file_id) as response:
            # Decoded from gzip, as the service's own size counts the content and not its encoding.
            yield response.iter_bytes()

    def _read(self, operation: str, send: Send, read: Callable[[Document], _T], timeout: float | None = None) -> _T:
        document, _ = self._calls.safely(operation, send, tries=_tries(timeout))
        return read_item(operation, read, document)

    def _unconfirmed(self, error: ServiceError) -> ModelCheck:
        """A failed model check: 404 or 405 for any reason but the model itself says that there is no such route."""
        failure, headers = error.failure, headers_of(error.__cause__)
        missing = failure.status in (404, 405) and failure.kind is not FailureKind.MODEL_NOT_FOUND
        return ModelCheck(False, _is_stand_in(headers), failure, missing)

    @contextmanager
    def _translated(self, operation: str, *, route_known: bool = True) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            failure = failure_of(error, self.endpoint, secret=self._server.api_key, route_known=route_known)
            self._on_failure(failure)
            raise ServiceError(operation, failure) from error

    @contextmanager
    def _fresh_client(self, watch: Deadline) -> Iterator[Client]:
        """A client whose connections can be watched from their beginning; a given HTTP client is used as it is."""
        if self._given_connections:
            yield self._client
            return
        with self._server.connections(watch) as http:
            yield self._server.client(http)


class _FileLookUp(Protocol):
    def file(self, file_id: str) -> RemoteFile:
        """The file object."""


def stated_size(gateway: _FileLookUp, file_id: str) -> int | None:
    """The size that a file's object states; None where it cannot be looked up, which says nothing of the content.

    Raises:
        ServiceError: The service could not be asked.
    """
    try:
        return gateway.file(file_id).bytes
    except ServiceError as error:
        if error.failure.kind not in _SAYS_NOTHING_OF_CONTENT:
            raise
        return None


def connect(
    base_url: str,
    api_key: str,
    *,
    timeout: float = TIMEOUT,
    http_client: httpx2.Client | None = None,
    sleep: Callable[[float], None] = time.sleep,
    on_failure: Callable[[ApiFailure], None] = lambda _failure: None,
) -> OpenAIGateway:
    """A gateway to the Batch API at an address. Nothing is sent yet.

    Args:
        base_url: Address with the API's path, such as https://api.openai.com/v1.
        api_key: The key, sent as a bearer token.
        timeout: Seconds for connecting and for each read, unless a call says otherwise.
        http_client: Connections to use instead of the gateway's own. The deadline of a create then only limits each read.
        sleep: Waits between tries.
        on_failure: Told of every call that failed, each try by itself, before it is repeated or raised.

    Raises:
        SettingsError: The address or the key cannot be used.
    """
    try:
        endpoint_of(base_url)
    except ValueError as error:
        raise SettingsError(f"OPENAI_BASE_URL: {error}.", remedy="Set it to an http:// or https:// address.") from None
    key = api_key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        reason = (
            "is empty" if not key else "has characters that no key has (spaces, line breaks, or letters beyond ASCII)"
        )
        raise SettingsError(f"OPENAI_API_KEY {reason}.", remedy="Copy the key again from the service's key page.")
    return OpenAIGateway(Server(base_url, key, timeout), http_client, sleep, on_failure)


# A gateway may serve a file's content without knowing the file. Other failures concern every call, or pass by themselves.
_SAYS_NOTHING_OF_CONTENT = frozenset(
    {
        FailureKind.NOT_FOUND,
        FailureKind.NO_SUCH_ROUTE,
        FailureKind.REFUSED,
        FailureKind.FORBIDDEN,
        FailureKind.BROKEN,
    }
)


def _is_stand_in(headers: Mapping[str, str]) -> bool:
    return headers.get(STAND_IN_HEADER, "").strip().lower() == "true"


def _tries(timeout: float | None) -> int:
    return ATTEMPTS if timeout is None else 1


def _per_call(timeout: float | None) -> dict[str, Any]:
    return {} if timeout is None else {"timeout": timeout}


def _after(position: str | None) -> dict[str, Any]:
    return {} if position is None else {"after": position}


__all__ = ["OpenAIGateway", "connect"]
