"""Cursors of feeds in order of time go on where a page ended, and within the feed that they were made with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.cursors import make_cursor, make_moment_cursor, read_cursor, read_moment_cursor

FILTERS = {"feed": "results", "since": None}
MOMENTS = st.integers(-(10**15), 10**16).map(lambda n: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=n))


@given(MOMENTS, st.uuids())
@example(datetime(2025, 5, 1, tzinfo=UTC), UUID(int=1))
def test_a_cursor_goes_on_where_it_was_made(at: datetime, last: UUID) -> None:
    assert read_moment_cursor(make_moment_cursor(at, last, FILTERS), FILTERS) == (at, last)


@given(MOMENTS, st.uuids())
@example(datetime(2025, 5, 1, tzinfo=UTC), UUID(int=1))
def test_a_cursor_of_another_query_or_kind_is_refused(at: datetime, last: UUID) -> None:
    cursor = make_moment_cursor(at, last, FILTERS)
    assert read_moment_cursor(cursor, FILTERS | {"since": "x"}) is None
    assert read_cursor(cursor, FILTERS) is None
    assert read_moment_cursor(make_cursor(last, FILTERS), FILTERS) is None


@given(st.text() | st.binary(max_size=40).map(lambda raw: raw.hex()))
def test_any_text_is_read_or_refused(text: str) -> None:
    found = read_moment_cursor(text, FILTERS)
    assert found is None or found[0].tzinfo is UTC


def test_a_moment_beyond_the_calendar_is_refused() -> None:
    import base64

    from livedash_pipeline.base.rules.cursors import _hash

    raw = (2**62).to_bytes(8, signed=True) + bytes(16) + _hash(FILTERS)
    assert read_moment_cursor(base64.urlsafe_b64encode(raw).decode().rstrip("="), FILTERS) is None
