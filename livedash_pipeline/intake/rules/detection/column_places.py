"""Which column of a table is which of ours: by its name where there is one, and by what it holds.

Only id and start have to be found. A column that is not taken for one of ours is kept with the session as it is.
"""

from __future__ import annotations

import re

from livedash_pipeline.intake.rules.detection.column_cells import MOSTLY, Columns
from livedash_pipeline.intake.rules.detection.column_names import plain_name
from livedash_pipeline.intake.rules.detection.proposals import Evidence, NoProposalError
from livedash_pipeline.intake.rules.profiles.csv_profile import PROFILE_COLUMNS
from livedash_pipeline.intake.rules.profiles.time_forms import UNIX, TimeForms

_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AaPp]\.?[Mm]\.?)?")
ADDRESS = re.compile(r"https?://\S+|(?:s3|gs|az|sftp|file)://\S+|[^\s;,]+\.(?:txt|json|log|html?)", re.IGNORECASE)
_LONGEST_DATE = len("00. September 0000")


def find_columns(table: Columns, evidence: list[Evidence]) -> dict[str, tuple[int, ...]]:
    """The positions, from 0, of each of our columns that was found, in the order of our columns; adds why.

    Raises:
        NoProposalError: No column can be an id or a start.
    """
    start = _start(table, evidence)
    identity = _identity(table, set(start), evidence)
    places: dict[str, tuple[int, ...]] = {"external_session_id": (identity,), "start_time": start}
    taken = {identity, *start}
    end = _end(table, taken, start)
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
    for place in sorted(range(len(table.cells)), key=lambda place: (place < date_at, place)):
        values = table.values(place)
        is_clock = bool(values) and all(map(_CLOCK.fullmatch, values)) and len(values) * 10 >= len(table.rows) * 9
        if is_clock and table.is_unambiguous(place) and table.forms((date_at, place)).read >= len(values) * MOSTLY:
            return (date_at, place)
    return (date_at,)


def _identity(table: Columns, taken: set[int], evidence: list[Evidence]) -> int:
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
    evidence.append(Evidence("columns.external_session_id", told))
    return chosen


def _differ(table: Columns, place: int) -> int:
    return len(set(table.values(place)))


def _end(table: Columns, taken: set[int], start: tuple[int, ...]) -> int | None:
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


def _is_after(table: Columns, start: tuple[int, ...], end: int) -> bool:
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
