"""What the cells of a profile's file are in the words of the seed's: nothing, numbers, categories; and where each stands.

Times, yes and no are not written anew, but read in another way (`intake.rules.csv_reading`): what a company wrote is kept beside
what it means. Add a rule about cells of a profile here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from livedash_pipeline.intake.rules.csv_fields import trimmed
from livedash_pipeline.intake.rules.csv_layout import COLUMNS, NUMBERS
from livedash_pipeline.intake.rules.csv_reading import Reading
from livedash_pipeline.intake.rules.csv_records import Block
from livedash_pipeline.intake.rules.profiles.csv_profile import SEED_PROFILE, CsvProfile, Source
from livedash_pipeline.intake.rules.profiles.documents import normal_word
from livedash_pipeline.intake.rules.profiles.time_forms import ISO, TimeForms

# The seed's own form, where a workbook also has cells that are times by themselves.
_SEED_FORMS = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M")
_SPACES = " \u00a0\u202f"


class UnreadableFileError(Exception):
    """A file is not what the profile says, as a whole; its text is the end of a sentence about the file."""


def reading_of(profile: CsvProfile, zone: ZoneInfo, *, transcript_digest: str = "") -> Reading:
    """How a company's cells are read; `transcript_digest` is that of its transcript profile, whose rows are read anew as well."""
    digests = [profile.digest() if profile != SEED_PROFILE else "", transcript_digest]
    digest = " ".join(filter(None, digests))
    if profile == SEED_PROFILE:
        return Reading(zone, digest=digest)
    zone = ZoneInfo(profile.time_zone) if profile.time_zone else zone
    said = {normal_word(word): True for word in profile.yes} | {normal_word(word): False for word in profile.no}
    return Reading(zone, _times(profile), end_is_needed=False, yes_or_no=said, digest=digest)


def _times(profile: CsvProfile) -> TimeForms | None:
    if profile.format == "csv" and not profile.times:
        return None
    # Cells of a workbook that are times come as ISO 8601.
    of_cells = (ISO,) if profile.format == "xlsx" and ISO not in profile.times else ()
    return TimeForms.of((profile.times or _SEED_FORMS) + of_cells)


class CellRules:
    """What a profile says of values."""

    def __init__(self, profile: CsvProfile) -> None:
        self._profile = profile
        self._nothing = frozenset(map(normal_word, profile.nothing))

    def column(self, name: str, texts: Sequence[str]) -> list[str]:
        """The cells of one of our columns, each distinct text looked at once."""
        read = self._reader(name)
        known = {text: read(text) for text in set(texts)}
        return [known[text] for text in texts]

    def is_nothing(self, text: str) -> bool:
        """Whether a trimmed cell means no value."""
        return not text or (bool(self._nothing) and normal_word(text) in self._nothing)

    def _reader(self, name: str) -> Callable[[str], str]:
        change: Callable[[str], str] = str
        if name in NUMBERS or name == "sentiment_raw":
            change = self._number
        elif name == "category":
            words = {normal_word(word): stored for word, stored in self._profile.categories.items()}

            def change(text: str) -> str:
                return words.get(normal_word(text), text)

        def read(text: str) -> str:
            text = trimmed(text)
            return "" if self.is_nothing(text) else change(text)

        return read

    def _number(self, text: str) -> str:
        """A number with a point and without signs between thousands; what is no such number stays as it is."""
        profile = self._profile
        if not profile.thousands and profile.decimal == ".":
            return text
        sign = f"[{_SPACES}]" if profile.thousands and profile.thousands in _SPACES else re.escape(profile.thousands)
        whole = rf"\d{{1,3}}(?:{sign}\d{{3}})+|\d+" if profile.thousands else r"\d+"
        match = re.fullmatch(rf"([+-]?)({whole})(?:{re.escape(profile.decimal)}(\d+))?([eE][+-]?\d+)?", text)
        if match is None:
            return text
        digits = re.sub(r"\D", "", match[2])
        return f"{match[1]}{digits}{'.' + match[3] if match[3] else ''}{match[4] or ''}"


