"""The interface of a service that runs batches: its calls, and its promises about them.

An adapter beside `services/openai` implements `BatchGateway`; its methods raise `services.errors.ServiceError`. Add a call here
with its rule for repeating. Add to `Promises` what another service does differently from what the ledger relies on today.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from livedash_pipeline.ledger.rules.service.failures import ApiFailure
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch, RemoteFile


class CreateIdentity(StrEnum):
    """The means by which a batch is found again whose create got no answer."""

    TAG = "tag"
    """Metadata that the create carries, and the input file that it names: the listing shows both."""
    CLIENT_TOKEN = "client_token"  # noqa: S105 - a name, no secret
    """A token that makes a repeated create the same create, for a time that the service states."""
    OWN_ID = "own_id"
    """An id that the caller chooses: the batch is looked up by it, and a second create of it is refused."""
    CONTAINER = "container"
    """The batch is created empty, which buys nothing, and then filled in parts with names of their own."""


class LateCreateFence(StrEnum):
    """The means that keep a late create from buying anything once the ledger has given it up."""

    INPUT_FILE = "input_file"
    """The deleted input file: a create on it is refused, or fails unbilled. Each endpoint has to prove it by a probe."""
    CONTAINER = "container"
    """The cancelled container, which takes no more parts."""
    NONE = "none"
    """No fence: a twin is found and cancelled, and what it ran by then is paid for."""


@dataclass(frozen=True)
class Promises:
    """The promises of a service's own documentation; `endpoint_traits` keeps what an endpoint has really shown.

    Attributes:
        identity: How a lost create is found. With a tag, absence from the listing may be believed only as
            `ledger.rules.recovery.evidence` says; a 404 for a single id is never absence.
        fence: What makes a late create fail.
        stable_ids: Whether create, look-up and listing name a batch by one id. Where they do not, marks decide whose it is.
    """

    identity: CreateIdentity
    fence: LateCreateFence
    stable_ids: bool

    @property
    def can_be_recovered(self) -> bool:
        """Whether this ledger can find, fence and recreate a batch of such a service."""
        return self.identity is CreateIdentity.TAG and self.fence is LateCreateFence.INPUT_FILE


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """The service's answer about a model. Go on if `ok`, or if `route_missing`: such a service cannot be asked.

    `stand_in` is true if the local Batch API server answered; it is known whenever an answer came.
    """

    ok: bool
    stand_in: bool
    failure: ApiFailure | None
    route_missing: bool


@dataclass(frozen=True, slots=True)
class Download:
    """A file on disk. `bytes` and `sha256` are of the decoded content, which is what the service's size counts.

    `complete` says that the stream ended by itself and, where a size is known, has that size. `broken_by` is the failure
    that cut the last try, None if that ended as if it were whole.
    """

    path: Path
    bytes: int
    expected_bytes: int | None
    complete: bool
    sha256: str
    broken_by: ApiFailure | None = None


class BatchGateway(Protocol):
    """Calls to one service with one key.

    Methods with `timeout` are tried once within so many seconds per read, and without it may be repeated by themselves: all
    but `create_batch` and `cancel_batch`, which are sent once.
    """

    @property
    def endpoint(self) -> str:
        """Host and path of the service, as batches record it."""
        ...

    @property
    def promises(self) -> Promises:
        """What the service promises."""
        ...

    def check_model(self, model: str, *, timeout: float | None = None) -> ModelCheck:
        """Asks whether the key may use a model, which is free. Failures are part of the answer, none is raised."""
        ...

    def upload_input(self, path: Path, filename: str) -> RemoteFile:
        """Uploads an input file, streamed from disk; free, and repeated when it fails in passing."""
        ...

    def create_batch(self, input_file_id: str, *, metadata: Mapping[str, str], deadline: float) -> RemoteBatch:
        """Buys: creates a batch from an uploaded file. Sends the call once and gives up after `deadline` seconds.

        After an error with `failure.definite_refusal` no batch was made; after any other one may exist or come to exist.
        """
        ...

    def retrieve_batch(self, batch_id: str, *, timeout: float | None = None) -> RemoteBatch:
        """Looks a batch up; kind `not_found` if this key sees no such batch."""
        ...

    def list_batches(
        self, *, limit: int = ..., until: Callable[[RemoteBatch], bool] | None = None, timeout: float | None = None
    ) -> Iterator[RemoteBatch]:
        """Yields the key's batches, newest first if the service keeps that order; stops after the page where `until` is true."""
        ...

    def cancel_batch(self, batch_id: str, *, timeout: float | None = None) -> RemoteBatch:
        """Asks once for a batch to be cancelled and returns it as it is then; a batch that has already ended is not an error."""
        ...

    def file(self, file_id: str, *, timeout: float | None = None) -> RemoteFile:
        """Looks a file up; kind `not_found` if this key sees no such file."""
        ...

    def list_files(self, purpose: str | None = None, *, timeout: float | None = None) -> Iterator[RemoteFile]:
        """Yields the key's files, newest first, of one purpose or of all."""
        ...

    def delete_file(self, file_id: str) -> bool:
        """Deletes a file; False if it did not exist (any more)."""
        ...

    def download(self, file_id: str, destination: Path) -> Download:
        """Fetches a file's content, and tries again until it has the size that the service states, if it states one."""
        ...
