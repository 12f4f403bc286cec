"""Cells that no spreadsheet takes for a formula, and that still say what they said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.core.spreadsheet import cell, safe_text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_text_that_begins_like_a_formula_gets_an_apostrophe(start: str) -> None:
    assert cell(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"
    assert cell([f"{start}1+1", "what?"]) == f"'{start}1+1\nwhat?"


@pytest.mark.parametrize("number", ["-5", "-0.5", "12", "007"])
def test_a_number_stays_a_number(number: str) -> None:
    assert cell(number) == number


def test_values_are_written_as_people_and_programs_read_them() -> None:
    moment = datetime(2025, 5, 1, 12, 0, tzinfo=UTC)
    row = [None, True, False, 3, -2, moment, ["a", "b"], [], "plain"]
    assert [cell(value) for value in row] == [
        "", "true", "false", "3", "-2", "2025-05-01T12:00:00+00:00", "a\nb", "", "plain",
    ]  # fmt: skip


@given(st.text())
def test_no_text_begins_like_a_formula_afterwards_and_none_is_lost(text: str) -> None:
    written = safe_text(text)
    assert written in (text, f"'{text}")
    if written[:1] in ("=", "+", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"):
        raise AssertionError(written)
    if written.startswith("-"):
        float(written)
