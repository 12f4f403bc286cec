"""What lies behind an exception, whatever the graph that its causes, contexts and groups make."""

from __future__ import annotations

from asyncio import CancelledError

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.causes import causes_of, interruption_of

_SIZE = 12
_LINKS = st.lists(
    st.tuples(st.integers(0, _SIZE - 1), st.integers(0, _SIZE - 1), st.sampled_from(["__cause__", "__context__"])),
    max_size=40,
)
_GROUPS = st.lists(st.lists(st.integers(0, _SIZE - 1), min_size=1, max_size=4), max_size=3)


@given(_LINKS, _GROUPS)
@example([(0, 1, "__cause__"), (1, 0, "__context__")], [[2, 3]])
def test_every_exception_of_any_graph_is_met_once(links: list[tuple[int, int, str]], groups: list[list[int]]) -> None:
    plain = [ValueError(number) for number in range(_SIZE)]
    grouped = [ExceptionGroup("several", [plain[number] for number in members]) for members in groups]
    errors: list[Exception] = [*plain, *grouped]
    for source, target, kind in links:
        # Groups are linked as well, and to themselves.
        setattr(errors[source % len(errors)], kind, errors[(target + len(plain)) % len(errors)])
    for start in errors:
        met = list(causes_of(start))
        assert met[0] is start
        assert len({id(error) for error in met}) == len(met)
        assert {id(error) for error in met} == _reachable(start)


def _reachable(start: BaseException) -> set[int]:
    """The same by another way: a set that grows until nothing new is in it."""
    found = {id(start): start}
    while True:
        following = {
            id(other): other
            for error in found.values()
            for other in (error.__cause__, error.__context__, *getattr(error, "exceptions", ()))
            if other is not None
        }
        if following.keys() <= found.keys():
            return set(found)
        found |= following


def test_nothing_lies_behind_nothing() -> None:
    assert list(causes_of(None)) == []


def test_an_exception_that_is_its_own_cause_is_met_once() -> None:
    error = OSError("full")
    error.__cause__ = error
    assert list(causes_of(error)) == [error]


def test_a_context_is_seen_beside_a_cause() -> None:
    error, cause, context = ValueError("a"), KeyError("b"), OSError("c")
    error.__cause__, error.__context__ = cause, context
    assert list(causes_of(error)) == [error, cause, context]


def test_a_chain_of_any_length_is_followed_to_its_end() -> None:
    first = error = ValueError(0)
    for number in range(1, 50_000):
        error.__context__ = ValueError(number)
        error = error.__context__
    assert sum(1 for _ in causes_of(first)) == 50_000


class TerminatedByAPerson(BaseException):
    """As Dagster ends a run."""


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), SystemExit(1), TerminatedByAPerson()])
def test_an_interruption_is_found_behind_an_error(interruption: BaseException) -> None:
    assert interruption_of(interruption) is interruption
    error = ValueError("the statement was lost")
    assert interruption_of(error) is None
    error.__context__ = interruption
    assert interruption_of(error) is interruption


@pytest.mark.parametrize("end", [CancelledError(), GeneratorExit()])
def test_what_the_program_ends_by_itself_is_no_interruption(end: BaseException) -> None:
    error = TimeoutError("too slow")
    error.__cause__ = end
    assert interruption_of(error) is None
