from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from livedash_pipeline.base.rules.local_time import parse_local_time
from livedash_pipeline.intake.rules.csv_fields import (
    BadField,
    RecordTimes,
    content_hash,
    is_ruined,
    noted,
    read_number,
    read_record,
    trimmed,
    unread_numbers,
)
from livedash_pipeline.intake.rules.csv_layout import COLUMNS, NUMBERS
from livedash_pipeline.intake.rules.csv_reading import Reading
from livedash_pipeline.intake.rules.csv_rejects import RejectReason
from tests.support.csv_rows import csv_fields

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
FIELDS = csv_fields("id-1", "01.05.2025 12:11:18", "01.05.2025 12:14:53", messages_sent="8", tokens_eur="0.0083")


def with_field(name: str, text: str) -> tuple[str, ...]:
    at = COLUMNS.index(name)
    return (*FIELDS[:at], text, *FIELDS[at + 1 :])


def test_a_good_record_gives_its_times_in_utc() -> None:
    assert read_record(FIELDS, Reading(AMSTERDAM)) == RecordTimes(
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
        ("external_session_id", "1.23457E+17", "ruined_id"),
    ],
)
def test_a_fault_is_told_with_its_reason(name: str, text: str, reason: str) -> None:
    verdict = read_record(with_field(name, text), Reading(AMSTERDAM))
    assert isinstance(verdict, BadField)
    assert verdict.reason == reason


def test_a_line_of_names_is_called_a_header() -> None:
    verdict = read_record(csv_fields("session_id", "start_time", "end time"), Reading(AMSTERDAM))
    assert verdict == BadField(RejectReason.HEADER_LINE, "'start_time', 'end time'")
    for start, end in (("start_time", ""), ("", "end_time"), ("n/a", "n/a"), ("start_time", "01.05.2025 12:00:00")):
        fault = read_record(csv_fields("session_id", start, end), Reading(AMSTERDAM))
        assert isinstance(fault, BadField) and fault.reason == "bad_start_time"


def test_empty_and_zero_numbers_are_good() -> None:
    for name in NUMBERS:
        assert read_number(name, "") == ""
        assert Decimal(read_number(name, "0") or "none") == 0


@pytest.mark.parametrize(
    ("name", "text", "number"),
    [
        ("messages_sent", "3.0", "3"),
        ("messages_sent", "2147483647", "2147483647"),
        ("messages_sent", "1e3", "1000"),
        ("tokens", "9223372036854775807", "9223372036854775807"),
        ("tokens_eur", "9.5e-05", "0.000095000000000"),
        ("tokens_eur", "1e3", "1000.000000000000000"),
        ("tokens_eur", "0." + "3" * 40, "0.333333333333333"),
        ("avg_response_time_seconds", "2.3333333333333335", "2.333333333333334"),
        ("avg_response_time_seconds", "12.", "12.000000000000000"),
        ("avg_response_time_seconds", "100000000", "100000000.000000000000000"),
        ("messages_sent", "3.7", None),
        ("messages_sent", "-1", None),
        ("messages_sent", "2147483648", None),
        ("messages_sent", "9e999", None),
        ("tokens", "12abc", None),
        ("tokens", "١٢", None),
        ("tokens", "9223372036854775808", None),
        ("avg_response_time_seconds", "NaN", None),
        ("avg_response_time_seconds", "100000000.1", None),
        ("avg_response_time_seconds", "Infinity", None),
    ],
)
def test_numbers_as_programs_write_them_are_read(name: str, text: str, number: str | None) -> None:
    assert read_number(name, text) == number
    fields = with_field(name, text)
    assert isinstance(read_record(fields, Reading(AMSTERDAM)), RecordTimes), "no number rejects a session"
    assert unread_numbers(fields) == ({} if number is not None else {name: text})


def test_what_is_noted_is_short() -> None:
    assert noted("x" * 60) == "x" * 60
    assert noted("x" * 61) == "x" * 59 + "…"


@pytest.mark.parametrize("text", ["1.23457E+17", "1,23457E+17", "1E17", "1E+20", "1.23456789012346e+17"])
def test_ids_that_a_spreadsheet_has_cut_are_told(text: str) -> None:
    assert is_ruined(text)


@pytest.mark.parametrize("text", ["123457", "1.5", "E17", "2E3", "12.3E+17", "1.2e+17x", "12e45", "0196a1b2-3c4d"])
def test_other_ids_are_ids(text: str) -> None:
    assert not is_ruined(text)


@pytest.mark.parametrize("around", ["", " ", "\t", "\u00a0", "\ufeff", "\u200b", "\u200e \u2069", "\ufeff\u00a0"])
def test_marks_that_nobody_sees_are_no_part_of_a_field(around: str) -> None:
    assert trimmed(f"{around}a\u200bb{around}") == "a\u200bb"
    assert trimmed(around) == ""


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("26.10.2025 02:30:00", "2025-10-26T01:30:00"),
        # Skipped, or ordinary: there is no second showing.
        ("30.03.2025 02:30:00", "2025-03-30T01:30:00"),
        ("01.05.2025 12:00:00", "2025-05-01T10:00:00"),
    ],
)
def test_only_an_hour_that_is_shown_twice_has_a_second_showing(text: str, utc: str) -> None:
    found = parse_local_time(text, AMSTERDAM, second_showing=True)
    assert found == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_an_end_in_the_hour_that_is_shown_twice_is_tried_both_ways() -> None:
    def times(start: str, end: str) -> RecordTimes | BadField:
        return read_record(csv_fields("id", f"26.10.2025 {start}", f"26.10.2025 {end}"), Reading(AMSTERDAM))

    night = datetime(2025, 10, 26, tzinfo=UTC)
    assert times("02:50:00", "02:10:00") == RecordTimes(night.replace(minute=50), night.replace(hour=1, minute=10))
    assert times("02:10:00", "02:50:00") == RecordTimes(night.replace(minute=10), night.replace(minute=50))
    assert isinstance(times("03:10:00", "02:50:00"), BadField)
    spring = read_record(csv_fields("id", "30.03.2025 03:10:00", "30.03.2025 02:05:00"), Reading(AMSTERDAM))
    assert spring == BadField(
        RejectReason.END_BEFORE_START, "30.03.2025 03:10:00 to 30.03.2025 02:05:00 (Europe/Amsterdam)"
    ), "an hour that is skipped has one meaning"


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
