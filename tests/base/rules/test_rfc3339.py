"""Moments of RFC 3339 are read as they are written, and nothing else is a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.rfc3339 import parse_moment, utc_text

ZONES = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=ZONES))  # noqa: DTZ001 - zones are added
def test_what_python_writes_is_read_back(moment: datetime) -> None:
    found = parse_moment(moment.isoformat(timespec="microseconds"))
    assert found == moment
    assert found.utcoffset() == moment.utcoffset()


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=ZONES), st.booleans())  # noqa: DTZ001 - as above
@example(datetime(2025, 5, 1, 12, 30, 5, tzinfo=UTC), True)
@example(datetime(2025, 5, 1, 12, 30, 5, 70, tzinfo=UTC), False)
def test_a_text_in_utc_is_what_python_writes(moment: datetime, whole: bool) -> None:
    moment = moment.replace(microsecond=0) if whole else moment
    assert utc_text(moment) == moment.astimezone(UTC).isoformat()


@given(st.text(alphabet="0123456789-:.TtZz +", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    found = parse_moment(text)
    assert found is None or found.astimezone(UTC).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2025-05-01T12:00:00Z", "2025-05-01T12:00:00+00:00"),
        ("2025-05-01t12:00:00.5z", "2025-05-01T12:00:00.500000+00:00"),
        ("2025-05-01 12:00:00.1234569+02:00", "2025-05-01T10:00:00.123456+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
        ("0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00+00:00"),
        ("0000-02-29T00:00:00Z", "0001-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:60Z", "9999-12-31T23:59:59.999999+00:00"),
        ("9999-12-31T23:59:59-01:00", "9999-12-31T23:59:59.999999+00:00"),
    ],
)
def test_moments_at_the_edges(text: str, utc: str) -> None:
    found = parse_moment(text)
    assert found is not None
    assert found.astimezone(UTC).isoformat() == utc


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-05-01",
        "2025-05-01T12:00:00",
        "2025-05-01T12:00Z",
        "2025-02-29T12:00:00Z",
        "2025-05-01T24:00:00Z",
        "2025-05-01T12:00:61Z",
        "2025-05-01T12:00:00+24:00",
        "2025-05-01T12:00:00+02:60",
        "2025-05-01T12:00:00 02:00",
        "1746093600",
        "٢٠٢٥-05-01T12:00:00Z",
        "2025-05-01T12:00:00Z\n",
    ],
)
def test_anything_else_is_no_moment(text: str) -> None:
    assert parse_moment(text) is None
