"""The records of a company's file, whatever its form: the seed's CSV, or what its profile says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from livedash_pipeline.base.rules.workbooks.opened import SheetOpener
from livedash_pipeline.intake.rules.csv_records import Block, read_again, split_records
from livedash_pipeline.intake.rules.profiles.csv_profile import SEED_PROFILE, CsvProfile
from livedash_pipeline.intake.rules.profiles.delimited_records import DelimitedRecords
from livedash_pipeline.intake.rules.profiles.json_records import JsonRecords


class Records(Protocol):
    """The records of one file, which can be read several times."""

    def blocks(self) -> Iterator[Block]:
        """All records in the seed's columns, in order.

        Raises:
            UnreadableFileError: The file is not what its profile says.
        """
        ...

    def again(self, wanted: Iterable[tuple[int, int]]) -> Iterator[tuple[int, str]]:
        """First line and text of records by first line and number of lines, in rising order."""
        ...


def open_records(
    pieces: Callable[[], Iterable[bytes]], profile: CsvProfile, *, opener: SheetOpener | None = None
) -> Records:
    """The records of a file whose bytes `pieces` gives, from the beginning each time it is called.

    `opener` opens the worksheets of a workbook; without one they are read in this process.
    """
    if profile == SEED_PROFILE:
        return _SeedRecords(pieces)
    if profile.format == "jsonl":
        return JsonRecords(pieces, profile)
    if profile.format == "xlsx":
        # The reader of workbooks is loaded for workbooks alone.
        from livedash_pipeline.intake.rules.profiles.sheet_records import SheetRecords

        return SheetRecords(pieces, profile) if opener is None else SheetRecords(pieces, profile, opener)
    return DelimitedRecords(pieces, profile)


class _SeedRecords:
    def __init__(self, pieces: Callable[[], Iterable[bytes]]) -> None:
        self._pieces = pieces

    def blocks(self) -> Iterator[Block]:
        return split_records(self._pieces())

    def again(self, wanted: Iterable[tuple[int, int]]) -> Iterator[tuple[int, str]]:
        return read_again(self._pieces(), wanted)
