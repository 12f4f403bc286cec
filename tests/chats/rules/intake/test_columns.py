"""Headers, and names that are made distinct."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.chats.rules.intake.columns import distinct_names, plain_name


@pytest.mark.parametrize(
    ("header", "plain"),
    [
        (" Redacted_Question ", "redactedquestion"),
        ("Problem-Details", "problemdetails"),
        ("PROBLEM\u00a0DETAILS\n", "problemdetails"),
        ("Ｑｕｅｓｔｉｏｎ", "question"),
        ("chat\u2013ID", "chatid"),
        ("", ""),
    ],
)
def test_headers_are_compared_in_their_plain_form(header: str, plain: str) -> None:
    assert plain_name(header) == plain


def test_repeated_names_get_numbers_that_are_free() -> None:
    assert distinct_names(["a", "b", "a", "a (2)", "a"]) == ("a", "b", "a (3)", "a (2)", "a (4)")
    assert distinct_names(["a (2)", "a", "a"]) == ("a (2)", "a", "a (3)")


@given(st.lists(st.sampled_from(["a", "a (2)", "a (3)", "a (2) (2)", "b", ""])))
def test_distinct_names_are_distinct_and_keep_the_first(columns: list[str]) -> None:
    names = distinct_names(columns)
    assert len(set(names)) == len(columns)
    assert {names[columns.index(name)] for name in columns} == set(columns)
