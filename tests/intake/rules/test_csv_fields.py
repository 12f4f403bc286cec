from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from livedash_pipeline.base.rules.local_time import parse_local_time
from livedash_pipeline.intake.rules.csv_fields import (
    BadField,
    RecordTimes,
    content_hash,
    is_number,
    read_record,
)
from livedash_pipeline.intake.rules.csv_layout import COLUMNS, NUMBERS
from tests.support.csv_rows import csv_fields

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
FIELDS = csv_fields("id-1", "01.05.2025 12:11:18", "01.05.2025 12:14:53", messages_sent="8", tokens_eur="0.0083")


def with_field(name: str, text: str) -> tuple[str, ...]:
    at = COLUMNS.index(name)
    return (*FIELDS[:at], text, *FIELDS[at + 1 :])


def test_a_good_record_gives_its_times_in_utc() -> None:
    assert read_record(FIELDS, AMSTERDAM) == RecordTimes(
        datetime(2025, 5, 1, 10, 11, 18, tzinfo=UTC), datetime(2025, 5, 1, 10, 14, 53, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("external_session_id", "", "empty_id"),
        ("external_session_id", "x" * 256, "field_too_long"),
        ("start_time_raw", "30.02.2025 10:00:00", "bad_start_time"),
        ("start_time_raw", "start_time", "bad_start_time"),
        ("end_time_raw", "31.04.2025 10:00:00", "bad_end_time"),
        ("end_time_raw", "", "bad_end_time"),
        ("end_time_raw", "01.05.2025 12:11:17", "end_before_start"),
        ("messages_sent", "3.7", "bad_number"),
        ("messages_sent", "-1", "bad_number"),
        ("messages_sent", "2147483648", "bad_number"),
        ("tokens", "12abc", "bad_number"),
        ("tokens", "١٢", "bad_number"),
        ("tokens_eur", "1e3", "bad_number"),
        ("avg_response_time_seconds", "NaN", "bad_number"),
    ],
)
def test_a_fault_is_told_with_its_reason(name: str, text: str, reason: str) -> None:
    verdict = read_record(with_field(name, text), AMSTERDAM)
    assert isinstance(verdict, BadField)
    assert verdict.reason == reason


def test_empty_and_zero_numbers_are_good() -> None:
    for name in NUMBERS:
        assert is_number(name, "")
        assert is_number(name, "0")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("1.5.2025 09:00", "2025-05-01T07:00:00"),
        ("01.01.2025 00:00:00", "2024-12-31T23:00:00"),
        # Skipped by the change to summer time: shifted forward by the gap, to 03:30 summer time.
        ("30.03.2025 02:30:00", "2025-03-30T01:30:00"),
        # Twice on that night: the first one, in summer time.
        ("26.10.2025 02:30:00", "2025-10-26T00:30:00"),
        ("29.02.2024 10:00:00", "2024-02-29T09:00:00"),
    ],
)
def test_local_times_become_moments(text: str, utc: str) -> None:
    assert parse_local_time(text, AMSTERDAM) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "30.02.2025 10:00:00", "29.02.2025 10:00:00", "01.05.25 10:00:00", "01.05.2025 25:00:00", "01.05.2025",
     "01-05-2025 10:00", "01.05.2025 10:00:60", "01.05.2025  10:00:00", "01.05.2025T10:00:00",
     "2025-05-01 10:00:00", "٠١.05.2025 10:00:00",
     "01.01.0001 00:00:00", "01.05.2025 1:00:00"],
)  # fmt: skip
def test_what_is_no_real_time_is_no_time(text: str) -> None:
    assert parse_local_time(text, AMSTERDAM) is None


def test_a_half_hour_gap_shifts_by_half_an_hour() -> None:
    moment = parse_local_time("05.10.2025 02:10:00", ZoneInfo("Australia/Lord_Howe"))
    assert moment == datetime(2025, 10, 4, 15, 40, tzinfo=UTC)


def test_the_hash_covers_every_field_and_the_zone() -> None:
    hashes = {content_hash(FIELDS, "Europe/Amsterdam"), content_hash(FIELDS, "UTC")}
    hashes |= {content_hash(with_field(name, "other"), "UTC") for name in COLUMNS}
    assert len(hashes) == len(COLUMNS) + 2
    assert content_hash(FIELDS, "UTC") == content_hash(list(FIELDS), "UTC")
