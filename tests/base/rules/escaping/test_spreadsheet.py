"""Cells that no spreadsheet takes for a formula, and that still say what they said."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.escaping.spreadsheet import cell, safe_text

STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
TRICKY = st.text(st.sampled_from("=+-@\t\r\n;,\"' \u00a0\ufeff\u200b1a|\x00\x85\u2028"), max_size=20)


def cells_of(written: str, delimiter: str) -> list[str]:
    """What a spreadsheet that cuts at `delimiter` makes of an export with the text in its second column."""
    line = io.StringIO()
    csv.writer(line).writerow(["0190b5a5", written, "last"])
    rows = csv.reader(io.StringIO(line.getvalue(), newline=""), delimiter=delimiter)
    return [found for row in rows for found in row]


@pytest.mark.parametrize("start", STARTS)
def test_text_that_begins_like_a_formula_gets_an_apostrophe(start: str) -> None:
    assert cell(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"
    assert cell([f"{start}1+1", "what?"]) == f"'{start}1+1\nwhat?"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("hello;=1+1", "hello;'=1+1"),
        ("hello; =1+1", "hello; '=1+1"),
        ('a;"=1+1"', 'a;"\'=1+1"'),
        ('a;""@x', 'a;""\'@x'),
        ("a\t=1", "a\t'=1"),
        ("a\n-cmd", "a\n'-cmd"),
        ("a\r\n+cmd", "a\n'+cmd"),
        ("a\r=cmd", "a\n'=cmd"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\n'=1"),
        (" =1", " '=1"),
        ("\ufeff=1", "\ufeff'=1"),
        ("a;-5", "a;'-5"),
    ],
)
def test_text_that_another_country_would_cut_is_safe_behind_each_cut(text: str, written: str) -> None:
    assert cell(text) == written


@pytest.mark.parametrize("number", ["-5", "-0.5", "12", "007"])
def test_a_number_stays_a_number(number: str) -> None:
    assert cell(number) == number


def test_values_are_written_as_people_and_programs_read_them() -> None:
    moment = datetime(2025, 5, 1, 12, 0, tzinfo=UTC)
    row = [None, True, False, 3, -2, moment, ["a", "b"], [], "plain"]
    assert [cell(value) for value in row] == [
        "", "true", "false", "3", "-2", "2025-05-01T12:00:00+00:00", "a\nb", "", "plain",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["Wat is dit?", "a-b; c+d", "x = y", "mail@example.com", 'he said "no"; then', "één\ntwee", "it's", "1;2", "👩‍💻"],
)
def test_ordinary_text_is_written_as_it_is(text: str) -> None:
    assert cell(text) == text


def test_control_characters_are_shown_as_such() -> None:
    assert cell("a\x00b\x07c\x1bd\x7fe\x9ff\tg\nh") == "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\tg\nh"


@given(st.one_of(TRICKY, st.text(max_size=40)), st.sampled_from(",;\t"))
def test_no_cell_is_a_formula_whatever_cuts_the_line(text: str, delimiter: str) -> None:
    for found in cells_of(safe_text(text), delimiter):
        begins = re.sub('^[\\s"\ufeff\u200b-\u200f\u2060]+', "", found)
        if begins.startswith(STARTS):
            float(begins)


@given(st.one_of(TRICKY, st.text(max_size=40)))
def test_nothing_but_apostrophes_is_added_and_nothing_is_lost(text: str) -> None:
    written = safe_text(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", written)
    ordinary = re.sub(
        "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]", "\ufffd", re.sub("\r\n?|\x85", "\n", text)
    )
    assert written.replace("'", "") == ordinary.replace("'", "")
    assert len(written) - len(ordinary) == written.count("'") - text.count("'")
    assert safe_text(written) == written


@pytest.mark.parametrize("character", ["\u2028", ";", " ", '"'])
def test_a_long_run_of_separators_is_read_once(character: str) -> None:
    assert safe_text(character * 200_000 + "x") == character * 200_000 + "x"
