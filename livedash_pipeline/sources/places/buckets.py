"""Buckets of S3, Google Cloud Storage and Azure as stores, each through its fsspec implementation.

What the three libraries call the same thing differently is here and nowhere else; which options each is opened with is in
`clients`. Their caches of listings and instances are switched off: an old listing is a claim about a bucket that is gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from livedash_pipeline.base.rules.causes import causes_of
from livedash_pipeline.base.rules.places.stores import Place, Scheme, StoreRoot
from livedash_pipeline.deadline import Deadline
from livedash_pipeline.errors import LivedashError, SourceError
from livedash_pipeline.sources.http import shown_url
from livedash_pipeline.sources.places.store import Entry, as_moment, not_found, not_permitted, wait_for

_Result = TypeVar("_Result")
# One request each: large enough for a quick line, small enough to be held in memory.
_PIECE = 8 << 20
_VERSIONS = ("generation", "ETag", "etag")
_MOMENTS = ("LastModified", "last_modified", "updated", "mtime")
# Names of exceptions of the three libraries, which are not loaded here, and of HTTP statuses in some of them.
_REFUSALS = frozenset(
    {
        "PermissionError",
        "NoCredentialsError",
        "PartialCredentialsError",
        "ClientAuthenticationError",
        "DefaultCredentialsError",
        "RefreshError",
        "ProfileNotFound",
        "TokenRetrievalError",
    }
)
_REFUSED_STATUSES = frozenset({401, 403})


class BucketStore:
    """One bucket or container; objects appear whole or not at all, so nothing in a listing is unfinished.

    Args:
        root: Which.
        files: The fsspec file system.
    """

    def __init__(self, root: StoreRoot, files: Any) -> None:
        self._root = root
        self._files = files
        # A container of Azure may hold blobs that grow by being appended to.
        self.shows_unfinished = root.scheme is Scheme.AZ

    def entries(self, folder: str, *, most: int, deadline: Deadline) -> list[Entry]:
        """Names below a prefix; none where nothing has that prefix."""
        path = f"{self._root.name}/{folder}" if folder else self._root.name
        address = self._address(folder)
        try:
            found = self._ask(lambda: self._list(path, most), deadline, address)
        except SourceError as error:
            if error.reason != "file_not_found" or not folder:
                raise
            # An empty folder does not exist; a bucket that does not exist is a mistake.
            self._ask(lambda: self._list(self._root.name, 1), deadline, self._root.address)
            return []
        return [entry for info in found if (entry := _entry(info, path)) is not None]

    def look(self, path: str, *, deadline: Deadline) -> Entry:
        """One object as it is now."""
        address = self._address(path)
        info = self._ask(lambda: self._info(f"{self._root.name}/{path}"), deadline, address)
        entry = _entry(info, f"{self._root.name}/{path}".rpartition("/")[0])
        if entry is None or entry.is_folder:
            raise not_found(address)
        return entry

    def pieces(self, path: str, size: int, *, deadline: Deadline) -> Iterator[bytes]:
        """Its content, asked for in ranges."""
        key, address = f"{self._root.name}/{path}", self._address(path)
        for start in range(0, size, _PIECE):
            end = min(start + _PIECE, size)
            piece = self._ask(partial(self._range, key, start, end), deadline, address)
            yield piece
            if len(piece) < end - start:
                return

    def close(self) -> None:
        """The libraries close their sessions when nothing refers to them any more."""

    async def _list(self, path: str, most: int) -> list[Mapping[str, Any]]:
        if self._root.scheme is not Scheme.S3:
            return await self._files._ls(path, detail=True)  # type: ignore[no-any-return]
        # The one of the three that gives names as they come, and can be left in the middle.
        bucket, _, folder = path.partition("/")
        found: list[Mapping[str, Any]] = []
        async for info in self._files._iterdir(bucket, prefix=f"{folder}/" if folder else ""):
            found.append(info)
            if len(found) > most:
                break
        return found

    def _info(self, path: str) -> Awaitable[Mapping[str, Any]]:
        options = {"refresh": True} if self._root.scheme is Scheme.S3 else {}
        return self._files._info(path, **options)  # type: ignore[no-any-return]

    def _range(self, path: str, start: int, end: int) -> Awaitable[bytes]:
        return self._files._cat_file(path, start=start, end=end)  # type: ignore[no-any-return]

    def _address(self, path: str) -> str:
        return Place(self._root, path).address

    def _ask(self, call: Callable[[], Awaitable[_Result]], deadline: Deadline, address: str) -> _Result:
        try:
            return wait_for(call, deadline, address)
        except LivedashError:
            raise
        except FileNotFoundError:
            raise not_found(address) from None
        except Exception as error:  # noqa: BLE001 - three libraries, each with a tree of its own
            raise _unreachable(error, address) from None


def _entry(info: Mapping[str, Any], folder: str) -> Entry | None:
    """What a library says of a name; None for the marker that some programs put into a folder to make it exist."""
    name = str(info["name"]).rstrip("/").removeprefix(f"{folder}/")
    if name == folder.rstrip("/") or (info["type"] != "directory" and str(info["name"]).endswith("/")):
        return None
    version = next((str(info[key]) for key in _VERSIONS if info.get(key)), None)
    moment = next((found for key in _MOMENTS if (found := as_moment(info.get(key))) is not None), None)
    return Entry(name, info["type"] == "directory", int(info.get("size") or 0), version, moment)


def _unreachable(error: Exception, address: str) -> SourceError:
    """Texts of these errors can hold a request with its signature, so only their kind is told."""
    causes = tuple(causes_of(error))
    names = {type(cause).__name__ for cause in causes}
    statuses = {status for cause in causes for status in _statuses(cause)}
    if names & _REFUSALS or statuses & _REFUSED_STATUSES:
        return not_permitted(address)
    if 404 in statuses:
        return not_found(address)
    return SourceError(
        f"{shown_url(address)} could not be read ({type(error).__name__}).", reason="fetch_failed", retryable=True
    )


def _statuses(cause: BaseException) -> Iterator[object]:
    for name in ("status_code", "code", "status"):
        found = getattr(cause, name, None)
        yield int(found) if isinstance(found, int) or (isinstance(found, str) and found.isdecimal()) else None
