"""Times of other tools: what a form reads, what it leaves alone, and which forms cannot be."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.intake.rules.profiles.time_forms import BadTimeFormError, TimeForms, month_names, time_form

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@pytest.mark.parametrize(
    ("form", "text", "utc"),
    [
        ("%d/%m/%Y %H:%M", "1/5/2025 12:00", "2025-05-01T10:00:00"),
        ("%d/%m/%Y", "01/05/2025", "2025-04-30T22:00:00"),
        ("%m/%d/%y, %I:%M %p", "5/1/25, 3:04\u202fPM", "2025-05-01T13:04:00"),
        ("%m/%d/%Y %I:%M:%S %p", "12/31/2025 12:00:01 a.m.", "2025-12-30T23:00:01"),
        ("%d %B %Y %H:%M", "1 mei 2025 12:00", "2025-05-01T10:00:00"),
        ("%A, %d. %b %Y %H:%M", "Donnerstag, 1. Mär. 2025 12:00", "2025-03-01T11:00:00"),
        ("%a %d %b %Y", "do 1 sept 2025", "2025-08-31T22:00:00"),
        ("%d.%m.%y", "01.05.68", "2068-04-30T22:00:00"),
        ("%d.%m.%y", "01.05.69", "1969-04-30T23:00:00"),
        ("%Y%m%d %H%M", "20250501 1200", "2025-05-01T10:00:00"),
        ("%Y-%m-%d %H:%M:%S.%f", "2025-05-01 12:00:00.987", "2025-05-01T10:00:00"),
        ("%Y-%m-%d %H:%M:%S%z", "2025-05-01 12:00:00+02:00", "2025-05-01T10:00:00"),
        ("%Y-%m-%d %H:%M %z", "2025-05-01 12:00 -0330", "2025-05-01T15:30:00"),
        ("%Y-%m-%d %H:%M %z", "2025-05-01 12:00 GMT", "2025-05-01T12:00:00"),
        ("100%% %Y-%m-%d", "100% 2025-05-01", "2025-04-30T22:00:00"),
        ("iso8601", "2025-05-01", "2025-04-30T22:00:00"),
        ("iso8601", "2025-05-01T12:00:00.123456Z", "2025-05-01T12:00:00"),
        ("iso8601", "2025-05-01 12:00 UTC", "2025-05-01T12:00:00"),
        ("iso8601", "2025-05-01T12:00:00+02", "2025-05-01T10:00:00"),
        ("unix", "1746093600", "2025-05-01T10:00:00"),
        ("unix", "1746093600.25", "2025-05-01T10:00:00"),
        ("unix_ms", "1746093600999", "2025-05-01T10:00:00"),
    ],
)
def test_a_form_reads_its_times(form: str, text: str, utc: str) -> None:
    assert time_form(form).read(text, AMSTERDAM) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%d/%m/%Y", "32/01/2025"),
        ("%d/%m/%Y", "1/13/2025"),
        ("%d/%m/%Y %H:%M", "1/1/2025 24:00"),
        ("%d/%m/%Y %I:%M %p", "1/1/2025 13:00 PM"),
        ("%d/%m/%Y", "1/1/2025 x"),
        ("%d %b %Y", "1 hello 2025"),
        ("%Y-%m-%d %z", "2025-01-01 +25:00"),
        ("%Y-%m-%d %z", "2025-01-01 +01:75"),
        ("%Y-%m-%d %H:%M%z", "0001-01-01 00:00+14:00"),
        ("%Y-%m-%d", "0001-01-01"),
        ("iso8601", "2025-13-01"),
        ("unix", "17460936000000"),
    ],
)
def test_what_is_no_time_of_a_form_is_none(form: str, text: str) -> None:
    assert time_form(form).read(text, AMSTERDAM) is None


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("", "no day, month and year"),
        ("%H:%M", "no day, month and year"),
        ("iso", "no day, month and year"),
        ("%d/%m/%Y %Q", "%Q"),
        ("%d/%m/%Y %", "directive"),
        ("%d/%m/%Y %d", "twice"),
        ("%d/%m/%Y %B", "twice"),
        ("%d/%m/%Y %y", "twice"),
        ("%d/%m/%Y %I:%M", "%I without %p"),
        ("%d/%m/%Y %p", "%I without %p"),
        ("%d/%m/%Y" + " " * 100 + "x", "characters"),
    ],
)
def test_forms_that_cannot_be_are_refused(form: str, said: str) -> None:
    with pytest.raises(BadTimeFormError, match=said):
        time_form(form)


def test_forms_are_tried_in_their_order() -> None:
    day_first = TimeForms.of(("%d/%m/%Y", "%m/%d/%Y"))
    assert day_first.read("02/01/2025", AMSTERDAM) == datetime(2025, 1, 1, 23, tzinfo=UTC)
    assert day_first.read("01/31/2025", AMSTERDAM) == datetime(2025, 1, 30, 23, tzinfo=UTC)
    assert day_first.read("never", AMSTERDAM) is None


def test_the_hour_that_is_shown_twice_is_the_first_unless_the_second_is_asked_for() -> None:
    forms = TimeForms.of(("%d/%m/%Y %H:%M",))
    assert forms.read("26/10/2025 02:30", AMSTERDAM) == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    assert forms.read("26/10/2025 02:30", AMSTERDAM, second_showing=True) == datetime(2025, 10, 26, 1, 30, tzinfo=UTC)


def test_months_of_many_languages_are_known() -> None:
    assert {month_names()[name] for name in ("mei", "may", "mai", "mayo", "maggio", "maio")} == {5}


@given(
    st.datetimes(datetime.fromisoformat("1970-01-02"), datetime.fromisoformat("2199-12-30")).map(
        lambda at: at.replace(microsecond=0)
    ),
    st.sampled_from(
        ["%d/%m/%Y %H:%M:%S", "%m-%d-%Y %I:%M:%S %p", "%Y.%m.%d %H:%M:%S", "%d %B %Y, %H:%M:%S", "%b %d, %Y %H:%M:%S"]
    ),
)
def test_a_form_reads_what_strftime_writes_with_it(at: datetime, form: str) -> None:
    assert time_form(form).read(at.strftime(form), ZoneInfo("UTC")) == at.replace(tzinfo=UTC)


@given(st.text(max_size=60))
def test_no_text_is_too_odd_to_be_read_or_refused(text: str) -> None:
    for form in ("iso8601", "%d %b %Y %I:%M %p %z", "unix"):
        moment = time_form(form).read(text, AMSTERDAM)
        assert moment is None or moment.tzinfo is UTC
