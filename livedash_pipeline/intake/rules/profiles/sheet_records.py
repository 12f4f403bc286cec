"""The records of a worksheet that a profile describes; lines are rows, from 1."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from livedash_pipeline.base.rules.workbooks.opened import NumberedRow, SheetLostError, SheetOpener
from livedash_pipeline.base.rules.workbooks.safety import WorkbookFault
from livedash_pipeline.base.rules.workbooks.sheets import open_sheet
from livedash_pipeline.intake.rules.csv_records import Block
from livedash_pipeline.intake.rules.csv_rejects import MAX_RECORD_LENGTH, Reject, RejectReason, storable
from livedash_pipeline.intake.rules.profiles.cells import CellRules, UnreadableFileError, arrange, find_places
from livedash_pipeline.intake.rules.profiles.csv_profile import CsvProfile

_BLOCK_ROWS = 2_000
# A profile of the first sheet, all of whose rows are asked for.
_WHOLE = CsvProfile(format="xlsx", columns={"external_session_id": 1, "start_time": 2})


@dataclass(frozen=True, slots=True)
class SheetLimits:
    """How large a workbook of sessions may be: a million rows of 16 columns, a sheet's most; see `WorkbookLimits`."""

    max_bytes: int = 300_000_000
    max_unpacked_bytes: int = 2_000_000_000
    max_tags: int = 100_000_000
    max_sheet_area: int = 30_000_000
    max_memory: int = 3_000_000_000


LIMITS = SheetLimits()


class SheetRecords:
    """The records of one workbook; `pieces` gives its bytes from the beginning each time it is called."""

    def __init__(
        self,
        pieces: Callable[[], Iterable[bytes]],
        profile: CsvProfile,
        opener: SheetOpener = open_sheet,
        limits: SheetLimits = LIMITS,
    ) -> None:
        self._pieces = pieces
        self._profile = profile
        self._opener = opener
        self._limits = limits

    def blocks(self) -> Iterator[Block]:
        """All records in the seed's columns.

        Raises:
            UnreadableFileError: It is no workbook that can be read safely, or has not the sheet or columns of the profile.
        """
        rows = self.rows()
        header = next(((number, row) for number, row in rows if any(map(str.strip, row))), None)
        if header is None:
            return
        places, rules = find_places(self._profile, header[1]), CellRules(self._profile)
        block = Block()
        if not self._profile.header:
            _take(block, places.width, *header)
        for number, row in rows:
            _take(block, places.width, number, row)
            if len(block.rows) >= _BLOCK_ROWS:
                yield arrange(block, places, rules)
                block = Block()
        yield arrange(block, places, rules)

    def again(self, wanted: Iterable[tuple[int, int]]) -> Iterator[tuple[int, str]]:
        """Row number and text of rows by number, in rising order."""
        rows = self.rows()
        for line, _ in wanted:
            yield line, next(_raw(row) for number, row in rows if number == line)

    def rows(self) -> Iterator[NumberedRow]:
        """All rows behind those that the profile skips, each with its number.

        Raises:
            UnreadableFileError: It is no workbook that can be read safely, or has not the sheet of the profile.
        """
        opened = self._opener(self._pieces(), self._limits, self._profile.sheet)
        if isinstance(opened, WorkbookFault):
            raise _unreadable(opened)
        _check_sheet(self._profile.sheet, opened.names)
        try:
            for number, row in opened.rows:
                if number > self._profile.skip_lines:
                    yield number, row
        except SheetLostError as lost:
            raise _unreadable(lost.fault) from None


def first_rows(
    pieces: Callable[[], Iterable[bytes]], most: int = 5_000, *, opener: SheetOpener = open_sheet
) -> list[list[str]]:
    """The first rows of a workbook's first worksheet, for a look at it.

    Raises:
        UnreadableFileError: It is no workbook that can be read safely.
    """
    return [row for _, row in islice(SheetRecords(pieces, _WHOLE, opener).rows(), most)]


def _unreadable(fault: WorkbookFault) -> UnreadableFileError:
    return UnreadableFileError(f"cannot be read: {fault.message.rstrip('.')}")


def _check_sheet(wanted: str | None, names: Sequence[str]) -> None:
    if wanted is not None and wanted not in names:
        raise UnreadableFileError(
            f"has no sheet {wanted!r}, which its profile names; it has {', '.join(map(repr, names[:20]))}"
        )
    if not names:
        raise UnreadableFileError("has no worksheet")


def _take(block: Block, width: int, number: int, row: list[str]) -> None:
    raw = _raw(row)
    if len(raw) > MAX_RECORD_LENGTH:
        block.rejects.append(Reject(number, 1, storable(raw), RejectReason.FIELD_TOO_LONG, f"{len(raw)} characters"))
    elif any("\0" in cell for cell in row):
        block.rejects.append(Reject(number, 1, storable(raw), RejectReason.NUL_CHARACTER))
    else:
        # A sheet has as many cells in each row as in its longest.
        block.rows.append((row + [""] * width)[:width])
        block.lines.append(number)
        block.line_counts.append(1)
        block.raws.append(raw)


def _raw(row: list[str]) -> str:
    return json.dumps(row, ensure_ascii=False)
