from __future__ import annotations

import json
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.intake.rules.csv_fields import (
    RecordTimes,
    content_hash,
    read_number,
    read_record,
    trimmed,
    unread_numbers,
)
from livedash_pipeline.intake.rules.csv_layout import COLUMNS, CSV_COLUMNS, SCRATCH_COLUMNS
from livedash_pipeline.intake.rules.csv_layout import NUMBERS as NUMBERS_HELD
from livedash_pipeline.intake.rules.csv_reading import Reading
from livedash_pipeline.intake.rules.csv_records import Block
from livedash_pipeline.intake.steps.csv_columns import ColumnReader

ZONES = st.sampled_from(["Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]).map(
    ZoneInfo
)
TIMES = st.one_of(
    st.builds(
        "{:02d}.{:02d}.{:04d} {:02d}:{:02d}:{:02d}".format,
        st.integers(0, 32), st.integers(1, 13), st.sampled_from([1, 1899, 1985, 2024, 2025, 2037, 2038, 2099, 2100, 9999]),
        st.integers(0, 24), st.integers(0, 60), st.integers(0, 60),
    ),
    st.builds("{}.10.2025 0{}:{:02d}".format, st.integers(24, 27), st.integers(0, 4), st.integers(0, 59)),
    st.builds(" {}.3.2025 0{}:{:02d}:59 ".format, st.integers(28, 31), st.integers(0, 4), st.integers(0, 59)),
    st.text(max_size=12),
)  # fmt: skip
NUMBERS = st.sampled_from(
    ["", "0", "7", "3.7", "12abc", "-1", "99999999999999999999", "0.0010", "٣", " 5 ", "3.0", "9.5e-05", "\ufeff8"]
)
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
RECORDS = st.builds(
    lambda external_id, start, end, rest: [external_id, start, end, *rest],
    st.sampled_from(["", " ", "a", "b" * 256, "1.2E+17", "\u200ba\ufeff"]) | WORDS, TIMES, TIMES,
    st.tuples(*(NUMBERS if column.number else WORDS for column in CSV_COLUMNS[3:])),
)  # fmt: skip


@given(st.lists(RECORDS, min_size=1, max_size=20), ZONES)
def test_columns_read_at_once_say_what_the_core_says_of_each_record(rows: list[list[str]], zone: ZoneInfo) -> None:
    lines = list(range(1, len(rows) + 1))
    typed = ColumnReader(Reading(zone)).read(Block(rows, lines, [1] * len(rows), [",".join(row) for row in rows]))
    staged = {row[0]: dict(zip(SCRATCH_COLUMNS, row, strict=True)) for row in typed.scratch_rows()}
    rejected = {reject.line: reject for reject in typed.rejects}
    assert set(staged) | set(rejected) == set(lines)
    for line, row in zip(lines, rows, strict=True):
        fields = [trimmed(text) for text in row]
        verdict = read_record(fields, Reading(zone))
        if isinstance(verdict, RecordTimes):
            found = staged[line]
            assert (found["start_epoch"], found["end_epoch"]) == (verdict.start.timestamp(), verdict.end.timestamp())
            stored = [
                (read_number(name, text) or "") if name in NUMBERS_HELD else text
                for name, text in zip(COLUMNS, fields, strict=True)
            ]
            assert [found[name] for name in COLUMNS] == stored
            assert (json.loads(found["unread"]) if found["unread"] else {}) == unread_numbers(fields)
            assert found["content_hash"] == content_hash(fields, zone.key)
        else:
            assert (rejected[line].reason, rejected[line].detail) == (verdict.reason, verdict.detail)
            assert line not in staged


def test_no_records_are_no_trouble() -> None:
    typed = ColumnReader(Reading(ZoneInfo("UTC"))).read(Block())
    assert list(typed.scratch_rows()) == []
    assert typed.rejects == []
