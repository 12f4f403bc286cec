"""Pieces of work behind the caller's back: in order, one at a time, and none is lost with its error."""

from __future__ import annotations

import threading

import pytest

from livedash_pipeline.behind import working_behind


def test_pieces_end_in_their_order_and_hand_over_their_results() -> None:
    with working_behind(int) as behind:
        assert behind.end() is None
        assert [behind.begin(lambda number=number: number) for number in range(3)] == [None, 0, 1]
        assert behind.end() == 2
        assert behind.end() is None


def test_the_caller_goes_on_while_a_piece_runs() -> None:
    may_end = threading.Event()
    with working_behind(bool) as behind:
        behind.begin(lambda: may_end.wait(60))
        may_end.set()
        assert behind.end() is True


def test_an_error_stops_the_next_piece() -> None:
    done: list[str] = []
    with pytest.raises(ZeroDivisionError), working_behind(float) as behind:
        behind.begin(lambda: 1 / 0)
        behind.begin(lambda: done.append("second") or 0.0)
    assert done == []


def test_the_error_of_the_last_piece_is_raised_at_the_end_of_the_block() -> None:
    with pytest.raises(ZeroDivisionError), working_behind(float) as behind:
        behind.begin(lambda: 1 / 0)


def test_an_error_of_the_block_waits_for_the_piece_and_hides_its_error() -> None:
    done: list[str] = []
    with pytest.raises(KeyError), working_behind(float) as behind:
        behind.begin(lambda: done.append("first") or 1 / 0)
        raise KeyError
    assert done == ["first"]
