"""Text that Postgres can hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.text import BLANKS, UNSEEN_MARKS, storable_text

ANY_TEXT = st.text(st.characters(codec=None), max_size=200)


@pytest.mark.parametrize(
    ("text", "stored", "replaced"),
    [
        ("", "", False),
        ("plain", "plain", False),
        ("Grüße 👍 \u2028", "Grüße 👍 \u2028", False),
        ("a\x00b", "a\ufffdb", True),
        ("ü\x00", "ü\ufffd", True),
        ("\ud83d alone", "\ufffd alone", True),
        ("\udc00\ud800", "\ufffd\ufffd", True),
        ("\ufffd", "\ufffd", False),
    ],
)
def test_nul_and_surrogates_become_replacement_characters(text: str, stored: str, replaced: bool) -> None:
    assert storable_text(text) == (stored, replaced)


@given(ANY_TEXT)
def test_every_text_becomes_storable_and_keeps_its_length(text: str) -> None:
    stored, replaced = storable_text(text)
    assert "\x00" not in stored.encode("utf-8").decode("utf-8")
    assert len(stored) == len(text)
    assert replaced == (stored != text)


def test_blanks_are_what_python_strips() -> None:
    assert set(BLANKS) == {chr(code) for code in range(0x110000) if chr(code).isspace()}
    assert not set(UNSEEN_MARKS) & set(BLANKS)
    assert not any(mark.isprintable() for mark in UNSEEN_MARKS)
