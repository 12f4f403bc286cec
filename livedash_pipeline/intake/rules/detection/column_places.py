"""Which column of a table is which of ours: by its name where there is one, and by what it holds.

Only id and start have to be found. A column that is not taken for one of ours is kept with the session as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from livedash_pipeline.intake.rules.detection.column_cells import MOSTLY, Columns
from livedash_pipeline.intake.rules.detection.column_names import plain_name
from livedash_pipeline.intake.rules.detection.proposals import Evidence, NoProposalError
from livedash_pipeline.intake.rules.profiles.csv_profile import PROFILE_COLUMNS
from livedash_pipeline.intake.rules.profiles.time_forms import UNIX, TimeForms

_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AaPp]\.?[Mm]\.?)?")
ADDRESS = re.compile(r"https?://\S+|(?:s3|gs|az|sftp|file)://\S+|[^\s;,]+\.(?:txt|json|log|html?)", re.IGNORECASE)
_CLOCK_NAMES = frozenset({
    "time", "start time", "time of day", "clock", "begin time", "created time", "time start", "tijd", "tijdstip", "starttijd",
    "begintijd", "uhrzeit", "zeit", "startzeit", "heure", "heure de debut", "hora", "hora de inicio", "ora", "ora inizio",
    "godzina",
})  # fmt: skip
# One record of so many may be a slip of the pen.
_SLIPS = 20
_LONGEST_DATE = len("00. September 0000")


def find_columns(table: Columns, evidence: list[Evidence], unclear: list[str]) -> dict[str, tuple[int, ...]]:
    """The positions, from 0, of each of our columns that was found, in the order of our columns; adds why, and what is doubtful.

    Raises:
        NoProposalError: No column can be an id or a start.
    """
    start = _start(table, evidence)
    identity = _identity(table, set(start), evidence, unclear)
    places: dict[str, tuple[int, ...]] = {"external_session_id": (identity,), "start_time": start}
    taken = {identity, *start}
    end = _end(table, taken, start, evidence)
    if end is not None:
        places["end_time"] = (end,)
        taken.add(end)
        evidence.append(
            Evidence("columns.end_time", f"{table.title((end,))} holds times that are not before the start")
        )
    for column in PROFILE_COLUMNS:
        # An end by its name that lies before a start is none.
        if column not in places and column != "end_time":
            _add_named(table, column, taken, places, evidence)
    return {column: places[column] for column in PROFILE_COLUMNS if column in places}


def _start(table: Columns, evidence: list[Evidence]) -> tuple[int, ...]:
    times = [place for place, forms in enumerate(table.times) if forms.names and table.is_unambiguous(place)]
    named = [place for place in table.ranked("start_time") if place in times]
    if not times:
        raise NoProposalError("has no column whose cells are times with a date, so none can be the start")
    chosen = (named or times)[0]
    where = _with_clock(table, chosen)
    why = "by its name" if named else "the first column of times"
    evidence.append(Evidence("columns.start_time", f"{table.title(where)}, {why}"))
    return where


def _with_clock(table: Columns, date_at: int) -> tuple[int, ...]:
    """The column of a date, with the one of its time of day if that stands alone."""
    if any(sign in name for name in table.times[date_at].names for sign in ("%H", "%I", UNIX)):
        return (date_at,)
    if not all(len(cell) <= _LONGEST_DATE for cell in table.values(date_at)):
        return (date_at,)
    # A duration looks like a time of day, so that names count where there are some.
    clocks = range(len(table.cells)) if table.names is None else _named_clocks(table.names)
    for place in sorted(clocks, key=lambda place: (place < date_at, place)):
        values = table.values(place)
        is_clock = bool(values) and all(map(_CLOCK.fullmatch, values)) and len(values) * 10 >= len(table.rows) * 9
        if is_clock and table.is_unambiguous(place) and table.forms((date_at, place)).read >= len(values) * MOSTLY:
            return (date_at, place)
    return (date_at,)


def _named_clocks(names: Sequence[str]) -> list[int]:
    return [place for place, name in enumerate(names) if plain_name(name) in _CLOCK_NAMES]


def _identity(table: Columns, taken: set[int], evidence: list[Evidence], unclear: list[str]) -> int:
    count = len(table.rows)
    usable = [place for place in range(len(table.cells)) if place not in taken and table.is_unambiguous(place)]
    named = [place for place in table.ranked("external_session_id") if place in usable]
    distinct = [place for place in usable if _differ(table, place) == count and not table.times[place].names]
    chosen = next((place for place in named if _differ(table, place) * 10 >= count * 9), None)
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
    evidence.append(Evidence("columns.external_session_id", told))
    doubt = _doubt(table, chosen, named)
    if doubt:
        unclear.append(
            f"{doubt}: name the column of the id in a profile of your own, livedash company set SLUG --csv-profile FILE."
        )
    return chosen


def _doubt(table: Columns, chosen: int, named: Sequence[int]) -> str:
    """Why a column may not be the id of a session; empty where nothing speaks against it."""
    better = named[: named.index(chosen)] if chosen in named else named
    if better:
        return f"{table.title((better[0],))} repeats, so that a record may be a message and {table.title((chosen,))} its id"
    name = "" if table.names is None else plain_name(table.names[chosen])
    cells = table.values(chosen)
    counts = cells == [str(number) for number in range(1, len(cells) + 1)]
    if counts and "id" not in name.split():
        return f"{table.title((chosen,))} counts the records, and the next file may count others so"
    return ""


def _differ(table: Columns, place: int) -> int:
    return len(set(table.values(place)))


def _end(table: Columns, taken: set[int], start: tuple[int, ...], evidence: list[Evidence]) -> int | None:
    times = [
        place
        for place, forms in enumerate(table.times)
        if forms.names and place not in taken and table.is_unambiguous(place)
    ]
    named = [place for place in table.ranked("end_time") if place in times]
    # Without a name it is the one that follows.
    following = [place for place in times if table.names is None and place == max(start) + 1]
    for place in [*named, *following]:
        before, both = _before_start(table, start, place)
        if before * _SLIPS <= both:
            return place
        told = f"{table.title((place,))} is before the start in {before:,} of {both:,} records, and is not taken for the end"
        evidence.append(Evidence("columns.end_time", told))
    return None


def _before_start(table: Columns, start: tuple[int, ...], end: int) -> tuple[int, int]:
    """In how many records a column is before the start, as which they would be rejected, and in how many both are read."""
    begins, ends = table.forms(start), table.times[end]
    forms = TimeForms.of(tuple(dict.fromkeys(begins.names + ends.names)))
    before = both = 0
    for *first, last in zip(*(table.cells[place] for place in (*start, end)), strict=True):
        begin = forms.read(" ".join(filter(None, first)), table.zone)
        close = forms.read(last, table.zone, second_showing=True)
        if begin is not None and close is not None:
            both += 1
            before += close < begin
    return before, both


def _add_named(
    table: Columns, column: str, taken: set[int], places: dict[str, tuple[int, ...]], evidence: list[Evidence]
) -> None:
    for place in table.ranked(column):
        if place in taken or not table.is_unambiguous(place):
            continue
        values = table.values(place)
        if column == "full_transcript_url" and values and not all(map(ADDRESS.fullmatch, values[:200])):
            if plain_name(str(table.shown((place,)))).startswith("transcript"):
                told = f"{table.title((place,))} holds texts and no addresses, and is kept as it is"
                evidence.append(Evidence("columns.full_transcript_url", told))
            continue
        places[column] = (place,)
        taken.add(place)
        evidence.append(Evidence(f"columns.{column}", f"{table.title((place,))}, by its name"))
        return
