"""Pieces of work behind the caller's back: in order, one at a time, and none is lost with its error."""

from __future__ import annotations

import threading
from functools import partial
from types import NoneType

import pytest

from livedash_pipeline.behind import working_behind


def _fail() -> None:
    raise ZeroDivisionError


def test_pieces_end_in_their_order_and_hand_over_their_results() -> None:
    with working_behind(int) as behind:
        assert behind.end() is None
        assert [behind.begin(partial(int, number)) for number in range(3)] == [None, 0, 1]
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
    with pytest.raises(ZeroDivisionError), working_behind(NoneType) as behind:
        behind.begin(_fail)
        behind.begin(partial(done.append, "second"))
    assert done == []


def test_the_error_of_the_last_piece_is_raised_at_the_end_of_the_block() -> None:
    with pytest.raises(ZeroDivisionError), working_behind(NoneType) as behind:
        behind.begin(_fail)


def test_an_error_of_the_block_waits_for_the_piece_and_hides_its_error() -> None:
    done: list[str] = []

    def fail_later() -> None:
        done.append("first")
        _fail()

    with pytest.raises(KeyError), working_behind(NoneType) as behind:
        behind.begin(fail_later)
        raise KeyError
    assert done == ["first"]
