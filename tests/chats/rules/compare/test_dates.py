"""Dates in four languages, and what is none."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.chats.rules.compare.dates import take_dates
from livedash_pipeline.chats.rules.compare.folding import fold

MARCH = date(2024, 3, 5)
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("on 2024-03-05.", "on |."),
        ("2024-03-05T10:00", "|t10:00"),
        ("05.03.2024, 5.3.2024; 5. 3. 2024", "|, |; |"),
        ("5 March 2024", "|"),
        ("5th of March 2024", "|"),
        ("March 5, 2024", "|"),
        ("Mar. 5th 2024", "|"),
        ("le 5 mars 2024", "le |"),
        ("5. März 2024", "|"),
        ("5. MÄRZ 2024", "|"),
        ("5 maart 2024", "|"),
        ("5 mrt. 2024", "|"),
        ("٥ March ٢٠٢٤", "|"),
        ("5\u00a0March\n2024", "|"),
    ],
)
def test_a_date_is_taken_with_all_its_digits(text: str, rest: str) -> None:
    assert take_dates(fold(text)) == (frozenset({MARCH}), rest)


@pytest.mark.parametrize(
    "text",
    [
        "03/04/2024",
        "25/12/2024",
        "05-03-2024",
        "2024-3-5",
        "2024-02-30",
        "31.04.2024",
        "30 February 2024",
        "0 March 2024",
        "5 March",
        "March 2024",
        "5 marching 2024",
        "15.3.2024.1",
        "1.5.3.2024",
        "12024-03-05",
        "2024-03-051",
        "5 March 20245",
    ],
)
def test_what_can_be_read_in_two_ways_or_never_was_is_no_date(text: str) -> None:
    assert take_dates(fold(text)) == (frozenset(), fold(text))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1er août 2024", date(2024, 8, 1)),
        ("14 févr. 2025", date(2025, 2, 14)),
        ("31 décembre 2024", date(2024, 12, 31)),
        ("1. Jänner 2024", date(2024, 1, 1)),
        ("3 okt 2024", date(2024, 10, 3)),
        ("1ste mei 2024", date(2024, 5, 1)),
    ],
)
def test_months_have_their_names_in_each_language(text: str, day: date) -> None:
    assert day in take_dates(fold(text))[0]


@given(st.dates(date(1000, 1, 1), date(9999, 12, 31)))
@example(MARCH)
def test_all_notations_of_a_day_are_that_day(day: date) -> None:
    name = MONTHS[day.month - 1]
    written = f"{day} / {day.day}.{day.month}.{day.year} / {day.day} {name} {day.year} / {name} {day.day}, {day.year}"
    assert take_dates(fold(written)) == (frozenset({day}), "| / | / | / |")
