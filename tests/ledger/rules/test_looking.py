"""Which open batches a poll asks for by id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.ledger.rules.recovery.looking import MOST_UNCHANGED, UNCHANGED_FOR, has_moved, is_behind, to_ask
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch, read_remote_batch
from tests.conftest import NOW


@dataclass(frozen=True)
class Open:
    number: int
    looked_at: datetime = NOW
    hinted: bool = False

    @property
    def id(self) -> UUID:
        return UUID(int=self.number)

    @property
    def remote_batch_id(self) -> str:
        return f"b{self.number}"


def listed(*batches: Open, word: str = "in_progress", **fields: Any) -> dict[str, RemoteBatch]:
    return {
        batch.remote_batch_id: read_remote_batch({"id": batch.remote_batch_id, "status": word, **fields})
        for batch in batches
    }


def asked(waiting: list[Open], shown: dict[str, RemoteBatch], *, lags: bool = False, rotation: int = 0) -> list[int]:
    return [found.int for found in to_ask(waiting, shown, now=NOW, listing_lags=lags, rotation=rotation)]


OLD = NOW - UNCHANGED_FOR


def test_what_moves_and_is_listed_is_not_asked_for() -> None:
    waiting = [Open(number, NOW - timedelta(minutes=4)) for number in range(1000)]
    assert asked(waiting, listed(*waiting)) == []


def test_of_a_thousand_that_stand_still_the_five_not_looked_at_for_longest_are() -> None:
    waiting = [Open(number, OLD - timedelta(seconds=number)) for number in range(1000)]
    assert asked(waiting, listed(*waiting)) == [999, 998, 997, 996, 995]
    assert MOST_UNCHANGED == 5


def test_hinted_ones_come_first_then_what_the_listing_does_not_show() -> None:
    waiting = [Open(0), Open(1), Open(2, hinted=True), Open(3, OLD), Open(4)]
    assert asked(waiting, listed(waiting[2], waiting[3], waiting[4])) == [2, 0, 1, 3]
    assert asked(waiting, listed(waiting[2], waiting[3], waiting[4]), rotation=1) == [2, 1, 0, 3]


def test_all_are_asked_for_where_the_listing_is_known_to_lag() -> None:
    waiting = [Open(number) for number in range(8)]
    assert asked(waiting, listed(*waiting), lags=True) == list(range(8))


@pytest.mark.parametrize(
    ("word", "fields", "looked_into"),
    [
        ("resting", {"completed_at": 5}, True),
        ("resting", {}, False),
        ("completed", {}, False),
        ("in_progress", {"completed_at": 5}, False),
    ],
)
def test_an_end_in_an_unknown_word_is_looked_into(word: str, fields: dict[str, Any], looked_into: bool) -> None:
    batch = Open(1)
    assert asked([batch], listed(batch, word=word, **fields)) == ([1] if looked_into else [])


@pytest.mark.parametrize(
    ("before", "after", "behind"),
    [
        ("validating", "in_progress", True),
        ("validating", "completed", True),
        ("in_progress", "in_progress", False),
        ("in_progress", "validating", False),
        ("completed", "completed", False),
        ("cancelling", "cancelled", False),
    ],
)
def test_a_listing_is_behind_where_a_look_up_is_further_on(before: str, after: str, behind: bool) -> None:
    one, other = (read_remote_batch({"id": "b", "status": word}) for word in (before, after))
    assert is_behind(one, other) is behind


@pytest.mark.parametrize(("word", "moved"), [("in_progress", True), ("validating", False), ("completed", True)])
def test_a_batch_has_moved_where_its_listing_is_further_on(word: str, moved: bool) -> None:
    assert has_moved(read_remote_batch({"id": "b", "status": word}), BatchStatus.VALIDATING) is moved
