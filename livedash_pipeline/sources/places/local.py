"""Folders and files of this machine as a store.

Read with the operating system's own calls: they tell which file a name stands for (its number), which libraries leave out, so
that a file that was replaced while it was read is noticed. Links in a folder are left alone: whoever may put files there could
otherwise have any file of this machine read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from livedash_pipeline.deadline import Deadline
from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.places.store import Entry, not_found, too_slow

_PIECE = 1 << 18
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LocalStore:
    """This machine."""

    shows_unfinished = True

    def entries(self, folder: str, *, most: int, deadline: Deadline) -> list[Entry]:
        """Names in a folder; links, and what is neither a file nor a folder, are left out."""
        found: list[Entry] = []
        try:
            with os.scandir(folder or "/") as names:
                for seen, name in enumerate(names):
                    if seen > most:
                        break
                    if deadline.passed:
                        raise too_slow(folder)
                    found += _entry_of(name)
        except OSError as error:
            raise _unreadable(folder, error) from None
        return found

    def look(self, path: str, *, deadline: Deadline) -> Entry:
        """One file as it is now."""
        del deadline
        try:
            status = Path(path).lstat()
        except OSError as error:
            raise _unreadable(path, error) from None
        if not S_ISREG(status.st_mode):
            raise SourceError(f"{path} is no file.", reason="file_not_found", retryable=False)
        return _entry(Path(path).name, status)

    def pieces(self, path: str, size: int, *, deadline: Deadline) -> Iterator[bytes]:
        """Its content."""
        try:
            # A link, or a pipe without a writer, that took the place of the file since it was looked at.
            with open(path, "rb", opener=partial(_opened, os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
                while size > 0 and (piece := file.read(min(_PIECE, size))):
                    if deadline.passed:
                        raise too_slow(path)
                    size -= len(piece)
                    yield piece
        except OSError as error:
            raise _unreadable(path, error) from None

    def close(self) -> None:
        """Nothing is kept open."""


def _opened(more: int, path: str, flags: int) -> int:
    return os.open(path, flags | more)


def _entry_of(name: os.DirEntry[str]) -> list[Entry]:
    try:
        status = name.stat(follow_symlinks=False)
    except FileNotFoundError:  # It went away.
        return []
    return [_entry(name.name, status)] if S_ISREG(status.st_mode) or S_ISDIR(status.st_mode) else []


def _entry(name: str, status: os.stat_result) -> Entry:
    # Whole microseconds, which is what the database keeps; the version has the rest.
    modified_at = _EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000)
    version = f"{status.st_ino}-{status.st_mtime_ns}"
    return Entry(name, S_ISDIR(status.st_mode), status.st_size, version, modified_at)


def _unreadable(path: str, error: OSError) -> SourceError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return not_found(path)
    why = os.strerror(error.errno or 0).lower()
    return SourceError(
        f"{path} cannot be read ({why}).",
        reason="file_unreadable",
        retryable=False,
        remedy="Correct its permissions, or name another place with `livedash company set SLUG --csv-url`.",
    )
