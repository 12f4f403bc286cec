"""Judges a workbook before it is parsed: a small archive may unpack to more than the machine has.

Three things grow without a bound: the archive when it is unpacked, the area between the first and the last cell, which a
parser fills with empty cells, and a long text that many cells share. All three are measured on the unpacked bytes by
regular expressions, which is fast; whatever is written in an unusual form counts as the worst that it can be.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol

_WORKBOOK, _STRINGS, _MACROS = "xl/workbook.xml", "xl/sharedStrings.xml", "vbaProject.bin"
_ROW = re.compile(rb"<(?:\w+:)?row[\s/>]")
_CELL = re.compile(rb"<(?:\w+:)?c[\s/>]")
_REFERENCE = re.compile(rb"<(?:\w+:)?c\s[^<>]*?\br=\"([A-Z]{1,3})(\d{1,7})\"")
_SHARED = re.compile(rb"<c\s[^<>]*?\bt=\"s\"[^<>]*><v>(\d{1,9})</v>")
_MAY_SHARE = re.compile(rb"\bt\s*=\s*[\"']s[\"']")
_PIECE = 4_000_000
# Sheets pack 10 to 50 times smaller; only in what is made for it are there more repetitions.
_MOST_RATIO, _SMALL = 150, 20_000_000
_ITEM = re.compile(rb"<(?:\w+:)?si[\s/>]")
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)


class WorkbookLimits(Protocol):
    """How large a workbook may be: bytes when it is unpacked, tags of one part, and cells of one sheet, empty ones included."""

    @property
    def max_unpacked_bytes(self) -> int:
        """Bytes of all parts, and of the texts of one sheet."""
        ...

    @property
    def max_tags(self) -> int:
        """Tags of one part."""
        ...

    @property
    def max_sheet_area(self) -> int:
        """Rows times columns of one sheet."""
        ...


@dataclass(frozen=True, slots=True)
class WorkbookFault:
    """Why a workbook is not parsed: a code, and a sentence."""

    code: str
    message: str


def workbook_fault(content: bytes, limits: WorkbookLimits) -> WorkbookFault | None:
    """Why the bytes are no workbook that can be parsed safely; None if they are one."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            return _archive_fault(archive, limits)
    except _FAULTS:
        return WorkbookFault("not_an_xlsx", "The file is a damaged zip archive.")


def _archive_fault(archive: zipfile.ZipFile, limits: WorkbookLimits) -> WorkbookFault | None:
    names = set(archive.namelist())
    if _WORKBOOK not in names:
        return WorkbookFault("not_an_xlsx", "The zip archive holds no workbook.")
    if any(name.endswith(_MACROS) for name in names):
        return WorkbookFault("unsafe_xlsx", "The workbook has macros; save it without them.")
    unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > limits.max_unpacked_bytes:
        return _too_large(f"unpacks to {unpacked:,} bytes", limits.max_unpacked_bytes)
    packed = sum(entry.compress_size for entry in archive.infolist())
    if unpacked > max(_SMALL, _MOST_RATIO * packed):
        return _too_large(f"unpacks to {unpacked:,} bytes from {packed:,}", _MOST_RATIO * packed)
    strings: list[int] = []
    # The strings come first: the sheets refer to them.
    for entry in sorted(archive.infolist(), key=lambda entry: entry.filename != _STRINGS):
        # Reading an entry to its end compares its size and checksum with what the archive says.
        data = archive.read(entry)
        fault = _entry_fault(entry.filename, data, strings, limits)
        if fault is not None:
            return fault
        if entry.filename == _STRINGS:
            strings = _string_sizes(data)
    return None


def _entry_fault(name: str, data: bytes, strings: list[int], limits: WorkbookLimits) -> WorkbookFault | None:
    if name.endswith((".xml", ".rels")) and b"\0" in data:
        return WorkbookFault("unsafe_xlsx", "A part of the workbook is not written in UTF-8.")
    tags = data.count(b"<")
    if tags > limits.max_tags:
        return _too_large(f"has a part with {tags:,} tags", limits.max_tags)
    if name == _STRINGS:
        return None
    area = _area(data)
    if area > limits.max_sheet_area:
        return _too_large(f"has a sheet of {area:,} cells, empty ones included", limits.max_sheet_area)
    shared = _shared_size(data, strings)
    if shared > limits.max_unpacked_bytes:
        return _too_large(f"has a sheet with {shared:,} bytes of text", limits.max_unpacked_bytes)
    return None


def _too_large(what: str, most: int) -> WorkbookFault:
    return WorkbookFault("unsafe_xlsx", f"The workbook {what}; at most {most:,} are allowed.")


def _area(data: bytes) -> int:
    """Rows times columns up to the last cell; at least that where cells do not say their place."""
    cells = named = height = width = 0
    for piece in _pieces(data):
        cells += len(_CELL.findall(piece))
        places = _REFERENCE.findall(piece)
        named += len(places)
        height = max(height, max((int(row) for _, row in places), default=0))
        width = max(width, max(map(_column, {name for name, _ in places}), default=0))
    if named < cells:
        rows = _ROW.split(data)
        height += len(rows)
        width += max(sum(1 for _ in _CELL.finditer(row)) for row in rows)
    return height * width


def _pieces(data: bytes) -> Iterator[bytes]:
    """The data in pieces that begin with a cell, so that lists of matches stay short."""
    start = 0
    while start < len(data):
        following = _CELL.search(data, start + _PIECE)
        end = following.start() if following else len(data)
        yield data[start:end]
        start = end


def _column(name: bytes) -> int:
    number = 0
    for letter in name:
        number = number * 26 + letter - ord("A") + 1
    return number


def _string_sizes(data: bytes) -> list[int]:
    return [len(part) for part in _ITEM.split(data)[1:]]


def _shared_size(data: bytes, strings: list[int]) -> int:
    """Bytes of the texts that cells refer to, each counted as often as it is used."""
    most = max(strings, default=0)
    size = 0
    for piece in _pieces(data):
        uses = list(map(int, _SHARED.findall(piece)))
        unusual = len(_MAY_SHARE.findall(piece)) - len(uses)
        size += sum(strings[place] for place in uses if place < len(strings)) + max(0, unusual) * most
    return size
