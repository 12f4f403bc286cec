"""The difference of two clocks, over everything that may lie between a question and its answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.overview.rules.clocks import ahead_by

ASKED = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
_WAITS = st.timedeltas(timedelta(0), timedelta(seconds=30))


@pytest.mark.parametrize(
    ("stated", "answered", "expected"), [(0, 20, 0), (-1, 20, 0), (20, 20, 0), (25, 20, 5), (-8, 20, -7), (-8, 0, -7)]
)
def test_a_slow_answer_shows_no_wrong_clock(stated: int, answered: int, expected: int) -> None:
    ahead = ahead_by(ASKED + stated * SECOND, before=ASKED, after=ASKED + answered * SECOND, resolution=SECOND)
    assert ahead == expected * SECOND


@given(_WAITS, _WAITS, st.timedeltas(timedelta(days=-2), timedelta(days=2)))
def test_the_true_difference_is_never_overstated(
    before_read: timedelta, after_read: timedelta, true: timedelta
) -> None:
    read = ASKED + before_read
    stated = (read + true).replace(microsecond=0)
    shown = ahead_by(stated, before=ASKED, after=read + after_read, resolution=SECOND)
    assert abs(shown) <= abs(true)
    assert abs(true - shown) <= before_read + after_read + SECOND
