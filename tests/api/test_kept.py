"""Answers that are computed beside the pages that show them."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from functools import partial

import pytest

from livedash_pipeline.api.http.kept import KeptAnswers
from livedash_pipeline.errors import UsageError

LONG = 60.0


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_takes_no_time_is_there_at_once() -> None:
    kept = KeptAnswers(Clock(), patience=LONG)
    found = kept.look("q", lambda: 1)
    assert (found.value, found.is_known, found.failure) == (1, True, None)


def test_nobody_waits_for_what_takes_long() -> None:
    kept, go_on = KeptAnswers(Clock(), patience=0.01), threading.Event()

    def work() -> int:
        assert go_on.wait(LONG)
        return 1

    assert not kept.look("q", work).is_known
    assert not kept.look("q", work).is_known
    go_on.set()
    assert kept.look("q", work, patience=LONG).value == 1


def test_an_old_answer_is_shown_while_a_new_one_is_computed() -> None:
    clock = Clock()
    kept, go_on, values = KeptAnswers(clock, patience=LONG), threading.Event(), iter((1, 2))

    def work() -> int:
        value = next(values)
        if value == 2:
            assert go_on.wait(LONG)
        return value

    kept.look("q", work)
    clock.now = 0.9
    assert kept.look("q", work).age == pytest.approx(0.9)
    clock.now = 1000.0
    old = kept.look("q", work, patience=0.0)
    assert (old.value, old.age) == (1, 1000.0)
    go_on.set()
    assert kept.look("q", work, patience=LONG).value == 2


def test_a_change_has_everything_computed_anew() -> None:
    kept, values = KeptAnswers(Clock(), patience=LONG), iter(range(9))
    assert kept.look("q", lambda: next(values)).value == 0
    assert kept.look("q", lambda: next(values)).value == 0
    kept.outdate()
    assert kept.look("q", lambda: next(values)).value == 1


def test_two_questions_have_two_answers() -> None:
    kept = KeptAnswers(Clock(), patience=LONG)
    assert [kept.look(("q", company), partial(str, company)).value for company in ("a", "b", "a")] == ["a", "b", "a"]


def test_a_failure_leaves_the_last_answer() -> None:
    clock = Clock()
    kept = KeptAnswers(clock, patience=LONG)

    def fail() -> int:
        raise UsageError("no")

    first = kept.look("q", fail)
    assert (first.is_known, type(first.failure)) == (False, UsageError)
    clock.now = 500.0
    assert kept.look("q", lambda: 1).value == 1
    clock.now = 1000.0
    later = kept.look("q", fail, patience=LONG)
    assert (later.value, type(later.failure)) == (1, UsageError)


def test_at_most_two_are_computed_at_once() -> None:
    kept, go_on, running, most = KeptAnswers(Clock(), patience=0.01), threading.Event(), [0], [0]
    lock = threading.Lock()

    def work() -> int:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        assert go_on.wait(LONG)
        with lock:
            running[0] -= 1
        return 1

    for key in range(5):
        kept.look(key, work)
    go_on.set()
    kept.close(seconds=LONG)
    assert most[0] == 2
    assert all(kept.look(key, work, patience=LONG).value == 1 for key in range(5))


def test_the_question_that_was_asked_longest_ago_is_forgotten() -> None:
    kept, asked = KeptAnswers(Clock(), patience=LONG), []

    def work(key: int) -> int:
        asked.append(key)
        return key

    for key in range(300):
        kept.look(key, partial(work, key))
    kept.look(299, lambda: work(299))
    kept.look(0, lambda: work(0))
    assert asked == [*range(300), 0]


def test_no_more_than_a_few_questions_are_under_way() -> None:
    kept, go_on, asked = KeptAnswers(Clock(), patience=0.0), threading.Event(), []

    def work(key: int) -> int:
        asked.append(key)
        assert go_on.wait(LONG)
        return key

    before = threading.active_count()
    for key in range(300):
        assert not kept.look(key, partial(work, key)).is_known
    assert threading.active_count() - before <= 32
    assert not kept.look(0, partial(work, 0)).is_known
    go_on.set()
    kept.close(seconds=LONG)
    assert sorted(asked) == list(range(32)), "each is computed once, and none is forgotten under way"
    assert kept.look(299, partial(work, 299), patience=LONG).value == 299


def test_few_wait_for_long_and_others_are_told_soon() -> None:
    kept, go_on = KeptAnswers(Clock(), patience=0.0), threading.Event()
    with ThreadPoolExecutor(5) as people:
        looks = [people.submit(kept.look, key, lambda: go_on.wait(LONG), patience=LONG) for key in range(5)]
        told, waiting = wait(looks, timeout=LONG / 2, return_when=FIRST_COMPLETED)
        assert (len(told), len(waiting)) == (1, 4)
        assert not told.pop().result().is_known
        go_on.set()
    assert all(each.result().is_known for each in waiting)


def test_an_answer_that_is_too_old_for_its_use_is_forgotten_and_shown_to_nobody() -> None:
    clock = Clock()
    kept, values = KeptAnswers(clock, patience=LONG), iter(range(9))
    assert kept.look("q", lambda: next(values), oldest=300.0).value == 0
    clock.now = 290.0
    assert kept.look("q", lambda: next(values), patience=LONG, oldest=300.0).is_known
    clock.now = 10_000.0
    assert kept.look("q", lambda: next(values), oldest=300.0).age == 0.0
    clock.now = 20_000.0
    kept.look("other", lambda: None)
    assert kept._entries["q"].value is None
