"""Which column of a table is which of ours: by their names where there is a header, and by what they hold.

Only id and start have to be found. A column that is not taken for one of ours is kept with the session as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from livedash_pipeline.intake.rules.csv_fields import trimmed
from livedash_pipeline.intake.rules.csv_layout import COLUMN_COUNT
from livedash_pipeline.intake.rules.detection.column_names import COLUMN_NAMES, plain_name, ranked_columns
from livedash_pipeline.intake.rules.detection.numbers import number_signs
from livedash_pipeline.intake.rules.detection.proposals import Evidence, NoProposalError
from livedash_pipeline.intake.rules.detection.times import SEED_FORMS, DateOrder, FoundForms, find_forms
from livedash_pipeline.intake.rules.profiles.csv_profile import PROFILE_COLUMNS
from livedash_pipeline.intake.rules.profiles.documents import normal_word
from livedash_pipeline.intake.rules.profiles.time_forms import UNIX, UNIX_MS, TimeForms

NOTHING_WORDS = (
    "null",
    "nan",
    "nat",
    "none",
    "nil",
    "\\n",
    "n/a",
    "#n/a",
    "na",
    "-",
    "--",
    "(null)",
    "(none)",
    "<null>",
    "undefined",
)
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AaPp]\.?[Mm]\.?)?")
_ADDRESS = re.compile(r"https?://\S+|(?:s3|gs|az|sftp|file)://\S+|[^\s;,]+\.(?:txt|json|log|html?)", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*")
# More than half of its cells make a column one of times: files have slips of the pen.
_MOSTLY = 0.5
_NUMBERS = ("messages_sent", "avg_response_time_seconds", "tokens", "tokens_eur")


@dataclass(slots=True)
class Guess:
    """Fields of a profile, why, and what is to be decided."""

    fields: dict[str, object] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)


def guess_columns(
    rows: Sequence[Sequence[str]],
    names: Sequence[str] | None,
    zone: ZoneInfo,
    *,
    now: datetime,
    order: DateOrder | None,
    likely: DateOrder,
    prefers_comma: bool = False,
    is_sheet: bool = False,
) -> Guess:
    """What the columns of a table are.

    Args:
        rows: Records of one width; the first may be a header, where `names` are not given.
        names: Dotted paths of JSON.
        zone: Of times that do not say theirs.
        now: No session begins later.
        order: Whether day or month comes first, where a person says so.
        likely: What is proposed as unclear.
        prefers_comma: Whether a comma before three digits is a decimal sign, as where semicolons separate fields.
        is_sheet: Whether cells of a workbook that are times come as ISO 8601.

    Raises:
        NoProposalError: No column can be an id or a start.
    """
    header = names is None and _is_header(rows, zone, now)
    found = names if names is not None else [trimmed(name) for name in rows[0]] if header else None
    table = _Columns(rows[1:] if header else rows, found, zone, now, order, likely)
    guess = Guess()
    if header:
        guess.fields["header"] = True
        guess.evidence.append(Evidence("header", "the first record holds names and no values"))
    places = _places(table, guess)
    if names is None and not header and places == _seed_places(table):
        guess.evidence.append(
            Evidence("columns", "there are 16, with times in the second and third, as in the seed's file")
        )
    else:
        guess.fields["columns"] = {ours: table.shown(where) for ours, where in places.items()}
    _add_times(table, places, guess, is_sheet=is_sheet, is_json=names is not None)
    _add_nothing(table, places, guess)
    _add_numbers(table, places, guess, prefers_comma=prefers_comma)
    return guess


@dataclass
class _Columns:
    rows: Sequence[Sequence[str]]
    names: Sequence[str] | None
    zone: ZoneInfo
    now: datetime
    order: DateOrder | None
    likely: DateOrder

    @cached_property
    def cells(self) -> list[list[str]]:
        """Trimmed cells by column."""
        return [[trimmed(cell) for cell in column] for column in zip(*self.rows, strict=True)]

    @cached_property
    def times(self) -> list[FoundForms]:
        """The forms of times of each column; none where most of its cells are no times."""
        return [self._times_of(place) for place in range(len(self.cells))]

    def values(self, place: int) -> list[str]:
        """The cells of a column that hold something."""
        return [cell for cell in self.cells[place] if cell and normal_word(cell) not in NOTHING_WORDS]

    def joined(self, where: Sequence[int]) -> list[str]:
        """The cells of some columns, joined with blanks as a profile joins them."""
        parts = zip(*(self.cells[place] for place in where), strict=True)
        texts = (" ".join(filter(None, part)) for part in parts)
        return [text for text in texts if text and normal_word(text) not in NOTHING_WORDS]

    def forms(self, where: Sequence[int]) -> FoundForms:
        """The forms of times that some columns, joined, have."""
        return find_forms(self.joined(where), self.zone, now=self.now, order=self.order, likely=self.likely)

    def ranked(self, column: str) -> list[int]:
        """Which columns may be one of ours by their names."""
        return ranked_columns(column, list(self.names)) if self.names is not None else []

    def shown(self, where: Sequence[int]) -> object:
        """A place as a profile has it."""
        sources = [place + 1 if self.names is None else self.names[place] for place in where]
        return sources[0] if len(sources) == 1 else sources

    def title(self, where: Sequence[int]) -> str:
        """A place as a person reads it."""
        return " and ".join(f"column {place + 1}" if self.names is None else repr(self.names[place]) for place in where)

    def is_unambiguous(self, place: int) -> bool:
        """Whether a header has the name of a column once."""
        if self.names is None:
            return True
        plain = [normal_word(name) for name in self.names]
        return plain.count(normal_word(self.names[place])) == 1 and bool(plain[place])

    def _times_of(self, place: int) -> FoundForms:
        values = self.values(place)
        if not values or not any(any(map(str.isdigit, value)) for value in values[:20]):
            return FoundForms((), 0)
        found = self.forms((place,))
        counts_seconds = bool({UNIX, UNIX_MS} & set(found.names))
        named = place in self.ranked("start_time") or place in self.ranked("end_time")
        return found if found.read >= len(values) * _MOSTLY and (named or not counts_seconds) else FoundForms((), 0)


def _is_header(rows: Sequence[Sequence[str]], zone: ZoneInfo, now: datetime) -> bool:
    first = [trimmed(cell) for cell in rows[0]]
    filled = [cell for cell in first if cell]
    if len(filled) * 2 < len(first) or any(_NUMBER.fullmatch(cell) or _ADDRESS.fullmatch(cell) for cell in filled):
        return False
    if any(any(map(str.isdigit, cell)) and find_forms([cell], zone, now=now).names for cell in filled):
        return False
    known = {name for names in COLUMN_NAMES.values() for name in names}
    return len(rows) == 1 or any(plain_name(cell) in known for cell in filled) or len(set(filled)) == len(filled)


def _places(table: _Columns, guess: Guess) -> dict[str, tuple[int, ...]]:
    start = _start(table, guess)
    identity = _identity(table, set(start), guess)
    places: dict[str, tuple[int, ...]] = {"external_session_id": (identity,), "start_time": start}
    taken = {identity, *start}
    end = _end(table, taken, start)
    if end is not None:
        places["end_time"] = (end,)
        taken.add(end)
        guess.evidence.append(
            Evidence("columns.end_time", f"{table.title((end,))} holds times that are not before the start")
        )
    for column in PROFILE_COLUMNS:
        # An end by its name that lies before a start is none.
        if column not in places and column != "end_time":
            _add_named(table, column, taken, places, guess)
    return {column: places[column] for column in PROFILE_COLUMNS if column in places}


def _start(table: _Columns, guess: Guess) -> tuple[int, ...]:
    times = [place for place, forms in enumerate(table.times) if forms.names and table.is_unambiguous(place)]
    named = [place for place in table.ranked("start_time") if place in times]
    if not times:
        raise NoProposalError("has no column whose cells are times with a date, so none can be the start")
    chosen = (named or times)[0]
    where = _with_clock(table, chosen)
    why = "by its name" if named else "the first column of times"
    guess.evidence.append(Evidence("columns.start_time", f"{table.title(where)}, {why}"))
    return where


def _with_clock(table: _Columns, date_at: int) -> tuple[int, ...]:
    """The column of a date, with the one of its time of day if that stands alone."""
    if any(sign in name for name in table.times[date_at].names for sign in ("%H", "%I", UNIX)):
        return (date_at,)
    if not all(len(cell) <= len("00. September 0000") for cell in table.values(date_at)):
        return (date_at,)
    for place in sorted(range(len(table.cells)), key=lambda place: (place < date_at, place)):
        values = table.values(place)
        is_clock = bool(values) and all(map(_CLOCK.fullmatch, values)) and len(values) * 10 >= len(table.rows) * 9
        if is_clock and table.is_unambiguous(place) and table.forms((date_at, place)).read >= len(values) * _MOSTLY:
            return (date_at, place)
    return (date_at,)


def _identity(table: _Columns, taken: set[int], guess: Guess) -> int:
    count = len(table.rows)
    usable = [place for place in range(len(table.cells)) if place not in taken and table.is_unambiguous(place)]
    named = [place for place in table.ranked("external_session_id") if place in usable]
    distinct = [place for place in usable if _differ(table, place) == count and not table.times[place].names]
    chosen = next((place for place in named if place in distinct), None)
    if chosen is None:
        chosen = next((place for place in named if _differ(table, place) * 2 > count), None)
    if chosen is None and (table.names is None or not named):
        chosen = distinct[0] if distinct else None
    if chosen is None:
        raise NoProposalError(
            "has no column whose cells differ from record to record, so none can be the id of a session"
        )
    why = "by its name" if chosen in named else "the first column of its kind"
    told = f"{table.title((chosen,))}, {why}; {_differ(table, chosen):,} of {count:,} cells differ"
    guess.evidence.append(Evidence("columns.external_session_id", told))
    return chosen


def _differ(table: _Columns, place: int) -> int:
    return len(set(table.values(place)))


def _end(table: _Columns, taken: set[int], start: tuple[int, ...]) -> int | None:
    times = [
        place
        for place, forms in enumerate(table.times)
        if forms.names and place not in taken and table.is_unambiguous(place)
    ]
    named = [place for place in table.ranked("end_time") if place in times]
    # Without a name it is the one that follows.
    following = [place for place in times if table.names is None and place == max(start) + 1]
    for place in [*named, *following]:
        if _is_after(table, start, place):
            return place
    return None


def _is_after(table: _Columns, start: tuple[int, ...], end: int) -> bool:
    """Whether a column is never before the start, where both are read; a record where it is would be rejected."""
    begins, ends = table.forms(start), table.times[end]
    forms = TimeForms.of(tuple(dict.fromkeys(begins.names + ends.names)))
    cells = zip(*(table.cells[place] for place in (*start, end)), strict=True)
    for *first, last in cells:
        begin = forms.read(" ".join(filter(None, first)), table.zone)
        close = forms.read(last, table.zone, second_showing=True)
        if begin is not None and close is not None and close < begin:
            return False
    return True


def _add_named(table: _Columns, column: str, taken: set[int], places: dict[str, tuple[int, ...]], guess: Guess) -> None:
    for place in table.ranked(column):
        if place in taken or not table.is_unambiguous(place):
            continue
        values = table.values(place)
        if column == "full_transcript_url" and values and not all(map(_ADDRESS.fullmatch, values[:200])):
            if plain_name(str(table.shown((place,)))).startswith("transcript"):
                told = f"{table.title((place,))} holds texts and no addresses, and is kept as it is"
                guess.evidence.append(Evidence("columns.full_transcript_url", told))
            continue
        places[column] = (place,)
        taken.add(place)
        guess.evidence.append(Evidence(f"columns.{column}", f"{table.title((place,))}, by its name"))
        return


def _seed_places(table: _Columns) -> dict[str, tuple[int, ...]] | None:
    if len(table.cells) != COLUMN_COUNT:
        return None
    return {"external_session_id": (0,), "start_time": (1,), "end_time": (2,)}


def _add_times(
    table: _Columns, places: dict[str, tuple[int, ...]], guess: Guess, *, is_sheet: bool, is_json: bool
) -> None:
    found = [table.forms(places[column]) for column in ("start_time", "end_time") if column in places]
    names = tuple(dict.fromkeys(name for forms in found for name in forms.names))
    if set(names) <= set(SEED_FORMS):
        if is_sheet or is_json:
            guess.fields["times"] = list(names)
        return
    guess.fields["times"] = list(names)
    reason = next((forms.reason for forms in found if forms.reason), "")
    read, cells = found[0].read, len(table.joined(places["start_time"]))
    guess.evidence.append(Evidence("times", f"they read {read:,} of {cells:,} starts{'; ' + reason if reason else ''}"))
    if all(forms.is_unclear for forms in found if forms.names):
        guess.unclear.append(
            f"Nothing tells whether day or month comes first in {table.title(places['start_time'])}: "
            "say --date-order day or --date-order month."
        )


def _add_nothing(table: _Columns, places: dict[str, tuple[int, ...]], guess: Guess) -> None:
    cells = {cell for where in places.values() for place in where for cell in table.cells[place]}
    words = sorted({cell for cell in cells if cell and normal_word(cell) in NOTHING_WORDS})
    if words:
        guess.fields["nothing"] = words
        guess.evidence.append(Evidence("nothing", f"cells hold {', '.join(words)}"))


def _add_numbers(table: _Columns, places: dict[str, tuple[int, ...]], guess: Guess, *, prefers_comma: bool) -> None:
    texts = [text for column in _NUMBERS if column in places for text in table.values(places[column][0])]
    signs = number_signs(texts, prefers_comma=prefers_comma)
    for name, sign in (("decimal", signs.decimal), ("thousands", signs.thousands)):
        if sign:
            guess.fields[name] = sign
            guess.evidence.append(Evidence(name, f"numbers are written like {signs.example}"))
