"""A company's CSV profile: how its file of sessions is cut into records, and which column means what.

What is not given is as in the seed's file (`intake.rules.csv_layout`). Columns are named as there, without `_raw`. Add a field
here and to `docs/profiles.md`; what a field makes of a file is decided in `readings` and in the modules that cut records.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from livedash_pipeline.intake.rules.csv_layout import CSV_COLUMNS
from livedash_pipeline.intake.rules.profiles.documents import Profile, checked_encoding, checked_times, checked_words

# Our columns by the names that a profile uses.
PROFILE_COLUMNS = {column.name.removesuffix("_raw"): column.name for column in CSV_COLUMNS}
REQUIRED = ("external_session_id", "start_time")
MOST_COLUMNS = 1000
_MOST_JOINED = 4
_LONGEST_NAME = 1_000

Words = Annotated[tuple[str, ...], AfterValidator(checked_words)]
Source = str | int
"""Where a value stands: the name of a column, a dotted path in JSON, or a position from 1."""


def _checked_sign(sign: str) -> str:
    if len(sign) != 1 or sign in '\r\n\0" ' or sign.isalnum() or not sign.isascii():
        raise ValueError(f"{sign!r} cannot separate columns")
    return sign


def _checked_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, LookupError):
        raise ValueError(f"{name[:100]!r} is no time zone of the IANA database") from None


class CsvProfile(Profile):
    """How a file of sessions is read."""

    format: Literal["csv", "jsonl", "xlsx"] = Field("csv", description="text with columns, JSON lines, or a workbook")
    encoding: Annotated[str, AfterValidator(checked_encoding)] = Field(
        "utf-8", description="of text; any that Python knows"
    )
    delimiter: Annotated[str, AfterValidator(_checked_sign)] = Field(",", description="between the columns of a CSV")
    quote: Literal['"', "'", ""] = Field('"', description="around cells of a CSV; empty where nothing is quoted")
    escape: Literal["", "\\"] = Field("", description="before a quote within quotes, where it is not doubled")
    header: bool = Field(False, description="whether the first record holds the names of the columns")
    skip_lines: Annotated[int, Field(ge=0, le=1000)] = Field(
        0, description="lines, or rows, before the header or first record"
    )
    sheet: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00]*$")] | None = Field(
        None, description="of a workbook; its first one"
    )
    columns: dict[str, Source | tuple[Source, ...]] | None = Field(
        None,
        description="where each of our columns stands: a name, a position from 1, a dotted path in JSON, or a list of them, "
        "which are joined with a blank; columns that are left out are empty",
    )
    time_zone: Annotated[str, AfterValidator(_checked_zone)] | None = Field(
        None, description="of times that do not say theirs; the company's if none"
    )
    times: Annotated[tuple[str, ...], Field(max_length=20), AfterValidator(checked_times)] = Field(
        (),
        description="forms of start and end: patterns of strptime, `iso8601`, `unix`, `unix_ms`; DD.MM.YYYY HH:MM:SS if none",
    )
    decimal: Literal[".", ","] = Field(".", description="sign before the decimals of numbers")
    thousands: Literal["", ",", ".", "'", " ", "\u00a0", "\u202f", "\u2019"] = Field(
        "", description="sign between thousands"
    )
    nothing: Words = Field((), description="words that mean no value, such as NULL, in any case")
    yes: Words = Field((), description="further words for yes, in any case")
    no: Words = Field((), description="further words for no, in any case")
    categories: dict[str, str] = Field({}, description="words of the column `category`, and what is stored instead")
    keep_extra: bool = Field(True, description="whether columns that mean nothing to us are kept with the session")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands are the same sign")
        if self.delimiter in {self.quote, self.escape}:
            raise ValueError("delimiter is the sign of a quote or an escape as well")
        checked_words((*self.categories, *self.categories.values()))
        if self.columns is None:
            if self.format != "csv" or self.header:
                raise ValueError("columns have to be named: give `columns`")
            return self
        for name, source in self.columns.items():
            self._check_column(name, source if isinstance(source, tuple) else (source,))
        missing = [name for name in REQUIRED if name not in self.columns]
        if missing:
            raise ValueError(f"columns lacks {' and '.join(missing)}")
        return self

    def _check_column(self, name: str, sources: tuple[Source, ...]) -> None:
        if name not in PROFILE_COLUMNS:
            raise ValueError(f"columns has {name!r}, and known are {', '.join(PROFILE_COLUMNS)}")
        if not 1 <= len(sources) <= _MOST_JOINED:
            raise ValueError(f"columns.{name} joins {len(sources)} columns, and 1 to {_MOST_JOINED} can be")
        for source in sources:
            named = isinstance(source, str)
            if isinstance(source, str) and ("\0" in source or not 1 <= len(source) <= _LONGEST_NAME):
                raise ValueError(f"columns.{name} is no name of 1 to {_LONGEST_NAME} characters")
            if named and not (self.header or self.format == "jsonl"):
                raise ValueError(f"columns.{name} is a name, and without a header columns have positions from 1")
            if not named and self.format == "jsonl":
                raise ValueError(f"columns.{name} is a position, and JSON has names")
            if isinstance(source, int) and not 1 <= source <= MOST_COLUMNS:
                raise ValueError(f"columns.{name} is {source}, and positions go from 1 to {MOST_COLUMNS}")

    def sources(self) -> dict[str, tuple[Source, ...]]:
        """Where each of our columns stands, by its own name; the seed's order where nothing is said."""
        if self.columns is None:
            return {column.name: (position,) for position, column in enumerate(CSV_COLUMNS, 1)}
        listed = {PROFILE_COLUMNS[name]: source for name, source in self.columns.items()}
        return {name: source if isinstance(source, tuple) else (source,) for name, source in listed.items()}


SEED_PROFILE = CsvProfile()
