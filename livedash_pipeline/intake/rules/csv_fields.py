"""What the 16 columns of a record are called, mean and may hold.

This is the authority on a single record; `intake.steps.csv_columns` reads whole columns at once and must agree with it, which a
property test checks. Which words mean what is in `vocabulary`; add a column here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from zoneinfo import ZoneInfo

from livedash_pipeline.base.rules.local_time import parse_local_time
from livedash_pipeline.intake.rules.csv_rejects import MAX_ID_LENGTH, RejectReason

COLUMNS = (
    "external_session_id",
    "start_time_raw",
    "end_time_raw",
    "ip_address",
    "country_code",
    "language",
    "messages_sent",
    "sentiment_raw",
    "escalated_raw",
    "forwarded_hr_raw",
    "full_transcript_url",
    "avg_response_time_seconds",
    "tokens",
    "tokens_eur",
    "category",
    "initial_message",
)
# Form and largest value of each numeric column, as the columns of `session_imports` can hold them. More decimals are rounded.
_DECIMAL = r"\d{1,%d}(?:\.\d{1,12})?"
NUMBERS: dict[str, tuple[re.Pattern[str], int]] = {
    "messages_sent": (re.compile(r"\d{1,10}", re.ASCII), 2**31 - 1),
    "tokens": (re.compile(r"\d{1,19}", re.ASCII), 2**63 - 1),
    "avg_response_time_seconds": (re.compile(_DECIMAL % 8, re.ASCII), 10**8),
    "tokens_eur": (re.compile(_DECIMAL % 7, re.ASCII), 10**7),
}
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
    form, most = NUMBERS[name]
    return not text or (form.fullmatch(text) is not None and float(text) <= most)


def read_record(fields: Sequence[str], zone: ZoneInfo) -> RecordTimes | BadField:
    """Checks the 16 trimmed fields of a record; the first fault in order of columns is the one that is told."""
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
    """Hash of the 16 trimmed fields and the zone they are read in: equal hash, nothing to do."""
    text = _SEPARATOR.join((*fields, time_zone))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")
