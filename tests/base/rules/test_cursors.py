"""Cursors go on where a page ended, and only within the query that they were made with."""

from __future__ import annotations

from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.cursors import make_cursor, make_row_cursor, read_cursor, read_row_cursor

FILTERS = {"list": "failed_sessions", "stage": None, "company": "acme"}


@given(st.uuids(), st.integers(-(2**31), 2**31 - 1))
@example(UUID(int=1), -(2**31))
def test_a_cursor_goes_on_where_it_was_made(last: UUID, place: int) -> None:
    assert read_cursor(make_cursor(last, FILTERS), FILTERS) == last
    assert read_row_cursor(make_row_cursor(last, place, FILTERS), FILTERS) == (last, place)


@given(st.uuids())
@example(UUID(int=1))
def test_a_cursor_of_another_query_or_kind_is_refused(last: UUID) -> None:
    other = FILTERS | {"company": "globex"}
    assert read_row_cursor(make_row_cursor(last, 1, other), FILTERS) is None
    assert read_row_cursor(make_cursor(last, FILTERS), FILTERS) is None
    assert read_cursor(make_row_cursor(last, 1, FILTERS), FILTERS) is None


@given(st.text())
@example("é")
@example("AAAA")
def test_any_text_is_read_or_refused(text: str) -> None:
    assert read_row_cursor(text, FILTERS) is None
