"""Where the items of a batch stand in its body: a JSON array, or lines of JSON (NDJSON), cut without being parsed.

Splitters take the body in pieces of any size, keep nothing of it, and answer with positions, so that a body of any length is cut
in flat memory. What is wrong inside an item is that item's fault and is found when it is parsed (`core.submissions`); only a body
whose outline cannot be followed has a fault as a whole. Add a notation of batches here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

# What ends or begins something, outside of a string and inside of one.
_OUTSIDE = re.compile(rb'["\[\]{},]')
_INSIDE = re.compile(rb'["\\]')
# Whole strings and whatever is no bracket: inside of an item nothing else matters. Without going back, so its time is linear.
_UNIMPORTANT = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_WHITESPACE = b" \t\r\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ItemSpan:
    """The bytes from `start` up to `end` of a body hold one item, with whitespace around it perhaps."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.end - self.start


class BodyFault(StrEnum):
    """Why the outline of a body cannot be followed."""

    NOT_AN_ARRAY = "not_an_array"
    UNBALANCED = "unbalanced"
    ENDED_EARLY = "ended_early"
    TEXT_AFTER_END = "text_after_end"


class ItemSplitter(Protocol):
    """What cuts a body of one notation.

    Attributes:
        fault: Why the body cannot be followed any further; nothing is found after it.
    """

    fault: BodyFault | None

    def feed(self, piece: bytes) -> list[ItemSpan]:
        """Takes the next bytes of the body; returns the items that end in them."""
        ...

    def finish(self) -> list[ItemSpan]:
        """The body has ended; returns what ended with it."""
        ...


class LineSplitter:
    """Cuts NDJSON: one item a line, blank lines ignored. Any text is lines, so there is never a fault."""

    def __init__(self) -> None:
        self.fault: BodyFault | None = None
        self._read = 0
        self._start = 0
        self._blank = True

    def feed(self, piece: bytes) -> list[ItemSpan]:
        """See `ItemSplitter`."""
        spans: list[ItemSpan] = []
        at = 0
        while (end := piece.find(b"\n", at)) >= 0:
            self._note(piece, at, end)
            spans += self._close(self._read + end)
            at = end + 1
        self._note(piece, at, len(piece))
        self._read += len(piece)
        return spans

    def finish(self) -> list[ItemSpan]:
        """See `ItemSplitter`."""
        return self._close(self._read)

    def _note(self, piece: bytes, start: int, end: int) -> None:
        self._blank = self._blank and not piece[start:end].strip(_WHITESPACE)

    def _close(self, end: int) -> list[ItemSpan]:
        spans = [] if self._blank else [ItemSpan(self._start, end)]
        self._start, self._blank = end + 1, True
        return spans


class ArraySplitter:
    """Cuts a JSON array by its brackets, commas and strings; brackets inside an item are only counted."""

    def __init__(self) -> None:
        self.fault: BodyFault | None = None
        self._read = 0
        self._start = 0
        self._blank = True
        self._items = 0
        # 0 before and after the array, 1 between its items, more inside of one.
        self._depth = 0
        self._ended = False
        self._in_string = False
        self._escaped = False

    def feed(self, piece: bytes) -> list[ItemSpan]:
        """See `ItemSplitter`."""
        spans: list[ItemSpan] = []
        at = 0
        if self._escaped and piece:
            at, self._escaped = 1, False
        while self.fault is None and at < len(piece):
            at = self._skip_string(piece, at) if self._in_string else self._step(piece, at, spans)
        self._read += len(piece)
        return spans

    def finish(self) -> list[ItemSpan]:
        """See `ItemSplitter`."""
        if self.fault is None and not self._ended:
            self.fault = BodyFault.ENDED_EARLY if self._depth else BodyFault.NOT_AN_ARRAY
        return []

    def _skip_string(self, piece: bytes, at: int) -> int:
        match = _INSIDE.search(piece, at)
        if match is None:
            return len(piece)
        if match[0] == b'"':
            self._in_string = False
            return match.end()
        self._escaped = match.end() == len(piece)
        return match.end() + 1

    def _step(self, piece: bytes, at: int, spans: list[ItemSpan]) -> int:
        """Goes on to the next mark outside of a string and beyond it."""
        if self._depth > 1 and (whole := _UNIMPORTANT.match(piece, at)):
            at = whole.end()
        match = _OUTSIDE.search(piece, at)
        end = len(piece) if match is None else match.start()
        if self._depth == 1:
            self._blank = self._blank and not piece[at:end].strip(_WHITESPACE)
        elif self._depth == 0 and piece[at:end].strip(_WHITESPACE + _BYTE_ORDER_MARK):
            self._fail_outside()
        if match is None or self.fault is not None:
            return len(piece)
        self._take(match[0], self._read + end, spans)
        return match.end()

    def _take(self, mark: bytes, position: int, spans: list[ItemSpan]) -> None:
        if self._depth == 0:
            self._open_array(mark, position)
        elif mark == b'"':
            self._in_string, self._blank = True, False
        elif mark in b"[{":
            self._depth, self._blank = self._depth + 1, False
        elif self._depth > 1:
            self._depth -= mark in b"]}"
        elif mark == b"}":
            self.fault = BodyFault.UNBALANCED
        else:
            self._end_item(mark, position, spans)

    def _open_array(self, mark: bytes, position: int) -> None:
        if mark == b"[" and not self._ended:
            self._depth, self._start = 1, position + 1
        else:
            self._fail_outside()

    def _end_item(self, mark: bytes, position: int, spans: list[ItemSpan]) -> None:
        # Nothing between the brackets of an empty array; nothing beside a comma is an item that is missing.
        if mark == b"," or not self._blank or self._items:
            spans.append(ItemSpan(self._start, position))
            self._items += 1
        self._start, self._blank = position + 1, True
        if mark == b"]":
            self._depth, self._ended = 0, True

    def _fail_outside(self) -> None:
        self.fault = BodyFault.TEXT_AFTER_END if self._ended else BodyFault.NOT_AN_ARRAY
