"""Ids are read from whatever people paste, and what is none is counted."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.ids import read_id, read_ids


@given(st.uuids(), st.sampled_from(["", " ", "\n"]))
def test_an_id_is_read_with_blanks_around_it(wanted: UUID, blank: str) -> None:
    assert read_id(f"{blank}{wanted}{blank}") == wanted


@given(st.text(max_size=20))
def test_text_that_is_too_short_is_no_id(text: str) -> None:
    assert read_id(text) is None


def test_ids_are_distinct_in_their_order_and_the_rest_is_counted_once() -> None:
    first, second = UUID(int=2), UUID(int=1)
    assert read_ids([str(first), "x", str(second), f" {first}", "x", "y"]) == ([first, second], 2)
    assert read_ids([]) == ([], 0)
