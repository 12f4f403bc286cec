"""Values as cells that a spreadsheet shows as they are."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.chats.rules.results.cells import MOST_CHARACTERS, sheet_cell, text_cell
from livedash_pipeline.chats.rules.results.rows import Value
from tests.support.result_rows import IN_UTC, STARTED


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        ("", ""),
        (" padded ", " padded "),
        (STARTED, IN_UTC),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("0.0000"), "0"),
        (Decimal("-1.50"), "-1.5"),
        ([], ""),
        (("https://a.example", "=1+1"), "https://a.example\n'=1+1"),
        ("=1+1", "'=1+1"),
        ("half \ud83d", "half \ufffd"),
        (["half \ud83d"], "half \ufffd"),
        ("a\x00b\r\nc", "a\ufffdb\nc"),
    ],
)
def test_each_kind_of_value_is_text_that_is_no_formula(value: Value, written: str) -> None:
    assert text_cell(value) == written


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@given(st.sampled_from(["a", "👩", "é"]), st.integers(MOST_CHARACTERS // 2 - 2, MOST_CHARACTERS + 2), st.booleans())
@example("a", 10, False)
@example("a", MOST_CHARACTERS, False)
@example("a", MOST_CHARACTERS + 1, False)
@example("👩", MOST_CHARACTERS // 2, True)
@example("👩", MOST_CHARACTERS // 2, False)
@example("👩", MOST_CHARACTERS, True)
@example("👩", MOST_CHARACTERS, False)
def test_a_text_is_cut_only_where_no_cell_can_hold_it(letter: str, length: int, shifted: bool) -> None:
    text = "b" * (1 + shifted) + letter * length
    written, cut = sheet_cell(text)
    assert cut == (units(text) > MOST_CHARACTERS)
    if not cut:
        assert written == text
        return
    kept, _, mark = written.partition(" … [")
    assert mark == f"cut from {len(text)} characters]"
    assert text.startswith(kept)
    assert MOST_CHARACTERS - 1 <= units(written) <= MOST_CHARACTERS


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<r><t>1</t></r>", "'<r><t>1</t></r>"),
        ("<r> and more", "<r> and more"),
        ("a</r>", "a</r>"),
    ],
)
def test_text_that_looks_like_markup_of_a_sheet_is_told_apart(text: str, written: str) -> None:
    assert sheet_cell(text) == (written, False)
