"""The state machines as tables: complete, without ways back to life, and with an end for everything."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.states import (
    BATCH_MOVES,
    ENDED_BATCHES,
    LIVE_BATCHES,
    OPEN_REQUESTS,
    REQUEST_MOVES,
    STAGE_MOVES,
    BatchStatus,
    RequestStatus,
    StageStatus,
    is_done,
    is_ready,
    sources_of,
)

TABLES: list[tuple[type[StrEnum], Mapping[Any, frozenset[Any]]]] = [
    (BatchStatus, BATCH_MOVES),
    (RequestStatus, REQUEST_MOVES),
    (StageStatus, STAGE_MOVES),
]


@pytest.mark.parametrize(("states", "moves"), TABLES)
def test_every_state_stands_in_its_table(states: type[StrEnum], moves: Mapping[Any, frozenset[Any]]) -> None:
    assert set(moves) == set(states)
    assert all(after in moves for targets in moves.values() for after in targets)


@pytest.mark.parametrize(("states", "moves"), TABLES)
def test_sources_are_the_moves_read_backwards(states: type[StrEnum], moves: Mapping[Any, frozenset[Any]]) -> None:
    for after in states:
        assert set(sources_of(moves, after)) == {before for before in states if after in moves[before]}


@given(st.lists(st.sampled_from(BatchStatus)))
def test_a_batch_only_goes_forward(observed: list[BatchStatus]) -> None:
    order = list(BatchStatus)
    status, seen = BatchStatus.PENDING, [BatchStatus.PENDING]
    for after in observed:
        if after in BATCH_MOVES[status]:
            status = after
            seen.append(status)
    places = [min(order.index(status), order.index(BatchStatus.COMPLETED)) for status in seen]
    assert places[:-1] == sorted(set(places[:-1]))
    assert all(status in LIVE_BATCHES for status in seen[:-2])


def test_every_live_batch_can_end_and_no_ended_one_comes_back() -> None:
    for live in LIVE_BATCHES:
        assert BatchStatus.FAILED in BATCH_MOVES[live]
        assert BatchStatus.CANCELLED in BATCH_MOVES[live]
    for ended in ENDED_BATCHES:
        assert BATCH_MOVES[ended] <= {BatchStatus.PROCESSED}
    assert {*LIVE_BATCHES, *ENDED_BATCHES, BatchStatus.PROCESSED} == set(BatchStatus)


def test_a_complete_request_stays_and_a_failed_one_can_be_requeued_or_reread() -> None:
    assert REQUEST_MOVES[RequestStatus.PROCESSING_COMPLETE] == frozenset()
    assert REQUEST_MOVES[RequestStatus.PROCESSING_FAILED] == {
        RequestStatus.PENDING_BATCHING,
        RequestStatus.PROCESSING_COMPLETE,
    }
    assert set(OPEN_REQUESTS) == set(RequestStatus) - {
        RequestStatus.PROCESSING_COMPLETE,
        RequestStatus.PROCESSING_FAILED,
    }


@pytest.mark.parametrize(
    ("stages", "ready", "done"),
    [
        ([], True, True),
        (["COMPLETED", "SKIPPED"], True, True),
        (["COMPLETED", "PENDING"], False, False),
        (["FAILED", "PENDING"], False, True),
        (["IN_PROGRESS"], False, False),
        (["FAILED", "IN_PROGRESS"], False, False),
    ],
)
def test_a_session_is_done_when_nothing_more_happens_by_itself(stages: list[str], ready: bool, done: bool) -> None:
    statuses = list(map(StageStatus, stages))
    assert (is_ready(statuses), is_done(statuses)) == (ready, done)
