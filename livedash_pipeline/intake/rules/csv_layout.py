"""The columns of a company's CSV, in their order: `CSV_COLUMNS` is the one list.

How many a record has, what is checked and translated, what is staged and copied, the schema that Dagster shows and the table in
`docs/data-model.md` follow from it. Their types are those of `session_imports`. Add a column here; which words mean what is in
`vocabulary`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from livedash_pipeline.intake.rules.vocabulary import country_code, sentiment_score, source_language, yes_or_no

# Also as programs write floats: 2.3333333333333335, 9.5e-05, and 3.0 for a whole number. Longer ones are no numbers of this kind.
_NUMBER = re.compile(r"\d{1,40}(?:\.\d{0,40})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
# Far more places than any column holds; the database rounds what is left.
_STEP = Decimal("1e-15")


@dataclass(frozen=True, slots=True)
class NumberForm:
    """The numbers that a column of `session_imports` can hold: from 0 to `most`, whole ones or any."""

    most: int
    is_whole: bool

    def read(self, text: str) -> str | None:
        """A number as the database reads it; None for what is none, or is out of range."""
        if _NUMBER.fullmatch(text) is None:
            return None
        value = Decimal(text)
        if value > self.most or (self.is_whole and value != value.to_integral_value()):
            return None
        return str(int(value)) if self.is_whole else format(value.quantize(_STEP), "f")


@dataclass(frozen=True, slots=True)
class CsvColumn:
    """A column of the CSV, and of `session_imports`, which holds it raw.

    Attributes:
        name: Its name in `session_imports`.
        description: What a record may hold, for the documentation.
        number: The form of its numbers; None for text.
        stored_beside: The column with the meaning of the raw value; empty without one.
        meaning: Translates a word into that meaning. The two times have none: they are read together, in the company's zone.
    """

    name: str
    description: str
    number: NumberForm | None = None
    stored_beside: str = ""
    meaning: Callable[[str], object] | None = None


def _whole_number(bits: int) -> NumberForm:
    return NumberForm(2**bits - 1, is_whole=True)


def _decimal_number(digits: int) -> NumberForm:
    # More decimals than the column holds are rounded; it has room for a digit more.
    return NumberForm(10**digits, is_whole=False)


CSV_COLUMNS = (
    CsvColumn("external_session_id", "the session's id, required, 255 characters at most"),
    CsvColumn("start_time_raw", "`DD.MM.YYYY HH:MM:SS`, required", stored_beside="start_time"),
    CsvColumn("end_time_raw", "the same, not before the start", stored_beside="end_time"),
    CsvColumn("ip_address", "text"),
    CsvColumn(
        "country_code", "code of two or three letters, locale or name", stored_beside="country", meaning=country_code
    ),
    CsvColumn(
        "language",
        "code of two or three letters, locale or name",
        stored_beside="language_code",
        meaning=source_language,
    ),
    CsvColumn("messages_sent", "whole number from 0, or empty; anything else is null and noted", _whole_number(31)),
    CsvColumn("sentiment_raw", "word or number", stored_beside="sentiment_score", meaning=sentiment_score),
    CsvColumn("escalated_raw", "yes or no word", stored_beside="escalated", meaning=yes_or_no),
    CsvColumn("forwarded_hr_raw", "yes or no word", stored_beside="forwarded_hr", meaning=yes_or_no),
    CsvColumn("full_transcript_url", "address or, for a CSV in a file, a path; empty means no transcript"),
    CsvColumn(
        "avg_response_time_seconds", "number from 0, or empty; anything else is null and noted", _decimal_number(8)
    ),
    CsvColumn("tokens", "whole number from 0, or empty; anything else is null and noted", _whole_number(63)),
    CsvColumn("tokens_eur", "number from 0, or empty; anything else is null and noted", _decimal_number(7)),
    CsvColumn("category", "text"),
    CsvColumn("initial_message", "text"),
)
COLUMNS = tuple(column.name for column in CSV_COLUMNS)
COLUMN_COUNT = len(COLUMNS)
NUMBERS = {column.name: column.number for column in CSV_COLUMNS if column.number}
# The column with the meaning, the raw one, and what a word in it means.
MEANINGS = tuple((column.stored_beside, column.name, column.meaning) for column in CSV_COLUMNS if column.meaning)
# What a staged record holds, in the order in which it is copied.
SCRATCH_COLUMNS = (
    "line_number",
    "line_count",
    *COLUMNS,
    "start_epoch",
    "end_epoch",
    *(name for name, _, _ in MEANINGS),
    "unread",
    "extra",
    "content_hash",
)
