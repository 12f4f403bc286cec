"""Files that come packed, by their first bytes and not by their names: gzip, zstd, and ZIP archives with one file in them.

A workbook is a ZIP archive as well; it is left as it is. Add a way of packing with its magic bytes. What is unpacked is bounded
like what is fetched.
"""

from __future__ import annotations

import gzip
import lzma
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.http import copy_within, shown_url
from livedash_pipeline.storage import writing

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GZIP, ZSTD, ZIP, EMPTY_ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"PK\x05\x06"
_PIECE = 1 << 18
_WORKBOOK = "xl/workbook.xml"
# Archives of macOS carry a copy of each name in such a folder.
_CLUTTER = ("__MACOSX/", ".DS_Store")
# OSError is what the readers of bzip2 and of odd archives raise; of what is written it would be a StorageError.
_DAMAGED = (zlib.error, zstd.ZstdError, zipfile.BadZipFile, lzma.LZMAError, EOFError, OSError)


def is_workbook(file: BinaryIO) -> bool:
    """Whether a file is an Excel workbook."""
    file.seek(0)
    if file.read(len(ZIP)) != ZIP:
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            return _WORKBOOK in archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return False


@contextmanager
def unpacked(file: BinaryIO, spool: Path, *, max_bytes: int, url: str) -> Iterator[BinaryIO]:
    """The content of a file that may be packed, as a file of its own; the same file where it is not.

    Raises:
        SourceError: It is damaged, cut off, holds several files, or unpacks to more than `max_bytes`.
        StorageError: What it holds cannot be kept on this machine.
    """
    file.seek(0)
    magic = file.read(4)
    file.seek(0)
    if not (magic.startswith(GZIP) or magic in {ZSTD, ZIP, EMPTY_ZIP}) or (magic == ZIP and is_workbook(file)):
        yield file
        return
    with writing("The spool of a CSV", spool, setting="TMPDIR"):
        opened = tempfile.TemporaryFile(dir=spool)  # noqa: SIM115 - closed below, outside of what writing explains
    with opened as content:
        try:
            with _reader(file, magic, url) as reader:
                copy_within(iter(lambda: reader.read(_PIECE), b""), content, max_bytes=max_bytes, name=shown_url(url))
        except _DAMAGED as error:
            raise _damaged(url, magic, error) from None
        except (NotImplementedError, RuntimeError):  # As zipfile says of unknown ways of packing, and of passwords.
            raise _unreadable(url, "is a ZIP archive with a password, or packed in a way that is not known") from None
        yield content


@contextmanager
def _reader(file: BinaryIO, magic: bytes, url: str) -> Iterator[IO[bytes] | gzip.GzipFile | zstd.ZstdFile]:
    if magic.startswith(GZIP):
        with gzip.GzipFile(fileobj=file) as reader:
            yield reader
    elif magic == ZSTD:
        with zstd.ZstdFile(file) as reader:
            yield reader
    else:
        with zipfile.ZipFile(file) as archive, archive.open(_only_member(archive, url)) as reader:
            yield reader


def _only_member(archive: zipfile.ZipFile, url: str) -> zipfile.ZipInfo:
    members = [
        entry
        for entry in archive.infolist()
        if not entry.is_dir() and not any(each in entry.filename for each in _CLUTTER)
    ]
    if len(members) != 1:
        raise _unreadable(url, f"is a ZIP archive with {len(members)} files, and one is expected")
    return members[0]


def _damaged(url: str, magic: bytes, error: Exception) -> SourceError:
    form = "gzip" if magic.startswith(GZIP) else "zstd" if magic == ZSTD else "ZIP"
    # An archive that ends early may be whole at the next try.
    is_cut = isinstance(error, EOFError | zipfile.BadZipFile)
    return SourceError(
        f"{shown_url(url)} is a {form} file that is {'cut off or damaged' if is_cut else 'damaged'}.",
        reason="cut_off" if is_cut else "damaged",
        retryable=is_cut,
        remedy="Nothing of it was imported. Have it written anew, under another name first and renamed when it is whole.",
    )


def _unreadable(url: str, what: str) -> SourceError:
    return SourceError(
        f"{shown_url(url)} {what}.",
        reason="not_csv",
        retryable=False,
        remedy="Have it packed as gzip, zstd, or ZIP without a password and with one file in it.",
    )
