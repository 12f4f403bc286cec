"""Cuts the bytes of a company's CSV into records, and says of every physical line what became of it.

Python's csv module reads the well-formed bulk. It lets a stray quote pass, so a record with quotes is checked once more by a
regular expression; one that fails is rejected as far as the next line that starts like a record. What the fields mean
is the business of `csv_fields`.

What is well-formed CSV is taken as such, even if a line within its quotes looks like a record: otherwise whoever writes to
the chatbot could forge sessions. Only if such a record has a wrong number of columns, or if what follows it is no
beginning of a record, its quotes are held to be an accident.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from io import StringIO
from itertools import islice

from livedash_pipeline.intake.rules.csv_dialect import SEED, Dialect
from livedash_pipeline.intake.rules.csv_rejects import MAX_RECORD_LENGTH, Reject, RejectReason, storable

_BOM = b"\xef\xbb\xbf"
# Four bytes a character: a line cut here still is longer than a record may be.
_LONGEST_LINE = 4 * MAX_RECORD_LENGTH + 4

_OF_CUT_RECORDS = frozenset(
    {RejectReason.WRONG_COLUMN_COUNT, RejectReason.UNCLOSED_QUOTE, RejectReason.STRAY_QUOTE, RejectReason.NOT_JSON}
)


@dataclass(slots=True)
class Block:
    """Some consecutive records: those of the right shape in parallel lists, the others as rejects; and empty lines.

    `extras` is JSON of what further columns hold, or empty; the list itself is empty where no record has further columns.
    """

    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    line_counts: list[int] = field(default_factory=list)
    raws: list[str] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    blank_lines: int = 0

    @property
    def ends_in_a_cut_record(self) -> bool:
        """Whether the last record has too few columns or an open quote, as one whose rest is missing has."""
        if not self.rejects or (self.lines and self.lines[-1] > self.rejects[-1].line):
            return False
        return self.rejects[-1].reason in _OF_CUT_RECORDS

    def extend(self, other: Block) -> None:
        """Adds the records of the block that follows."""
        self.rows += other.rows
        self.lines += other.lines
        self.line_counts += other.line_counts
        self.raws += other.raws
        self.extras += other.extras
        self.rejects += other.rejects
        self.blank_lines += other.blank_lines


def split_records(pieces: Iterable[bytes], dialect: Dialect = SEED, *, first_line: int = 1) -> Iterator[Block]:
    """The records of a file that comes in pieces of any size (256 KB are a good one), in order and in flat memory.

    Args:
        pieces: The file in UTF-8.
        dialect: How it is written.
        first_line: The number of its first line, where lines before it were taken away.
    """
    splitter = _Splitter(dialect, first_line)
    for text in whole_lines(pieces, dialect):
        yield splitter.feed(text, final=False)
    yield splitter.feed("", final=True)


def gather(blocks: Iterable[Block], records: int) -> Iterator[Block]:
    """The same records in blocks of at least so many, save the last one."""
    gathered = Block()
    for block in blocks:
        gathered.extend(block)
        if len(gathered.rows) + len(gathered.rejects) >= records:
            yield gathered
            gathered = Block()
    yield gathered


def read_again(
    pieces: Iterable[bytes], wanted: Iterable[tuple[int, int]], dialect: Dialect = SEED, *, first_line: int = 1
) -> Iterator[tuple[int, str]]:
    """First line and text of records that are given, in rising order, by first line and number of lines; reads the file again."""
    spans = iter(wanted)
    span = next(spans, None)
    number = first_line - 1
    held: list[str] = []
    for text in whole_lines(pieces, dialect):
        for line in StringIO(text, newline="\n"):
            if span is None:
                return
            number += 1
            if number < span[0]:
                continue
            held.append(line)
            if len(held) == span[1]:
                yield span[0], storable("".join(held))
                held, span = [], next(spans, None)


def whole_lines(pieces: Iterable[bytes], dialect: Dialect = SEED) -> Iterator[str]:
    """The file as text in portions of whole lines. Bytes that are not UTF-8 become lone surrogates; endless lines are cut."""
    rest, at_start, dropping = b"", True, False
    for piece in pieces:
        if dropping:  # Of a line that is too long only the beginning is kept.
            end = piece.find(b"\n")
            if end < 0:
                continue
            piece, dropping = piece[end:], False
        rest += piece
        if at_start and len(rest) >= len(_BOM):
            rest, at_start = rest.removeprefix(_BOM), False
        end = rest.rfind(b"\n") + 1
        if end:
            yield _without_marks(rest[:end].decode("utf-8", "surrogateescape"), dialect)
            rest = rest[end:]
        if len(rest) > _LONGEST_LINE:
            rest, dropping = rest[:_LONGEST_LINE], True
    if rest:
        yield _without_marks(rest.decode("utf-8", "surrogateescape"), dialect)


def _without_marks(text: str, dialect: Dialect) -> str:
    """Whole lines without the byte order mark before a record: files that were joined have some in the middle."""
    return dialect.marked_start.sub("", text) if "\ufeff" in text else text


class _Splitter:
    """Reads portions of text, and keeps back what the next portion may continue.

    `_lines` are the physical lines at hand, `_number` is the number of the first of them, `_open` a reject that goes on until
    a line starts like a record.
    """

    def __init__(self, dialect: Dialect, first_line: int) -> None:
        self._dialect = dialect
        self._is_start = dialect.start.match
        self._quote = dialect.quote or "\n\n"
        self._rest = ""
        self._number = first_line
        self._open: Reject | None = None

    def feed(self, text: str, *, final: bool) -> Block:
        """All records that are certain now."""
        whole = self._rest + text
        self._lines = list(StringIO(whole, newline="\n"))
        self._final = final
        self._suspicious = _has_unreadable(whole)
        self._block = Block()
        self._waits = False
        at = self._resynchronise()
        while at < len(self._lines) and not self._waits:
            at = self._read_run(at)
        self._rest = "".join(self._lines[at:])
        self._number += at
        return self._block

    def _resynchronise(self) -> int:
        if self._open is None:
            return 0
        found = self._next_start(0)
        self._open = replace(self._open, line_count=self._open.line_count + found)
        if found < len(self._lines) or self._final:
            self._block.rejects.append(self._open)
            self._open = None
        return found

    def _next_start(self, at: int) -> int:
        return next((i for i in range(at, len(self._lines)) if self._is_start(self._lines[i])), len(self._lines))

    def _read_run(self, at: int) -> int:
        """Takes records until one is malformed or unfinished; returns where to go on."""
        lines, start = self._lines, at
        reader = self._dialect.reader(islice(lines, at, None))
        try:
            for row in reader:
                end = at + reader.line_num
                if end - start == 1:
                    raw = lines[start]
                    sound = self._quote not in raw or self._dialect.record.fullmatch(raw) is not None
                else:
                    raw = "".join(lines[start:end])
                    sound = self._dialect.record.fullmatch(raw) is not None and self._is_plausible(row, start, end)
                if self._waits:
                    return start
                if not sound:
                    return self._reject_from(start)
                # Python's reader takes every backslash away where one may stand before a quote.
                self._take(self._dialect.fields_of(raw) if self._dialect.escape else row, start, end, raw)
                start = end
        except csv.Error:
            at_end = at + reader.line_num >= len(lines)
            if at_end and not self._final and sum(map(len, lines[start:])) <= MAX_RECORD_LENGTH:
                self._waits = True
                return start
            return self._reject_from(start)
        return len(lines)

    def _is_plausible(self, row: list[str], start: int, end: int) -> bool:
        """Whether a well-formed record of several lines is meant so, and not the work of a quote that was never closed."""
        if not any(map(self._is_start, self._lines[start + 1 : end])):
            return True
        if len(row) != self._dialect.columns:
            return False
        if end == len(self._lines):
            self._waits = not self._final
            return True
        following = self._lines[end]
        return not following.strip() or self._is_start(following) is not None

    def _reject_from(self, start: int) -> int:
        """Rejects from a malformed record to the next start of one; returns where that is."""
        stop = self._next_start(start + 1)
        raw = "".join(self._lines[start:stop])
        if stop == len(self._lines) and not self._final and len(raw) <= MAX_RECORD_LENGTH:
            self._waits = True
            return start
        # The csv module refuses a lone carriage return and a long field; we keep the first.
        if self._dialect.record.fullmatch(raw):
            self._take(self._dialect.fields_of(raw), start, stop, raw)
            return stop
        reason = RejectReason.UNCLOSED_QUOTE if self._dialect.open_quote.match(raw) else RejectReason.STRAY_QUOTE
        if stop == len(self._lines) and not self._final:
            self._open = Reject(self._number + start, stop - start, storable(raw), reason)
        else:
            self._reject(start, stop, raw, reason)
        return stop

    def _take(self, row: list[str], start: int, end: int, raw: str) -> None:
        if len(raw) > MAX_RECORD_LENGTH:
            self._reject(start, end, raw, RejectReason.FIELD_TOO_LONG, f"{len(raw)} characters")
        elif self._suspicious and _has_unreadable(raw):
            reason = RejectReason.NUL_CHARACTER if "\0" in raw else RejectReason.BAD_ENCODING
            self._reject(start, end, raw, reason)
        elif len(row) == self._dialect.columns:
            block = self._block
            block.rows.append(row)
            block.lines.append(self._number + start)
            block.line_counts.append(end - start)
            block.raws.append(raw)
        elif not raw.strip():
            self._block.blank_lines += end - start
        else:
            self._reject(start, end, raw, RejectReason.WRONG_COLUMN_COUNT, f"{len(row)} columns")

    def _reject(self, start: int, end: int, raw: str, reason: RejectReason, detail: str | None = None) -> None:
        self._block.rejects.append(Reject(self._number + start, end - start, storable(raw), reason, detail))


def _has_unreadable(text: str) -> bool:
    if "\0" in text:
        return True
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
