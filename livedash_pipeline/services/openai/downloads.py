"""Result files on disk: streamed, measured against the size the service states, fetched again when short, then renamed.

Downloads of hundreds of megabytes have been seen to end early without an error, so a file counts as whole only when its
size matches. Add ways to store a download here; requests are made by `services.openai.gateway`, lines are read elsewhere.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt

from livedash_pipeline.ledger.rules.service.gateway import Download
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.services.openai.retries import ATTEMPTS, pause_before_repeating, worth_repeating

OpenContent = Callable[[], AbstractContextManager[Iterator[bytes]]]
"""Opens a file's content anew; chunks are decoded from any content encoding, failures are `ServiceError`."""


@dataclass(frozen=True, slots=True)
class _Try:
    bytes: int
    sha256: str
    error: ServiceError | None


def store_download(
    destination: Path,
    open_content: OpenContent,
    expected_bytes: int | None,
    sleep: Callable[[float], None],
    attempts: int = ATTEMPTS,
) -> Download:
    """Streams content to `destination`, which appears (or is replaced) only when all tries are done.

    Raises:
        ServiceError: Nothing could be fetched: the failure of the last try. A try that got part of the file is no error
            but an incomplete download.
    """

    def short(fetched: _Try) -> bool:
        if fetched.error is not None:
            return worth_repeating(fetched.error)
        return expected_bytes is not None and fetched.bytes != expected_bytes

    with _temporary_beside(destination) as (target, place):
        fetched = Retrying(
            stop=stop_after_attempt(attempts),
            wait=_pause,
            retry=retry_if_result(short),
            sleep=sleep,
            retry_error_callback=_last_result,
        )(_fetch, target, open_content)
        if fetched.error is not None and fetched.bytes == 0:
            raise fetched.error
        _make_durable(target, place, destination)
    return Download(
        path=destination,
        bytes=fetched.bytes,
        expected_bytes=expected_bytes,
        complete=fetched.error is None and not short(fetched),
        sha256=fetched.sha256,
        broken_by=fetched.error.failure if fetched.error else None,
    )


def _fetch(target: BinaryIO, open_content: OpenContent) -> _Try:
    target.seek(0)
    target.truncate()
    digest, count = hashlib.sha256(), 0
    try:
        with open_content() as chunks:
            for chunk in chunks:
                target.write(chunk)
                digest.update(chunk)
                count += len(chunk)
    except ServiceError as error:
        return _Try(count, digest.hexdigest(), error)
    return _Try(count, digest.hexdigest(), None)


def _pause(state: RetryCallState) -> float:
    fetched = state.outcome.result() if state.outcome else None
    if isinstance(fetched, _Try) and fetched.error and fetched.error.failure.retry_after:
        return max(pause_before_repeating(state), fetched.error.failure.retry_after)
    return pause_before_repeating(state)


def _last_result(state: RetryCallState) -> _Try:
    if state.outcome is None:
        raise AssertionError("no try was made")
    found: _Try = state.outcome.result()
    return found


@contextmanager
def _temporary_beside(destination: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A file in the same directory, so that renaming it is atomic; removed unless it was renamed."""
    handle, name = tempfile.mkstemp(prefix=f".{destination.name}.", suffix=".part", dir=destination.parent)
    try:
        with os.fdopen(handle, "wb") as target:
            yield target, Path(name)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def _make_durable(target: BinaryIO, place: Path, destination: Path) -> None:
    target.flush()
    os.fsync(target.fileno())
    place.replace(destination)
    directory = os.open(destination.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
