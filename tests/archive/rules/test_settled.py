"""Which sessions are settled, reason by reason, and how they are split for memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.archive.rules.months import Month
from livedash_pipeline.archive.rules.settled import SessionState, Unsettled, groups_of, why_unsettled
from livedash_pipeline.base.rules.states import StageStatus, is_done

MARCH = Month(2026, 3)
S = StageStatus
SETTLED = SessionState(
    start_time=datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC),
    stages=[S.COMPLETED] * 5,
    is_erased=False,
    is_stale=False,
    has_open_request=False,
    is_fetch_due=False,
    is_derivation_due=False,
)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"start_time": MARCH.start}, None),
        ({"start_time": MARCH.start - timedelta(microseconds=1)}, Unsettled.OTHER_MONTH),
        ({"start_time": MARCH.end}, Unsettled.OTHER_MONTH),
        ({"is_erased": True}, Unsettled.ERASED),
        ({"is_stale": True}, Unsettled.STALE),
        ({"has_open_request": True}, Unsettled.OPEN_REQUEST),
        ({"stages": [S.COMPLETED, S.PENDING]}, Unsettled.STAGE_NOT_DONE),
        ({"stages": [S.COMPLETED, S.IN_PROGRESS]}, Unsettled.STAGE_NOT_DONE),
        ({"stages": [S.FAILED, S.IN_PROGRESS]}, Unsettled.STAGE_NOT_DONE),
        # Nothing more happens to these by itself.
        ({"stages": [S.COMPLETED, S.FAILED, S.PENDING]}, None),
        ({"stages": [S.COMPLETED, S.SKIPPED, S.COMPLETED]}, None),
        ({"is_fetch_due": True}, Unsettled.FETCH_DUE),
        ({"is_derivation_due": True}, Unsettled.DERIVATION_DUE),
    ],
)
def test_a_session_is_settled_unless_something_is_open_or_due(
    change: dict[str, object], reason: Unsettled | None
) -> None:
    assert why_unsettled(replace(SETTLED, **change), MARCH) == reason  # type: ignore[arg-type]


@given(
    st.builds(
        SessionState,
        start_time=st.integers(-40, 70).map(lambda days: MARCH.start + timedelta(days=days)),
        stages=st.lists(st.sampled_from(StageStatus), max_size=6),
        is_erased=st.booleans(),
        is_stale=st.booleans(),
        has_open_request=st.booleans(),
        is_fetch_due=st.booleans(),
        is_derivation_due=st.booleans(),
    )
)
@example(SETTLED)
def test_no_session_with_anything_open_or_due_is_settled(state: SessionState) -> None:
    quiet = not (
        state.is_erased or state.is_stale or state.has_open_request or state.is_fetch_due or state.is_derivation_due
    )
    expected = MARCH.start <= state.start_time < MARCH.end and quiet and is_done(state.stages)
    assert (why_unsettled(state, MARCH) is None) == expected


@dataclass(frozen=True)
class Sized:
    text_bytes: int


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [
        ([], []),
        ([1], [[1]]),
        ([1, 1, 1], [[1, 1], [1]]),
        ([9, 1, 1], [[9, 1], [1]]),
        ([9, 2], [[9], [2]]),
        # Larger than memory allows: nobody can split it.
        ([99, 1], [[99], [1]]),
        ([1, 99], [[1], [99]]),
    ],
)
def test_sessions_are_split_by_number_and_size(sizes: list[int], groups: list[list[int]]) -> None:
    split = groups_of(map(Sized, sizes), most_sessions=2, most_bytes=10)
    assert [[each.text_bytes for each in group] for group in split] == groups
