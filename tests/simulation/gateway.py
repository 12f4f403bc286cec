"""The Batch API as one worker sees it: `BatchGateway`'s methods over the local server's own logic, in this process.

Each call is two boundaries: before it, and after it has taken effect, where a worker that dies never reads the answer. Calls that
are safe to repeat are repeated as the real gateway repeats them, and a create is sent once.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind, classify_api_error, no_answer
from livedash_pipeline.ledger.rules.service.gateway import Download, ModelCheck
from livedash_pipeline.ledger.rules.service.remote import (
    METADATA_NONCE,
    RemoteBatch,
    RemoteFile,
    read_remote_batch,
    read_remote_file,
)
from livedash_pipeline.local.batch_api.faults.faulty_service import FaultyService, ReplyLost
from livedash_pipeline.local.batch_api.records import BatchRecord
from livedash_pipeline.local.batch_api.refusals import Refusal
from livedash_pipeline.local.batch_api.service import BatchService
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.services.openai.calls import Document, walk_pages
from livedash_pipeline.services.openai.downloads import store_download
from livedash_pipeline.services.openai.gateway import BATCH_URL, COMPLETION_WINDOW, PROMISES, stated_size
from livedash_pipeline.services.openai.retries import ATTEMPTS, repeated
from tests.simulation.clock import Clock
from tests.simulation.workers import Worker

# Small, so that a dozen batches are several pages.
PAGE = 3
# Every call takes a moment, and a pause before repeating one takes another.
_CALL_SECONDS = 0.1
_PAUSE_SECONDS = 1.0

_T = TypeVar("_T")


class RecordingService(BatchService):
    """The service, which remembers what was uploaded and can tell what really happened, whatever its answers say."""

    def __init__(self, state_dir: Path, **options: Any) -> None:
        super().__init__(state_dir, **options)
        self.inputs: dict[str, dict[str, str]] = {}
        self.most_output: dict[str, dict[str, int]] = {}

    def upload_file(self, stream: Any, **options: Any) -> dict[str, Any]:
        """As the service does; what each line asks is kept as a digest, with the most tokens that its answer may have."""
        content = stream.read()
        document = super().upload_file(io.BytesIO(content), **options)
        lines = [json.loads(line) for line in content.splitlines()]
        self.inputs[document["id"]] = {line["custom_id"]: _digest(line["body"]) for line in lines}
        self.most_output[document["id"]] = {line["custom_id"]: _most_output(line["body"]) for line in lines}
        return document

    def records(self) -> list[BatchRecord]:
        """All batches as they are, oldest first, whatever is hidden."""
        self.advance()
        rows = self._store.execute("SELECT id FROM batches ORDER BY seq", {})
        found = [self._store.batch(row["id"]) for row in rows]
        return [record for record in found if record is not None]


def _most_output(body: Mapping[str, Any]) -> int:
    return max((body[name] for name in ("max_completion_tokens", "max_tokens") if name in body), default=0)


def _digest(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


class SimulatedGateway:
    """A worker's connection to the service.

    Args:
        service: The service behind an unreliable connection.
        worker: Who calls.
        clock: Moves on with every call.
        endpoint: As batches record it.
        create_tries: How often a create is sent that fails in passing; more than once is sabotage.
        deletes: Whether files are deleted; if not, it only says so.
        names_creates: Whether creates carry their names; if not, it is sabotage.
        on_failure: Told of every call that failed.
    """

    def __init__(
        self,
        service: FaultyService,
        worker: Worker,
        clock: Clock,
        endpoint: str,
        *,
        create_tries: int = 1,
        deletes: bool = True,
        names_creates: bool = True,
        on_failure: Callable[[ApiFailure], None] = lambda _failure: None,
    ) -> None:
        self.endpoint = endpoint
        self.promises = PROMISES
        self._create_tries = create_tries
        self._on_failure = on_failure
        self._deletes = deletes
        self._names_creates = names_creates
        self._service = service
        self._worker = worker
        self._clock = clock

    def check_model(self, model: str, *, timeout: float | None = None) -> ModelCheck:
        """As `BatchGateway.check_model`."""
        try:
            self._safely("check_model", lambda: self._service.get_model(model), timeout)
        except ServiceError as error:
            failure = error.failure
            missing = failure.status in (404, 405) and failure.kind is not FailureKind.MODEL_NOT_FOUND
            return ModelCheck(False, True, failure, missing)
        return ModelCheck(True, True, None, False)

    def upload_input(self, path: Path, filename: str) -> RemoteFile:
        """As `BatchGateway.upload_input`."""
        content = path.read_bytes()
        return read_remote_file(
            self._safely(
                "upload_input",
                lambda: self._service.upload_file(io.BytesIO(content), filename=filename, purpose="batch"),
            )
        )

    def create_batch(self, input_file_id: str, *, metadata: Mapping[str, str], deadline: float) -> RemoteBatch:
        """As `BatchGateway.create_batch`: sent once; a caller without an answer has waited until the deadline."""
        body = {
            "input_file_id": input_file_id,
            "endpoint": BATCH_URL,
            "completion_window": COMPLETION_WINDOW,
            "metadata": {key: value for key, value in metadata.items() if self._names_creates or key != METADATA_NONCE},
        }

        def create() -> dict[str, Any]:
            return self._once("create_batch", lambda: self._service.create_batch(body), lost_after=deadline)

        return read_remote_batch(repeated(create, self._pause, self._create_tries))

    def retrieve_batch(self, batch_id: str, *, timeout: float | None = None) -> RemoteBatch:
        """As `BatchGateway.retrieve_batch`."""
        return read_remote_batch(self._safely("retrieve_batch", lambda: self._service.get_batch(batch_id), timeout))

    def list_batches(
        self,
        *,
        limit: int = PAGE,
        until: Callable[[RemoteBatch], bool] | None = None,
        timeout: float | None = None,
    ) -> Iterator[RemoteBatch]:
        """As `BatchGateway.list_batches`."""
        pages = self._pages("list_batches", lambda after: self._service.list_batches(after=after, limit=limit), timeout)
        for items in pages:
            batches = [read_remote_batch(item) for item in items]
            yield from batches
            if until is not None and any([until(batch) for batch in batches]):  # noqa: C419
                return

    def cancel_batch(self, batch_id: str, *, timeout: float | None = None) -> RemoteBatch:
        """As `BatchGateway.cancel_batch`."""
        try:
            return read_remote_batch(self._once("cancel_batch", lambda: self._service.cancel_batch(batch_id)))
        except ServiceError as error:
            if error.failure.kind in (FailureKind.CONFLICT, FailureKind.REFUSED):
                return self.retrieve_batch(batch_id, timeout=timeout)
            raise

    def file(self, file_id: str, *, timeout: float | None = None) -> RemoteFile:
        """As `BatchGateway.file`."""
        return read_remote_file(self._safely("file", lambda: self._service.get_file(file_id), timeout))

    def list_files(self, purpose: str | None = None, *, timeout: float | None = None) -> Iterator[RemoteFile]:
        """As `BatchGateway.list_files`."""
        pages = self._pages(
            "list_files", lambda after: self._service.list_files(purpose=purpose, after=after, limit=PAGE), timeout
        )
        for items in pages:
            yield from map(read_remote_file, items)

    def delete_file(self, file_id: str) -> bool:
        """As `BatchGateway.delete_file`."""
        if not self._deletes:
            return True
        try:
            self._safely("delete_file", lambda: self._service.delete_file(file_id))
        except ServiceError as error:
            if error.failure.kind is FailureKind.NOT_FOUND:
                return False
            raise
        return True

    def download(self, file_id: str, destination: Path) -> Download:
        """As `BatchGateway.download`."""
        expected = stated_size(self, file_id)

        @contextmanager
        def content() -> Iterator[Iterator[bytes]]:
            yield iter([self._once("download", lambda: self._service.file_content(file_id))])

        return store_download(destination, content, expected, self._pause)

    def _pages(
        self, operation: str, send: Callable[[str | None], dict[str, Any]], timeout: float | None
    ) -> Iterator[list[Document]]:
        return walk_pages(operation, lambda after: self._safely(operation, lambda: send(after), timeout))

    def _safely(self, operation: str, act: Callable[[], _T], timeout: float | None = None) -> _T:
        return repeated(lambda: self._once(operation, act), self._pause, ATTEMPTS if timeout is None else 1)

    def _once(self, operation: str, act: Callable[[], _T], lost_after: float = 10.0) -> _T:
        if self._worker.open_transactions:
            raise AssertionError(f"{operation} is called while a transaction is open")
        self._worker.boundary(f"call {operation}: before")
        try:
            answer = act()
        except Refusal as refusal:
            failure = classify_api_error(
                refusal.status, refusal.code, refusal.kind, refusal.message, refusal.retry_after
            )
        except ReplyLost as lost:
            self._clock.advance(lost_after)
            failure = no_answer(FailureKind.TIMEOUT, str(lost))
        else:
            self._clock.advance(_CALL_SECONDS)
            self._worker.boundary(f"call {operation}: after")
            return answer
        self._worker.boundary(f"call {operation}: after")
        self._on_failure(failure)
        raise ServiceError(operation, failure)

    def _pause(self, _seconds: float) -> None:
        self._clock.advance(_PAUSE_SECONDS)
