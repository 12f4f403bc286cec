"""Packed files are told by their bytes, unpacked within bounds, and refused with their reason where they are damaged."""

from __future__ import annotations

import gzip
import io
import sys
import zipfile
from pathlib import Path

import pytest

from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.csv_source import CsvDownload, CsvSource
from livedash_pipeline.sources.http import FetchLimits
from tests.support.csv_rows import csv_line

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CONTENT = "".join(csv_line(f"id-{n}") for n in range(2_000)).encode()
LIMITS = FetchLimits(max_bytes=1_000_000, connect_seconds=10, read_seconds=10, total_seconds=30)


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("____", "_|").replace("__", "/").replace("|", "_"), content)
    return packed.getvalue()


def locked(archive: bytes) -> bytes:
    """The archive with its member said to need a password, in both of its headers."""
    flagged = bytearray(archive)
    flagged[6] |= 1
    flagged[archive.index(b"PK\x01\x02") + 8] |= 1
    return bytes(flagged)


def read(content: bytes, tmp_path: Path, limits: FetchLimits = LIMITS) -> bytes:
    path = tmp_path / "file"
    path.write_bytes(content)
    with CsvSource({}, tmp_path / "spool", limits).open_csv(str(path)) as answer:
        assert isinstance(answer, CsvDownload)
        assert answer.size == len(content), "the size is that of what came"
        assert not answer.may_be_cut_off()
        read_twice = [b"".join(answer.pieces()) for _ in range(2)]
        assert read_twice[0] == read_twice[1]
        assert answer.sample(10_000_000) == read_twice[0]
        assert answer.sample(300) in {read_twice[0][: len(csv_line("id-0")) * n] for n in range(20)}
        return read_twice[0]


@pytest.mark.parametrize(
    "packed",
    [
        CONTENT,
        gzip.compress(CONTENT, mtime=0),
        gzip.compress(CONTENT[:500], mtime=0) + gzip.compress(CONTENT[500:], mtime=0),
        zstd.compress(CONTENT),
        zipped(chats=CONTENT),
        zipped(**{"out__chats": CONTENT, "____MACOSX__x": b"clutter", "x.DS_Store": b"y"}),
    ],
    ids=["plain", "gzip", "gzip in two", "zstd", "zip", "zip with clutter"],
)
def test_a_packed_file_is_read_as_what_it_holds(packed: bytes, tmp_path: Path) -> None:
    assert read(packed, tmp_path) == CONTENT


@pytest.mark.parametrize(
    ("packed", "reason", "said"),
    [
        (gzip.compress(CONTENT, mtime=0)[:-200], "cut_off", "cut off"),
        (gzip.compress(CONTENT, mtime=0)[:-8] + b"\0" * 8, "damaged", "damaged"),
        (b"\x1f\x8b and no more", "damaged", "damaged"),
        (zstd.compress(CONTENT)[:-20], "cut_off", "cut off"),
        (zstd.compress(CONTENT)[:8] + b"\xff" * 40, "damaged", "damaged"),
        (zipped(chats=CONTENT)[:-30], "cut_off", "cut off"),
        (zipped(), "not_csv", "0 files"),
        (zipped(a=CONTENT, b=CONTENT), "not_csv", "2 files"),
        (locked(zipped(chats=CONTENT)), "not_csv", "password"),
        (gzip.compress(b"x" * 2_000_000), "too_large", "larger than"),
        (zstd.compress(b"x" * 2_000_000), "too_large", "larger than"),
        (zipped(chats=b"x" * 2_000_000), "too_large", "larger than"),
        (gzip.compress(b"<!doctype html><p>Log in"), "not_csv", "HTML"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_unpacked_is_refused_with_its_reason(
    packed: bytes, reason: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError) as caught:
        read(packed, tmp_path)
    assert (caught.value.reason, said in caught.value.message) == (reason, True), caught.value.message
    assert not list((tmp_path / "spool").iterdir()), "nothing is left behind"


def test_a_workbook_is_no_archive_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "book"
    path.write_bytes(zipped(**{"xl__workbook.xml": b"<x/>"}))
    source = CsvSource({}, tmp_path / "spool", LIMITS)
    with pytest.raises(SourceError, match="Excel workbook"), source.open_csv(str(path)):
        pass
    with source.open_csv(str(path), expected="xlsx") as answer:
        assert isinstance(answer, CsvDownload)
        assert b"".join(answer.pieces()) == path.read_bytes()
