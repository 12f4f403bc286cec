"""Looks at incomplete results: how far apart they are, and when they are believed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.ledger.rules.results.short_results import (
    BELIEVED_SPAN,
    ShortLooks,
    after_look,
    describe_waiting,
    kind_of_fault,
    wait_after,
)
from tests.conftest import NOW

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("looks", "minutes_ago", "same", "believable", "left", "believed"),
    [
        # looks before, minutes since the first of them, same as then, believable, looks now, believed now
        (0, 0, False, True, 1, False),
        (1, 0, True, True, 2, False),
        (2, 0, True, True, 3, False),
        (2, 59, True, True, 3, False),
        (2, 60, True, True, 3, True),
        (1, 600, True, True, 2, False),
        (2, 600, False, True, 1, False),
        (2, 600, True, False, 3, False),
        (99, 60_000, True, False, 100, False),
    ],
)
def test_three_equal_looks_over_an_hour_are_believed(
    looks: int, minutes_ago: int, same: bool, believable: bool, left: int, believed: bool
) -> None:
    before = ShortLooks(looks, NOW - minutes_ago * MINUTE) if looks else None
    step = after_look(before, same=same, believable=believable, now=NOW)
    assert (step.looks.looks, step.believed) == (left, believed)
    assert step.next_at == NOW + wait_after(left)


def test_a_fault_is_the_same_whatever_it_counts() -> None:
    said = "{} bytes of the output file came, and the service states {}"
    assert kind_of_fault(said.format(17, 20)) == kind_of_fault(said.format(1999, 2000)) == said.format("#", "#")


def test_waits_grow_up_to_six_hours() -> None:
    waits = [wait_after(looks) for looks in range(1, 20)]
    assert waits == sorted(waits) and waits[0] < waits[1] < waits[2]
    assert waits[-1] == timedelta(hours=6)
    assert waits[0] + waits[1] >= BELIEVED_SPAN


@given(st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=12))
def test_nothing_is_believed_within_an_hour_of_the_first_equal_look(steps: list[tuple[int, bool]]) -> None:
    now, before, first = NOW, None, NOW
    for minutes, same in steps:
        now += minutes * MINUTE
        step = after_look(before, same=same, believable=True, now=now)
        first = first if before is not None and same else now
        assert step.looks.since == first and step.next_at > now
        assert not step.believed or (step.looks.looks >= 3 and now - first >= BELIEVED_SPAN)
        before = step.looks


def test_waiting_is_described_with_its_end() -> None:
    assert describe_waiting(1, NOW).startswith("1 batch waits for whole files; the next look is at 2025-05-01 12:00:00")
    assert describe_waiting(2, NOW).startswith("2 batches wait")
