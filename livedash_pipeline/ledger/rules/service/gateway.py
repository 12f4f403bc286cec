"""What the ledger needs of a service that runs batches: its calls, and what it promises about them.

An adapter beside `services/openai` implements `BatchGateway`; its methods raise `services.errors.ServiceError`. Add a call here
with its rule for repeating, and to `Promises` what another service does instead of what this ledger asks for today.
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
    """By what a batch whose create got no answer is found again."""

    TAG = "tag"
    """Metadata that the create carries, and the input file that it names: the listing shows both."""
    CLIENT_TOKEN = "client_token"  # noqa: S105 - a name, no secret
    """A token that makes a repeated create the same create, for a time that the service states."""
    OWN_ID = "own_id"
    """An id that the caller chooses: the batch is looked up by it, and a second create of it is refused."""
    CONTAINER = "container"
    """A batch that is made empty, buys nothing, and is filled in parts that carry names of their own."""


class LateCreateFence(StrEnum):
    """What keeps a create that is still on its way from buying once it has been given up."""

    INPUT_FILE = "input_file"
    """The deleted input file: a create on it is refused, or fails unbilled. Each endpoint has to prove it by a probe."""
    CONTAINER = "container"
    """The cancelled container, which takes no more parts."""
    NONE = "none"
    """Nothing: a twin is found and cancelled, and what it ran by then is paid."""


@dataclass(frozen=True)
class Promises:
    """What a service's own documentation says; what an endpoint has shown is kept in `endpoint_traits`.

    Attributes:
        identity: By what a lost create is found. With a tag, absence from the listing may be believed only as
            `ledger.rules.recovery.evidence` says; a 404 for a single id is never absence.
        fence: What a late create fails on.
        stable_ids: Whether create, look-up and listing name a batch by one id. Where they do not, marks decide whose it is.
    """

    identity: CreateIdentity
    fence: LateCreateFence
    stable_ids: bool

    @property
    def can_be_recovered(self) -> bool:
        """Whether this ledger knows how to find, fence and recreate what such a service may have made."""
        return self.identity is CreateIdentity.TAG and self.fence is LateCreateFence.INPUT_FILE


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """What the service says about a model. Go on if `ok`, or if `route_missing`: then it cannot be asked.

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
        """Buys: makes a batch of an uploaded file. Sent once, and over after `deadline` seconds, come what may.

        An error with `failure.definite_refusal` says that nothing was made; after any other a batch may exist or come to exist.
        """
        ...

    def retrieve_batch(self, batch_id: str, *, timeout: float | None = None) -> RemoteBatch:
        """Looks a batch up; kind `not_found` if this key sees no such batch."""
        ...

    def list_batches(
        self, *, limit: int = ..., until: Callable[[RemoteBatch], bool] | None = None, timeout: float | None = None
    ) -> Iterator[RemoteBatch]:
        """The key's batches, newest first as far as the service keeps that; no page after one for which `until` is true."""
        ...

    def cancel_batch(self, batch_id: str, *, timeout: float | None = None) -> RemoteBatch:
        """Asks, once, for a batch to be cancelled, and returns it as it then is; one that has already ended is no error."""
        ...

    def file(self, file_id: str, *, timeout: float | None = None) -> RemoteFile:
        """Looks a file up; kind `not_found` if this key sees no such file."""
        ...

    def list_files(self, purpose: str | None = None, *, timeout: float | None = None) -> Iterator[RemoteFile]:
        """The key's files, newest first, of one purpose or of all."""
        ...

    def delete_file(self, file_id: str) -> bool:
        """Deletes a file; False if there was none (any more)."""
        ...

    def download(self, file_id: str, destination: Path) -> Download:
        """Fetches a file's content, until its size is the one that the service states, if it states one."""
        ...
