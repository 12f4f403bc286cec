"""Reads files in and below one directory, and none that a link leads out of it.

Nothing is added here about what a file holds; who asks, and what a refusal is called, is `sources.transcript_source`.
"""

from __future__ import annotations

import errno
import os
import stat
from functools import lru_cache
from pathlib import Path

# Directories whose place is known; transcripts lie in few.
_KNOWN_DIRECTORIES = 1024
# A pipe that nobody writes to is opened at once, and seen to be no file.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW


class OutsideError(Exception):
    """The file lies outside the directory."""


class NoFileError(Exception):
    """There is nothing of that name, or it is no file."""


class FilesBelow:
    """The files of one directory.

    Where a directory leads is found out once, a file is opened in it as no link, and the system says where that file lies: to
    look at every part of every path took longer than reading the files.

    Args:
        home: The directory, without links.
    """

    def __init__(self, home: Path) -> None:
        self._home = str(home)
        self._real_directory = lru_cache(maxsize=_KNOWN_DIRECTORIES)(os.path.realpath)

    def read(self, path: str, most: int) -> bytes:
        """The bytes of a file, of a large one `most + 1` of them.

        Args:
            path: From the directory, or absolute.
            most: Bytes that are wanted at most.

        Raises:
            OutsideError: It lies elsewhere; nothing of it is read.
            NoFileError: It is not there, or a directory, or a device.
            OSError: It cannot be read.
        """
        try:
            descriptor = self._open(path)
        except (FileNotFoundError, NotADirectoryError):
            raise NoFileError from None
        try:
            return _read(descriptor, most)
        finally:
            os.close(descriptor)

    def _open(self, path: str) -> int:
        directory, name = os.path.split(path if path.startswith("/") else f"{self._home}/{path}")
        descriptor = None if name in ("", ".", "..") else self._open_known(directory, name)
        return self._open_resolved(f"{directory}/{name}") if descriptor is None else descriptor

    def _open_known(self, directory: str, name: str) -> int | None:
        """None where the name is a link, whose end counts, or the directory may not be the one any more that was found."""
        place = self._real_directory(directory)
        try:
            descriptor = self._open_in(place, name)
        except OSError as error:
            # `EMLINK` on BSD.
            if error.errno in (errno.ELOOP, errno.EMLINK):
                return None
            raise
        if _place_of(descriptor) == f"{place}/{name}":
            return descriptor
        os.close(descriptor)
        return None

    def _open_resolved(self, path: str) -> int:
        try:
            return self._open_in(*os.path.split(os.path.realpath(path)))
        except OSError as error:
            # Links that lead to each other, or a link that was put there after the look.
            if error.errno in (errno.ELOOP, errno.EMLINK):
                raise NoFileError from None
            raise

    def _open_in(self, directory: str, name: str) -> int:
        inside = self._home.rstrip("/") + "/"
        if not f"{directory}/".startswith(inside):
            raise OutsideError
        return os.open(f"{directory}/{name}", _FLAGS)


def _place_of(descriptor: int) -> str | None:
    """Where an open file lies, by the system; None where it does not say, so that every path is resolved."""
    try:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())
    except OSError:
        return None


def _read(descriptor: int, most: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise NoFileError
    # A buffer of what it may have at most would be made for each of many small files.
    read = os.read(descriptor, min(status.st_size, most) + 1)
    # Somebody writes to it: it is read to its present end.
    while status.st_size < len(read) <= most and (more := os.read(descriptor, most + 1 - len(read))):
        read += more
    return read
