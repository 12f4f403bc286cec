"""How long a pause is: what the service asks, or ever longer by itself, and never without end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.ledger.rules.admission.pauses import (
    LONGEST_ASKED,
    LONGEST_PAUSE,
    Pause,
    asks_for_pause,
    next_pause,
)
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind, classify_api_error, no_answer
from tests.conftest import NOW


def limited(retry_after: float | None = None) -> ApiFailure:
    return classify_api_error(429, "rate_limit_exceeded", None, "Too many.", retry_after)


@pytest.mark.parametrize(
    ("failure", "pauses"),
    [
        (limited(), True),
        (limited(3.0), True),
        (classify_api_error(503, None, None, "Later.", 20.0), True),
        (classify_api_error(503, None, None, "Later."), False),
        (classify_api_error(429, "insufficient_quota", None, "No credit.", 20.0), False),
        (classify_api_error(401, "invalid_api_key", None, "No."), False),
        (no_answer(FailureKind.TIMEOUT, "no answer"), False),
    ],
)
def test_only_a_service_that_asks_for_fewer_calls_is_left_alone(failure: ApiFailure, pauses: bool) -> None:
    assert asks_for_pause(failure) is pauses


def test_pauses_in_a_row_double_and_a_long_peace_forgets_them() -> None:
    pause, lengths = None, []
    now = NOW
    for _ in range(9):
        pause = next_pause(limited(), known=pause, now=now)
        lengths.append((pause.until - now).total_seconds())
        now = pause.until + timedelta(seconds=1)
    assert lengths == [5, 10, 20, 40, 80, 160, 320, 600, 600]
    assert next_pause(limited(), known=pause, now=now + timedelta(minutes=11)).times == 1


def test_what_was_under_way_before_a_pause_counts_as_the_same_one() -> None:
    first = next_pause(limited(), known=None, now=NOW)
    assert next_pause(limited(), known=first, now=NOW + timedelta(seconds=1)) == first
    longer = next_pause(limited(60.0), known=first, now=NOW + timedelta(seconds=1))
    assert longer == Pause(NOW + timedelta(seconds=61), 1)


@given(st.lists(st.tuples(st.floats(0, 2000), st.none() | st.floats(-10, 1e7)), max_size=30))
def test_no_pause_is_shortened_or_longer_than_the_longest(events: list[tuple[float, float | None]]) -> None:
    pause, now = None, NOW
    for seconds, asked in events:
        now += timedelta(seconds=seconds)
        after = next_pause(limited(asked), known=pause, now=now)
        assert now < after.until <= now + max(LONGEST_PAUSE, LONGEST_ASKED)
        assert pause is None or after.until >= pause.until
        pause = after
