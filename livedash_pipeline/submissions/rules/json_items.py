"""Finds the items of a batch in its body, a JSON array or lines of JSON (NDJSON), without parsing them.

Splitters take the body in pieces of any size, keep nothing of it, and return positions, so that memory stays flat for a body of
any length. A fault inside an item is found when that item is parsed (`submissions.rules.items`); only a body whose outline cannot
be followed has a fault as a whole. Add a notation of batches here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, takewhile
from typing import Protocol

from livedash_pipeline.base.rules.json_brackets import CLOSED, OPENED, after_brackets, count_brackets, mark_steps

# Text and whole strings, and the rest of a string: without going back, so their time is linear.
_WHOLE = re.compile(rb'(?:[^"]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+', re.DOTALL)
_UP_TO_COMMA = re.compile(rb'(?:[^",]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+', re.DOTALL)
_REST_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_BLANK_LINES = re.compile(rb"[ \t\r\n]*\n")
# Bytes of an item that are scanned at once: at first twice the length of the item before, then more each time, so that a
# short item among short ones does not cost as much as a long one.
_SHORTEST_STRETCH, _LONGEST_STRETCH = 64, 65_536
_LONGER = 2
_QUOTE = ord('"')
# Whether a level is inside an item: a comma between items counts half a bracket, the end of the array none.
_INSIDE = (OPENED // 2).__lt__
_WHITESPACE = b" \t\r\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ItemSpan:
    """The bytes of a body from `start` up to `end`, which hold one item, perhaps with whitespace around it."""

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
    """The interface of a splitter for one notation.

    Attributes:
        fault: Why the body cannot be followed any further; nothing is found after it.
    """

    fault: BodyFault | None

    def feed(self, piece: bytes) -> list[ItemSpan]:
        """Takes the next bytes of the body; returns the items that end in them."""
        ...

    def finish(self) -> list[ItemSpan]:
        """Takes the end of the body; returns the items that end with it."""
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
        while True:
            if self._blank and (blank := _BLANK_LINES.match(piece, at)):
                at = blank.end()
                self._start = self._read + at
            if (end := piece.find(b"\n", at)) < 0:
                break
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
        # A bracket counts `OPENED`: none before and after the array, one between its items, more inside of one.
        self._level = 0
        self._stretch = _SHORTEST_STRETCH
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
            if self._in_string:
                at = self._skip_string(piece, at)
            elif self._level:
                at = self._step(piece, at, spans)
            else:
                at = self._skip_outside(piece, at)
        self._read += len(piece)
        return spans

    def finish(self) -> list[ItemSpan]:
        """See `ItemSplitter`."""
        if self.fault is None and not self._ended:
            self.fault = BodyFault.ENDED_EARLY if self._level else BodyFault.NOT_AN_ARRAY
        return []

    def _skip_outside(self, piece: bytes, at: int) -> int:
        """Before and behind the array: to its opening bracket, which is all that may stand there."""
        blank = len(piece) - len(piece[at:].lstrip(_WHITESPACE + _BYTE_ORDER_MARK))
        if blank == len(piece):
            return blank
        if self._ended or piece[blank] != ord("["):
            self.fault = BodyFault.TEXT_AFTER_END if self._ended else BodyFault.NOT_AN_ARRAY
            return blank
        self._level, self._start = OPENED, self._read + blank + 1
        return blank + 1

    def _skip_string(self, piece: bytes, at: int) -> int:
        found = _REST_OF_STRING.match(piece, at)
        end = found.end() if found else at
        if end == len(piece):
            return end
        # Else it is a backslash whose character has yet to come.
        self._in_string = piece[end] != _QUOTE
        self._escaped = self._in_string
        return end + 1

    def _step(self, piece: bytes, at: int, spans: list[ItemSpan]) -> int:
        """Goes on behind the mark that ends the item, or as far as its next stretch goes without one."""
        whole = _WHOLE.match(piece, at, at + self._stretch)
        end = whole.end() if whole else at
        if end == at:
            # A string that is longer than the stretch, or than the piece.
            self._in_string, self._blank = True, False
            return at + 1
        steps = mark_steps(piece[at:end])
        levels = list(takewhile(_INSIDE, accumulate(steps, initial=self._level)))
        if len(levels) <= len(steps):
            return self._end_item(piece, at, end, steps[: len(levels)], spans)
        self._level = levels[-1]
        self._stretch = min(self._stretch * _LONGER, _LONGEST_STRETCH)
        self._note(piece, at, end)
        return end

    def _end_item(self, piece: bytes, at: int, end: int, steps: memoryview, spans: list[ItemSpan]) -> int:
        """Goes on behind the mark of the last of these steps."""
        behind = after_brackets(piece, count_brackets(steps), at, end)
        by_comma = steps[-1] != CLOSED
        if by_comma:
            found = _UP_TO_COMMA.match(piece, behind, end)
            behind = (found.end() if found else behind) + 1
        mark = behind - 1
        if piece[mark] == ord("}"):
            self.fault = BodyFault.UNBALANCED
            return behind
        self._note(piece, at, mark)
        # An empty array has nothing between its brackets; nothing beside a comma is a missing item.
        if by_comma or not self._blank or self._items:
            spans.append(ItemSpan(self._start, self._read + mark))
            self._items += 1
        size = self._read + mark - self._start
        self._stretch = min(max(_LONGER * size, _SHORTEST_STRETCH), _LONGEST_STRETCH)
        self._start, self._blank = self._read + behind, True
        self._level, self._ended = (OPENED, False) if by_comma else (0, True)
        return behind

    def _note(self, piece: bytes, start: int, end: int) -> None:
        self._blank = self._blank and not piece[start:end].strip(_WHITESPACE)
