"""Months of the archive are those of UTC, and over before they are archived."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from livedash_pipeline.archive.rules.months import Month, month_of, read_month


@pytest.mark.parametrize("text", ["2026-03", " 2026-03 "])
def test_a_month_is_read_as_people_write_it(text: str) -> None:
    assert read_month(text) == Month(2026, 3)
    assert str(Month(2026, 3)) == "2026-03"


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-3", "2026-13", "2026-00", "0000-01", "9999-01", "2026-03-01", "２０２６-03"]
)
def test_anything_else_is_no_month(text: str) -> None:
    assert read_month(text) is None


def test_a_month_ends_where_the_next_one_begins() -> None:
    assert Month(2025, 12).end == Month(2026, 1).start == datetime(2026, 1, 1, tzinfo=UTC)
    assert Month(2024, 2).end - Month(2024, 2).start == timedelta(days=29)
    assert Month(2026, 3).first_day == date(2026, 3, 1)
    assert month_of(date(2026, 3, 31)) == Month(2026, 3)


def test_a_month_is_past_with_its_last_moment() -> None:
    end = Month(2026, 3).end
    assert not Month(2026, 3).is_past(end - timedelta(microseconds=1))
    assert Month(2026, 3).is_past(end)
