"""Judges a workbook before it is parsed: a small archive may unpack to more than the machine has.

Three things grow without a bound: the archive when it is unpacked, the area between the first and the last cell, which a
parser fills with empty cells, and a long text that many cells share. All three are measured on the unpacked bytes, read in
pieces of a megabyte, by regular expressions, which is fast; whatever is written in an unusual form counts as the worst that it
can be. Add another thing that grows to `_Sheet`.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Protocol

_WORKBOOK, _STRINGS, _MACROS = "xl/workbook.xml", "xl/sharedstrings.xml", "vbaproject.bin"
_ROW = re.compile(rb"<(?:\w+:)?row[\s/>]")
_CELL = re.compile(rb"<(?:\w+:)?c[\s/>]")
_REFERENCE = re.compile(rb"<(?:\w+:)?c\s[^<>]*?\br=\"([A-Z]{1,3})(\d{1,7})\"")
_SHARED = re.compile(rb"<c\s[^<>]*?\bt=\"s\"[^<>]*><v>(\d{1,9})</v>")
_MAY_SHARE = re.compile(rb"\bt\s*=\s*[\"']s[\"']")
_ITEM = re.compile(rb"<(?:\w+:)?si[\s/>]")
_STARTS = (b"<c ", b"<c>", b"<c/", b"<row", b"<si")
_PIECE = 1_000_000
# A cell that refers to a text is shorter; a text that stands in its cell may be cut anywhere.
_LONGEST_CELL = 64_000
# A cell holds 32,767 characters, of at most six bytes each.
_LONGEST_TEXT = 4_000_000
# Sheets pack 10 to 50 times smaller; only in what is made for it are there more repetitions.
_MOST_RATIO, _SMALL = 150, 20_000_000
# A person's sheet has a cell for every few places; one with two cells far apart would be filled up between them.
_MOST_EMPTY, _SMALL_AREA = 16, 1_000_000
_MOST_COLUMNS = 16_384
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)


class WorkbookLimits(Protocol):
    """How large a workbook may be."""

    @property
    def max_bytes(self) -> int:
        """Bytes of the file."""
        ...

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
        """Rows times columns of one sheet, empty cells included."""
        ...

    @property
    def max_memory(self) -> int:
        """Bytes of memory of a process that reads it, where it is read in a process of its own."""
        ...


@dataclass(frozen=True, slots=True)
class WorkbookFault:
    """Why a workbook is not read: a code, and a sentence that says what to do."""

    code: str
    message: str


class _TooLong(Exception):  # noqa: N818 - a verdict on the file, not a fault of the program
    """A tag, or a text between two, is longer than any cell can be."""


def workbook_fault(content: bytes, limits: WorkbookLimits) -> WorkbookFault | None:
    """Why the bytes are no workbook that can be parsed safely; None if they are one."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            return _archive_fault(archive, limits)
    except _TooLong:
        return _too_large("has a text or a tag of more bytes than a cell can hold", _LONGEST_TEXT)
    except _FAULTS:
        return WorkbookFault("not_an_xlsx", "The file is a damaged zip archive; save the workbook again.")


def _archive_fault(archive: zipfile.ZipFile, limits: WorkbookLimits) -> WorkbookFault | None:
    names = set(archive.namelist())
    if _WORKBOOK not in names:
        return WorkbookFault("not_an_xlsx", "The zip archive holds no workbook; save it as .xlsx.")
    if any(name.lower().endswith(_MACROS) for name in names):
        return WorkbookFault("unsafe_xlsx", "The workbook has macros; save it without them.")
    unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > limits.max_unpacked_bytes:
        return _too_large(f"unpacks to {unpacked:,} bytes", limits.max_unpacked_bytes)
    packed = sum(entry.compress_size for entry in archive.infolist())
    if unpacked > max(_SMALL, _MOST_RATIO * packed):
        return _too_large(f"unpacks to {unpacked:,} bytes from {packed:,}", _MOST_RATIO * packed)
    strings = array("Q")
    # The strings come first: the sheets refer to them.
    for entry in sorted(archive.infolist(), key=lambda entry: not _holds_strings(entry)):
        fault = _entry_fault(archive, entry, strings, limits)
        if fault is not None:
            return fault
    return None


def _holds_strings(entry: zipfile.ZipInfo) -> bool:
    # Parsers find the part whatever the case of its name.
    return entry.filename.lower() == _STRINGS


