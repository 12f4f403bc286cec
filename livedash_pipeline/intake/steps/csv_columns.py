"""Turns a block of CSV records into typed columns, with pandas, and separates the records that cannot be used.

Whole columns are judged at once. What this finds doubtful is put to `intake.rules.csv_fields.read_record`, record by record,
whose word counts; so nothing about the meaning of a field is decided here. Columns are listed in `intake.rules.csv_layout`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import compress
from typing import Any

import pandas as pd

from livedash_pipeline.base.rules.local_time import parse_local_date, parse_time_of_day
from livedash_pipeline.intake.rules.csv_fields import (
    BadField,
    content_hash,
    is_ruined,
    noted,
    read_number,
    read_record,
    trimmed,
    unread_numbers,
)
from livedash_pipeline.intake.rules.csv_layout import COLUMNS, MEANINGS, NUMBERS
from livedash_pipeline.intake.rules.csv_reading import Reading
from livedash_pipeline.intake.rules.csv_records import Block
from livedash_pipeline.intake.rules.csv_rejects import MAX_ID_LENGTH, Reject, storable

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY = 86_400
# Far from them zones have odd offsets and pandas has limits; the core reads those dates.
_ORDINARY_YEARS = range(1980, 2100)
# No sum of a real date and time is as small.
_UNREADABLE = -(10**12)


@dataclass(frozen=True, slots=True)
class TypedBlock:
    """Records to be staged, by column (`csv_layout.SCRATCH_COLUMNS`, empty text means no value), and those that are rejected."""

    columns: list[Sequence[Any]]
    rejects: list[Reject]

    def scratch_rows(self) -> Iterator[tuple[Any, ...]]:
        """The records one by one."""
        return zip(*self.columns, strict=True)


class ColumnReader:
    """Reads the blocks of one file."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._zone = reading.zone
        self._read = _Seconds(self._seconds_of_moment)
        self._dates = _Seconds(_seconds_of_date)
        self._times = _Seconds(_seconds_of_time)

    def read(self, block: Block) -> TypedBlock:
        """Trims, checks and converts the records of a block."""
        # The raw columns stay lists of texts on their way to COPY: as columns of a frame they would only be copied twice.
        raw = [_trimmed(column) for column in zip(*block.rows, strict=True)] or [[] for _ in COLUMNS]
        by_name = dict(zip(COLUMNS, raw, strict=True))
        start_texts, end_texts = by_name["start_time_raw"], by_name["end_time_raw"]
        if not self._reading.end_is_needed:
            end_texts = [end or start for start, end in zip(start_texts, end_texts, strict=True)]
        start, end = self._moments(start_texts), self._moments(end_texts)
        # Comparisons with "not a time" are false, so unreadable times are doubtful as well.
        sound = ((start <= end) & _sound_ids(by_name)).tolist()
        starts, ends, rejects = _epochs(start), _epochs(end), []
        unread_ends: dict[int, str] = {}
        for index in [index for index, well in enumerate(sound) if not well]:
            verdict = read_record([column[index] for column in raw], self._reading)
            if isinstance(verdict, BadField):
                rejects.append(_reject(block, index, verdict))
            else:
                starts[index], ends[index] = int(verdict.start.timestamp()), int(verdict.end.timestamp())
                sound[index] = True
                if verdict.unread_end:
                    unread_ends[index] = verdict.unread_end
        meanings = [_translated(by_name[name], self._reading.meaning(name, meaning)) for _, name, meaning in MEANINGS]
        read_by = self._reading.key
        extras = block.extras or [""] * len(block.lines)
        hashed = zip(*raw, extras, strict=True) if block.extras else zip(*raw, strict=True)
        hashes = [content_hash(fields, read_by) for fields in hashed]
        typed, unread = _numbers(raw, unread_ends)
        columns: list[Sequence[Any]] = [
            block.lines,
            block.line_counts,
            *typed,
            starts,
            ends,
            *meanings,
            unread,
            extras,
            hashes,
        ]
        return TypedBlock([list(compress(column, sound)) for column in columns] if rejects else columns, rejects)

    def _seconds_of_moment(self, text: str) -> int:
        moment = self._reading.moment(text)
        if moment is None or moment.year not in _ORDINARY_YEARS:
            return _UNREADABLE
        return int(moment.timestamp())

    def _moments(self, texts: Sequence[str]) -> pd.Series[Any]:
        """Moments in UTC; "not a time" for what cannot be read and for times that a change of the clocks makes doubtful."""
        if self._reading.times is not None:
            read = pd.Series([self._read[text] for text in texts], dtype="int64")
            return read.astype("datetime64[s]").where(read > _UNREADABLE / 2).dt.tz_localize("UTC")
        dates, times = self._dates, self._times
        parts = (text.partition(" ") for text in texts)
        seconds = pd.Series([dates[day] + times[time] for day, _, time in parts], dtype="int64")
        local = seconds.astype("datetime64[s]").where(seconds > _UNREADABLE / 2)
        return local.dt.tz_localize(self._zone, ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC")


def _trimmed(texts: Sequence[str]) -> list[str]:
    # `csv_fields.trimmed` of each; most columns are of ASCII, where nothing but blanks can stand around a field.
    return list(map(str.strip if all(map(str.isascii, texts)) else trimmed, texts))


def _reject(block: Block, index: int, fault: BadField) -> Reject:
    raw = storable(block.raws[index])
    return Reject(block.lines[index], block.line_counts[index], raw, fault.reason, fault.detail)


def _sound_ids(columns: Mapping[str, Sequence[str]]) -> pd.Series[bool]:
    ids = columns["external_session_id"]
    return pd.Series([0 < len(text) <= MAX_ID_LENGTH and not is_ruined(text) for text in ids], dtype=bool)


def _numbers(raw: list[list[str]], unread_ends: Mapping[int, str]) -> tuple[list[Sequence[str]], list[str]]:
    """The columns with their numbers as they are stored, and for each record what could not be read, as JSON or empty."""
    unread = [""] * len(raw[0])
    doubtful = set(unread_ends)
    stored: list[Sequence[str]] = []
    for name, texts in zip(COLUMNS, raw, strict=True):
        if name not in NUMBERS:
            stored.append(texts)
            continue
        read = {text: read_number(name, text) for text in set(texts)}
        if None in read.values():
            doubtful |= {index for index, text in enumerate(texts) if read[text] is None}
        stored.append([read[text] or "" for text in texts])
    for index in doubtful:
        noted_end = {"end_time_raw": noted(unread_ends[index])} if index in unread_ends else {}
        found = noted_end | unread_numbers([column[index] for column in raw])
        unread[index] = json.dumps(found, ensure_ascii=False)
    return stored, unread


def _translated(texts: Sequence[str], meaning: Callable[[str], Any]) -> list[Any]:
    """A column's meanings, each distinct text looked at once; empty text where there is none."""
    meanings = ((text, meaning(text)) for text in set(texts))
    known = {text: "" if meant is None else meant for text, meant in meanings}
    return [known[text] for text in texts]


def _epochs(moments: pd.Series[Any]) -> list[int]:
    """Seconds since 1970; of no meaning where there is no time."""
    seconds: list[int] = moments.dt.tz_localize(None).astype("datetime64[s]").astype("int64").tolist()
    return seconds


class _Seconds(dict[str, int]):
    """Seconds that a part of a time stands for, by its text: a file has few dates, and a day few seconds."""

    _MOST = 200_000  # More than the seconds of a day: only odd texts get there.

    def __init__(self, parse: Callable[[str], int]) -> None:
        super().__init__()
        self._parse = parse

    def __missing__(self, text: str) -> int:
        if len(self) > self._MOST:
            self.clear()
        seconds = self[text] = self._parse(text)
        return seconds


def _seconds_of_date(text: str) -> int:
    day = parse_local_date(text)
    if day is None or day.year not in _ORDINARY_YEARS:
        return _UNREADABLE
    return (day.toordinal() - _EPOCH_DAY) * _DAY


def _seconds_of_time(text: str) -> int:
    time = parse_time_of_day(text)
    return _UNREADABLE if time is None else time.hour * 3600 + time.minute * 60 + time.second
