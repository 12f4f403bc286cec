"""What the fields of a record may hold.

This is the authority on a single record; `intake.steps.csv_columns` reads whole columns at once and must agree with it, which a
property test checks. The columns are listed in `csv_layout`; add a rule about their values here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from livedash_pipeline.base.rules.text import BLANKS, UNSEEN_MARKS
from livedash_pipeline.intake.rules.csv_layout import COLUMNS, NUMBERS
from livedash_pipeline.intake.rules.csv_reading import Reading
from livedash_pipeline.intake.rules.csv_rejects import MAX_ID_LENGTH, RejectReason

_NUMBER_POSITIONS = {name: COLUMNS.index(name) for name in NUMBERS}
# Unit separator: no field of a good record begins or ends with it, since fields are trimmed.
_SEPARATOR = "\x1f"


# `1.23457E+17`: a spreadsheet takes a long id for a number and keeps its first digits, so that ids of many sessions are one.
_RUINED_ID = re.compile(r"\d(?:[.,]\d+)?(?:E\+?|e\+)\d{2,}", re.ASCII)
# Columns of times are named so in exports.
_TIME_NAME = re.compile(r"start|begin|end|time|date|datum|tijd|zeit|heure|fecha|inizio|fine", re.IGNORECASE)
_MOST_NOTED = 60
_AROUND = BLANKS + UNSEEN_MARKS


def is_ruined(external_id: str) -> bool:
    """Whether an id is what a spreadsheet makes of a long number."""
    return ("E" in external_id or "e+" in external_id) and _RUINED_ID.fullmatch(external_id) is not None


@dataclass(frozen=True, slots=True)
class RecordTimes:
    """Start and end of a session, in UTC, with the end not before the start; and an end that could not be read."""

    start: datetime
    end: datetime
    unread_end: str = ""


@dataclass(frozen=True, slots=True)
class BadField:
    """Why a record is rejected, and what was found."""

    reason: RejectReason
    detail: str | None = None


def read_number(name: str, text: str) -> str | None:
    """A trimmed field as its column holds it, empty for no value; None where it is no number that the column can hold."""
    return NUMBERS[name].read(text) if text else ""


def unread_numbers(fields: Sequence[str]) -> dict[str, str]:
    """What a record's columns of numbers hold instead, shortened, by column: it is noted with the record and rejects nothing."""
    found = ((name, fields[position]) for name, position in _NUMBER_POSITIONS.items())
    return {name: noted(text) for name, text in found if read_number(name, text) is None}


def noted(text: str) -> str:
    """What is kept of a value that could not be read."""
    return text if len(text) <= _MOST_NOTED else text[: _MOST_NOTED - 1] + "…"


def trimmed(text: str) -> str:
    """A field without blanks around it, and without marks that nobody sees: with them an id would be another session's."""
    text = text.strip()
    return text if text.isascii() else text.strip(_AROUND)


def read_record(fields: Sequence[str], reading: Reading) -> RecordTimes | BadField:
    """Checks the trimmed fields of a record; the first fault in order of columns is the one that is told."""
    external_id, start_text, end_text = fields[:3]
    if not external_id:
        return BadField(RejectReason.EMPTY_ID)
    if len(external_id) > MAX_ID_LENGTH:
        return BadField(RejectReason.FIELD_TOO_LONG, f"the id has {len(external_id)} characters")
    if is_ruined(external_id):
        return BadField(RejectReason.RUINED_ID, f"a spreadsheet has cut the digits of {_shown(external_id)}")
    start, end = reading.moment(start_text), reading.moment(end_text)
    if _is_name(start_text) and _is_name(end_text):
        return BadField(RejectReason.HEADER_LINE, f"{_shown(start_text)}, {_shown(end_text)}")
    if start is None:
        return BadField(RejectReason.BAD_START_TIME, _shown(start_text))
    if end is None and not reading.end_is_needed:
        # Without a text there is nothing to note.
        return RecordTimes(start, start, end_text)
    if end is None:
        return BadField(RejectReason.BAD_END_TIME, _shown(end_text))
    if end < start:
        # Of the hour that the clock shows twice the end may mean the second.
        end = reading.moment(end_text, second_showing=True) or end
    if end < start:
        return BadField(RejectReason.END_BEFORE_START, f"{start_text} to {end_text} ({reading.zone.key})")
    return RecordTimes(start, end)


def _is_name(text: str) -> bool:
    return _TIME_NAME.search(text) is not None and not any(map(str.isdigit, text))


def content_hash(fields: Sequence[str], read_by: str) -> str:
    """Hash of the trimmed fields and how they are read (`Reading.key`): equal hash, nothing to do."""
    text = _SEPARATOR.join((*fields, read_by))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _shown(text: str) -> str:
    return repr(noted(text))