def _entry_fault(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, strings: array[int], limits: WorkbookLimits
) -> WorkbookFault | None:
    """Reads a part to its end, by which its size and checksum are compared with what the archive says."""
    is_text = entry.filename.lower().endswith((".xml", ".rels"))
    sheet, tags, sizes = _Sheet(strings), 0, array("Q", [0])
    with archive.open(entry) as part:
        for piece in _pieces(part):
            if is_text and b"\0" in piece:
                return WorkbookFault("unsafe_xlsx", "A part of the workbook is not written in UTF-8; save it again.")
            if is_text and b"<!DOCTYPE" in piece:
                return WorkbookFault("unsafe_xlsx", "A part of the workbook declares entities; save it again.")
            tags += piece.count(b"<")
            if tags > limits.max_tags:
                return _too_large(f"has a part with over {limits.max_tags:,} tags", limits.max_tags)
            if _holds_strings(entry):
                _add_sizes(piece, sizes)
            else:
                sheet.add(piece)
    if _holds_strings(entry):
        strings.extend(sizes[1:])
        return None
    if sheet.named < sheet.cells:
        with archive.open(entry) as part:
            sheet.add_unnamed(_pieces(part))
    return _sheet_fault(sheet, limits)


def _sheet_fault(sheet: _Sheet, limits: WorkbookLimits) -> WorkbookFault | None:
    if sheet.width > _MOST_COLUMNS:
        return _too_large(f"has a row of {sheet.width:,} columns", _MOST_COLUMNS, "Delete the columns without text")
    area = sheet.height * sheet.width
    most = min(limits.max_sheet_area, max(_SMALL_AREA, _MOST_EMPTY * sheet.cells))
    if area > most:
        found = f"has a sheet of {area:,} cells, empty ones included, of which {sheet.cells:,} are written"
        return _too_large(found, most, "Delete the rows and columns behind the last one with text")
    if sheet.shared > limits.max_unpacked_bytes:
        return _too_large(f"has a sheet with {sheet.shared:,} bytes of text", limits.max_unpacked_bytes)
    return None


def _too_large(what: str, most: int, remedy: str = "Save fewer rows in a file, or save it as CSV") -> WorkbookFault:
    return WorkbookFault("unsafe_xlsx", f"The workbook {what}; at most {most:,} are allowed. {remedy}.")


def _pieces(part: IO[bytes]) -> Iterator[bytes]:
    """The part in pieces that end before a tag, and no short cell is cut in two.

    Raises:
        _TooLong: There is no tag to end before.
    """
    rest = b""
    while chunk := part.read(_PIECE):
        data = rest + chunk
        end = max(map(data.rfind, _STARTS))
        if len(data) - end > _LONGEST_CELL:
            end = data.rfind(b"<")
        if end < 0:
            end = len(data)
        if len(data) - end > _LONGEST_TEXT:
            raise _TooLong
        yield data[:end]
        rest = data[end:]
    yield rest


class _Sheet:
    """What is known of a sheet so far.

    Attributes:
        cells: Cells that are written.
        named: Those of them that say their place.
        height: Rows up to the last cell; at least so many where cells do not say their place.
        width: Columns likewise.
        shared: Bytes of the texts that cells refer to, each counted as often as it is used.
    """

    def __init__(self, strings: Sequence[int]) -> None:
        self._strings = strings
        self._longest = max(strings, default=0)
        self.cells = self.named = self.height = self.width = self.shared = 0

    def add(self, piece: bytes) -> None:
        """Counts what is in a piece."""
        self.cells += len(_CELL.findall(piece))
        places = _REFERENCE.findall(piece)
        self.named += len(places)
        self.height = max(self.height, max((int(row) for _, row in places), default=0))
        self.width = max(self.width, max(map(_column, {name for name, _ in places}), default=0))
        uses = list(map(int, _SHARED.findall(piece)))
        unusual = len(_MAY_SHARE.findall(piece)) - len(uses)
        self.shared += sum(self._strings[place] for place in uses if place < len(self._strings))
        self.shared += max(0, unusual) * self._longest

    def add_unnamed(self, pieces: Iterator[bytes]) -> None:
        """Adds all rows and the longest of them, for cells whose place follows from the ones before."""
        rows = longest = current = 0
        for piece in pieces:
            first, *others = _ROW.split(piece)
            current += len(_CELL.findall(first))
            for row in others:
                longest, current = max(longest, current), len(_CELL.findall(row))
            rows += len(others)
        self.height += rows + 1
        self.width += max(longest, current)


def _column(name: bytes) -> int:
    number = 0
    for letter in name:
        number = number * 26 + letter - ord("A") + 1
    return number


def _add_sizes(piece: bytes, sizes: array[int]) -> None:
    """Adds the bytes of each text of a piece; the first belong to the text before it."""
    first, *others = _ITEM.split(piece)
    sizes[-1] += len(first)
    sizes.extend(map(len, others))
