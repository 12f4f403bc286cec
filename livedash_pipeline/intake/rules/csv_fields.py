"""What the fields of a record may hold.

This is the authority on a single record; `intake.steps.csv_columns` reads whole columns at once and must agree with it, which a
property test checks. The columns are listed in `csv_layout`; add a rule about their values here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from zoneinfo import ZoneInfo

from livedash_pipeline.base.rules.local_time import parse_local_time
from livedash_pipeline.intake.rules.csv_layout import COLUMNS, NUMBERS
from livedash_pipeline.intake.rules.csv_rejects import MAX_ID_LENGTH, RejectReason

_NUMBER_POSITIONS = {name: COLUMNS.index(name) for name in NUMBERS}
# Unit separator: no field of a good record begins or ends with it, since fields are trimmed.
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class RecordTimes:
    """Start and end of a session, in UTC, with the end not before the start."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class BadField:
    """Why a record is rejected, and what was found."""

    reason: RejectReason
    detail: str | None = None


def is_number(name: str, text: str) -> bool:
    """Whether a trimmed field is empty (no value) or a number that its column can hold."""
    number = NUMBERS[name]
    return not text or (number.form.fullmatch(text) is not None and float(text) <= number.most)


def read_record(fields: Sequence[str], zone: ZoneInfo) -> RecordTimes | BadField:
    """Checks the trimmed fields of a record; the first fault in order of columns is the one that is told."""
    external_id, start_text, end_text = fields[:3]
    if not external_id:
        return BadField(RejectReason.EMPTY_ID)
    if len(external_id) > MAX_ID_LENGTH:
        return BadField(RejectReason.FIELD_TOO_LONG, f"the id has {len(external_id)} characters")
    start, end = parse_local_time(start_text, zone), parse_local_time(end_text, zone)
    if start is None:
        return BadField(RejectReason.BAD_START_TIME, _shown(start_text))
    if end is None:
        return BadField(RejectReason.BAD_END_TIME, _shown(end_text))
    if end < start:
        return BadField(RejectReason.END_BEFORE_START, f"{start_text} to {end_text} ({zone.key})")
    for name, position in _NUMBER_POSITIONS.items():
        if not is_number(name, fields[position]):
            return BadField(RejectReason.BAD_NUMBER, f"{name} {_shown(fields[position])}")
    return RecordTimes(start, end)


def content_hash(fields: Sequence[str], time_zone: str) -> str:
    """Hash of the trimmed fields and the zone they are read in: equal hash, nothing to do."""
    text = _SEPARATOR.join((*fields, time_zone))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")
