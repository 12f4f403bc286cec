"""What every store can do, and how calls of libraries that run in an event loop are made from here, within a time.

Add a store as a module with a class that has these calls, and an entry in `opening`. What a listing means is not decided here.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from types import ModuleType
from typing import Any, Protocol, TypeVar

from livedash_pipeline.base.rules.places.names import ListedFile
from livedash_pipeline.deadline import Deadline
from livedash_pipeline.errors import SettingsError, SourceError
from livedash_pipeline.sources.http import shown_url

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a store says of one name in a folder, or of one file."""

    name: str
    is_folder: bool
    size: int = 0
    version: str | None = None
    modified_at: datetime | None = None

    def as_file(self, address: str, path: str) -> ListedFile:
        """The entry of a file, with where it is."""
        return ListedFile(address, path, self.size, self.version, self.modified_at)


class Store(Protocol):
    """A bucket, an SFTP server, or this machine. Paths are as `base.rules.places.stores.Place` has them.

    Every call raises `SourceError` for whatever the store refuses, and for what does not end before the deadline.
    """

    # Whether a listing can show a file that somebody still writes to.
    shows_unfinished: bool

    def entries(self, folder: str, *, most: int, deadline: Deadline) -> list[Entry]:
        """Names in a folder, in any order; more than `most` of them may be cut off after one more."""

    def look(self, path: str, *, deadline: Deadline) -> Entry:
        """One file as it is now; `file_not_found` where there is none."""

    def pieces(self, path: str, size: int, *, deadline: Deadline) -> Iterator[bytes]:
        """Its content from the beginning, as far as `size` bytes."""

    def close(self) -> None:
        """Closes connections."""


def load_library(name: str, extra: str) -> ModuleType:
    """A library of an optional extra.

    Raises:
        SettingsError: It is not installed; the remedy names the command.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != name.partition(".")[0]:
            raise
        raise missing_library(name, extra) from None


def missing_library(name: str, extra: str) -> SettingsError:
    """The error for a store whose library is not installed."""
    return SettingsError(
        f"Addresses that begin with {extra}:// need the package {name}, which is not installed.",
        remedy=f"Run `pip install 'livedash-pipeline[{extra}]'`.",
        code="missing_library",
    )


def wait_for(call: Callable[[], Awaitable[_Result]], deadline: Deadline, address: str) -> _Result:
    """Runs a call in the event loop of fsspec, which all stores share, and ends it with the deadline.

    Raises:
        SourceError: It took too long (`timeout`).
    """
    from fsspec.asyn import get_loop, sync
    from fsspec.exceptions import FSTimeoutError

    left = deadline.left
    if left <= 0:
        raise too_slow(address)
    try:
        result: _Result = sync(get_loop(), _run, call, timeout=left)
    except FSTimeoutError:
        raise too_slow(address) from None
    return result


async def _run(call: Callable[[], Awaitable[_Result]]) -> _Result:
    return await call()


def too_slow(address: str) -> SourceError:
    """The error for a call that did not end in time."""
    return SourceError(
        f"{shown_url(address)} did not finish its answer in the time allowed.", reason="timeout", retryable=True
    )


def not_found(address: str) -> SourceError:
    """The error for a file or folder that is not there."""
    return SourceError(
        f"{shown_url(address)} does not exist.", reason="file_not_found", retryable=False, remedy="Check the address."
    )


def not_permitted(address: str) -> SourceError:
    """The error for what the store does not let us read."""
    return SourceError(
        f"{shown_url(address)} may not be read with the credentials given.",
        reason="permission_denied",
        retryable=False,
        remedy="Check the credentials and the permissions: reading needs the right to list and to get.",
    )


def as_moment(value: Any) -> datetime | None:
    """A time as a library gives it, a datetime or its ISO text; None for anything else."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, datetime) and value.tzinfo is not None else None
