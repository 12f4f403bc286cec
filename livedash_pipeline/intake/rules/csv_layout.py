"""The columns of a company's CSV, in their order: `CSV_COLUMNS` is the one list.

How many a record has, what is checked and translated, what is staged and copied, the schema that Dagster shows and the table in
`docs/data-model.md` follow from it. Their types are those of `session_imports`. Add a column here; which words mean what is in
`vocabulary`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from livedash_pipeline.intake.rules.vocabulary import country_code, language_code, sentiment_score, yes_or_no


@dataclass(frozen=True, slots=True)
class NumberForm:
    """The form of a number and its largest value, as the column of `session_imports` can hold it."""

    form: re.Pattern[str]
    most: int


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


def _whole_number(digits: int, bits: int) -> NumberForm:
    return NumberForm(re.compile(rf"\d{{1,{digits}}}", re.ASCII), 2**bits - 1)


def _decimal_number(digits: int) -> NumberForm:
    # More decimals than the column holds are rounded.
    return NumberForm(re.compile(rf"\d{{1,{digits}}}(?:\.\d{{1,12}})?", re.ASCII), 10**digits)


CSV_COLUMNS = (
    CsvColumn("external_session_id", "the session's id, required, 255 characters at most"),
    CsvColumn("start_time_raw", "`DD.MM.YYYY HH:MM:SS`, required", stored_beside="start_time"),
    CsvColumn("end_time_raw", "the same, not before the start", stored_beside="end_time"),
    CsvColumn("ip_address", "text"),
    CsvColumn("country_code", "code or name", stored_beside="country", meaning=country_code),
    CsvColumn("language", "code or name", stored_beside="language_code", meaning=language_code),
    CsvColumn("messages_sent", "whole number from 0, or empty", _whole_number(10, 31)),
    CsvColumn("sentiment_raw", "word or number", stored_beside="sentiment_score", meaning=sentiment_score),
    CsvColumn("escalated_raw", "yes or no word", stored_beside="escalated", meaning=yes_or_no),
    CsvColumn("forwarded_hr_raw", "yes or no word", stored_beside="forwarded_hr", meaning=yes_or_no),
    CsvColumn("full_transcript_url", "address or, for a CSV in a file, a path; empty means no transcript"),
    CsvColumn("avg_response_time_seconds", "number from 0, or empty", _decimal_number(8)),
    CsvColumn("tokens", "whole number from 0, or empty", _whole_number(19, 63)),
    CsvColumn("tokens_eur", "number from 0, or empty", _decimal_number(7)),
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
    "content_hash",
)