@dataclass(frozen=True, slots=True)
class Places:
    """Where our columns stand in records of `width` cells, from 0, and which others there are, by name."""

    width: int
    ours: Mapping[str, tuple[int, ...]]
    extras: tuple[tuple[int, str], ...]

    @property
    def id_at(self) -> int:
        """Where the id stands."""
        return self.ours["external_session_id"][0]

    @property
    def time_at(self) -> int:
        """Where the start stands, or its first part."""
        return self.ours["start_time_raw"][0]


def find_places(profile: CsvProfile, first_record: Sequence[str]) -> Places:
    """Where the columns stand in a file, by its first record, which is the header if the profile says so.

    Raises:
        UnreadableFileError: A column that the profile names is not there, or is there twice.
    """
    names = [trimmed(name) for name in first_record] if profile.header else []
    ours = {
        column: tuple(_place(source, names, len(first_record)) for source in sources)
        for column, sources in profile.sources().items()
    }
    taken = {place for places in ours.values() for place in places}
    left = [place for place in range(len(first_record)) if profile.keep_extra and place not in taken]
    extras = tuple((place, _title(names, place)) for place in left)
    return Places(len(first_record), ours, extras)


def _title(names: Sequence[str], place: int) -> str:
    """The name of a further column; with its position where others have the same one."""
    if not names or not names[place]:
        return f"column {place + 1}"
    return names[place] if names.count(names[place]) == 1 else f"{names[place]} (column {place + 1})"


def _place(source: Source, names: Sequence[str], width: int) -> int:
    if isinstance(source, int):
        if source > width:
            raise UnreadableFileError(f"has {width} columns, and its profile names column {source}")
        return source - 1
    wanted = normal_word(trimmed(source))
    found = [place for place, name in enumerate(names) if normal_word(name) == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnreadableFileError(f"has the column {source!r} {len(found)} times, and its profile names it")
    # The first record may be one of data, so that its cells are told nobody.
    raise UnreadableFileError(f"has no column {source!r} among its {len(names)}, and its profile names it")


def arrange(block: Block, places: Places, rules: CellRules) -> Block:
    """Records of a profile's file as records of ours, with what else they hold; records without any text are no records."""
    kept = [index for index, row in enumerate(block.rows) if any(map(str.strip, row))]
    columns = list(zip(*(block.rows[index] for index in kept), strict=True)) or [()] * places.width
    joined = {name: rules.column(name, _joined(columns, where)) for name, where in places.ours.items()}
    empty = [""] * len(kept)
    return Block(
        rows=[list(row) for row in zip(*(joined.get(name, empty) for name in COLUMNS), strict=True)],
        lines=[block.lines[index] for index in kept],
        line_counts=[block.line_counts[index] for index in kept],
        raws=[block.raws[index] for index in kept],
        extras=[extra_text(values, rules) for values in _extras(columns, places)] if places.extras else [],
        rejects=block.rejects,
        blank_lines=block.blank_lines + sum(block.line_counts) - sum(block.line_counts[index] for index in kept),
    )


def _joined(columns: Sequence[Sequence[str]], where: Sequence[int]) -> Sequence[str]:
    if len(where) == 1:
        return columns[where[0]]
    return [
        " ".join(filter(None, map(trimmed, parts))) for parts in zip(*(columns[place] for place in where), strict=True)
    ]


def _extras(columns: Sequence[Sequence[str]], places: Places) -> Iterable[dict[str, str]]:
    names = [name for _, name in places.extras]
    cells = zip(*(columns[place] for place, _ in places.extras), strict=True)
    return (dict(zip(names, row, strict=True)) for row in cells)


def extra_text(values: Mapping[str, object], rules: CellRules) -> str:
    """JSON of further columns, without those that hold nothing; empty where none does."""
    found = ((name, trimmed(value) if isinstance(value, str) else value) for name, value in values.items())
    kept = {name: value for name, value in found if not _is_empty(value, rules)}
    # In one order, since another one is no change of the record.
    return json.dumps(kept, ensure_ascii=False, sort_keys=True, allow_nan=False) if kept else ""


def _is_empty(value: object, rules: CellRules) -> bool:
    return value is None or (isinstance(value, str) and rules.is_nothing(value))
