"""The records of a CSV that a profile describes: cut by `intake.rules.csv_records`, and arranged as the seed's are.

The first record says how many columns there are, and with a header which; it is looked for behind the lines that are skipped.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from io import StringIO

from livedash_pipeline.intake.rules.csv_dialect import SEED_TIME, Dialect, dialect
from livedash_pipeline.intake.rules.csv_records import Block, read_again, split_records, whole_lines
from livedash_pipeline.intake.rules.profiles.cells import CellRules, Places, UnreadableFileError, arrange, find_places
from livedash_pipeline.intake.rules.profiles.csv_profile import CsvProfile
from livedash_pipeline.intake.rules.profiles.time_forms import TimeForms
from livedash_pipeline.intake.rules.profiles.transcoding import to_utf_8, without_lines

# No header of a table is as long, and a quote that is never closed would hold the whole file.
_LONGEST_FIRST = 1_000_000
_BOM = "\ufeff"


class DelimitedRecords:
    """The records of one file; `pieces` gives its bytes from the beginning each time it is called."""

    def __init__(self, pieces: Callable[[], Iterable[bytes]], profile: CsvProfile) -> None:
        self._pieces = pieces
        self._profile = profile

    def blocks(self) -> Iterator[Block]:
        """All records in the seed's columns.

        Raises:
            UnreadableFileError: The first record cannot be read, or has not the columns that the profile names.
        """
        first = self._first
        if first is None:
            return
        rules, places = CellRules(self._profile), first.places
        for block in split_records(self._text(first.skipped), first.dialect, first_line=first.skipped + 1):
            yield arrange(block, places, rules)

    def again(self, wanted: Iterable[tuple[int, int]]) -> Iterator[tuple[int, str]]:
        """First line and text of records by first line and number of lines, in rising order."""
        first = self._first
        if first is not None:
            yield from read_again(self._text(first.skipped), wanted, first.dialect, first_line=first.skipped + 1)

    def _text(self, skipped: int) -> Iterator[bytes]:
        return without_lines(to_utf_8(self._pieces(), self._profile.encoding), skipped)

    @cached_property
    def _first(self) -> _First | None:
        profile = self._profile
        found = _first_record(self._text(profile.skip_lines), profile)
        if found is None:
            return None
        fields, lines = found
        places = find_places(profile, fields)
        return _First(places, _dialect_of(profile, places), profile.skip_lines + (lines if profile.header else 0))


class _First:
    """What the first record tells: where columns stand, how lines are cut, and how many lines come before the first of data."""

    def __init__(self, places: Places, dialect: Dialect, skipped: int) -> None:
        self.places = places
        self.dialect = dialect
        self.skipped = skipped


def _dialect_of(profile: CsvProfile, places: Places) -> Dialect:
    joined = len(places.ours["start_time_raw"]) > 1
    return dialect(
        delimiter=profile.delimiter,
        quote=profile.quote,
        escape=profile.escape,
        columns=places.width,
        id_at=places.id_at,
        time_at=places.time_at,
        time=None if joined else (TimeForms.of(profile.times).expression if profile.times else SEED_TIME),
    )


def _first_record(pieces: Iterable[bytes], profile: CsvProfile) -> tuple[list[str], int] | None:
    """The fields of the first record that is not empty, and the lines up to its end; None in an empty file."""
    reads = dialect(delimiter=profile.delimiter, quote=profile.quote, escape=profile.escape)
    held = ""
    for text in whole_lines(pieces, reads):
        held += text
        found = _try_first(held, reads)
        if found is not None:
            return found
        if len(held) > _LONGEST_FIRST:
            break
    if not held.strip():
        return None
    raise UnreadableFileError("has a first record whose quotes are not closed, or that is far too long")


def _try_first(held: str, reads: Dialect) -> tuple[list[str], int] | None:
    lines = list(StringIO(held.removeprefix(_BOM), newline="\n"))
    reader = reads.reader(lines)
    try:
        for row in reader:
            if any(map(str.strip, row)):
                return row, reader.line_num
    except csv.Error:
        # The csv module refuses a lone carriage return, which is kept.
        line = lines[reader.line_num - 1]
        begins = not any(map(str.strip, lines[: reader.line_num - 1]))
        if begins and reads.record.fullmatch(line):
            return reads.fields_of(line), reader.line_num
    return None
