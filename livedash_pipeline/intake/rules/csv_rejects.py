"""Why records of a CSV are not imported, and when that is too often.

Add a reason here. Reasons are found in `csv_records` and `profiles` (the shape of a record) and `csv_fields` (what is in it).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# The csv module's own limit for a field. Longer raw text is cut here, so memory stays flat.
MAX_RECORD_LENGTH = 131_072
# Entries of a B-tree hold 2,704 bytes; an id of this many characters always fits.
MAX_ID_LENGTH = 255
# From this many records on the ratio counts; below it one bad row of four would be 25 %.
RATIO_COUNTS_FROM = 50
# What is kept of a run that fails because of its rejects.
REJECTS_KEPT_ON_FAILURE = 100


class RejectReason(StrEnum):
    """Why a record was not imported; kept with the record in `import_rejects`."""

    WRONG_COLUMN_COUNT = "wrong_column_count"
    EMPTY_ID = "empty_id"
    BAD_START_TIME = "bad_start_time"
    BAD_END_TIME = "bad_end_time"
    END_BEFORE_START = "end_before_start"
    STRAY_QUOTE = "stray_quote"
    UNCLOSED_QUOTE = "unclosed_quote"
    NUL_CHARACTER = "nul_character"
    BAD_ENCODING = "bad_encoding"
    DUPLICATE_ID = "duplicate_id"
    HEADER_LINE = "header_line"
    RUINED_ID = "ruined_id"
    FIELD_TOO_LONG = "field_too_long"
    NOT_JSON = "not_json"


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that was not imported: its first physical line (from 1), how many lines it has, and its text."""

    line: int
    line_count: int
    raw: str
    reason: RejectReason
    detail: str | None = None


def too_many_rejects(records: int, rejected: int, max_ratio: float) -> bool:
    """Whether a file is to be refused whole. Fewer than 50 records are refused only if every one of them is rejected."""
    if records < RATIO_COUNTS_FROM:
        return 0 < records == rejected
    return rejected > records * max_ratio


def storable(raw: str) -> str:
    """Raw text as Postgres can keep it: NUL as U+FFFD, bytes that are not UTF-8 as \\xNN, and no longer than a record may be."""
    text = raw[:MAX_RECORD_LENGTH].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return text.replace("\0", "\ufffd")
