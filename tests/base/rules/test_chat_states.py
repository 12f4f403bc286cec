"""States of chat batches: how one ends, and which moves there are."""

from __future__ import annotations

from itertools import product

import pytest

from livedash_pipeline.base.rules.chat_states import (
    CHAT_BATCH_MOVES,
    CHAT_MOVES,
    ENDED_CHAT_BATCHES,
    RESUMABLE_CHAT_BATCHES,
    ChatBatchStatus,
    ChatState,
    end_of,
)


@pytest.mark.parametrize(
    ("counts", "end"),
    [
        ({"completed": 3}, "COMPLETED"),
        ({"skipped": 3}, "COMPLETED"),
        ({"completed": 1, "skipped": 1}, "COMPLETED"),
        ({"failed": 3}, "FAILED"),
        ({"failed": 2, "completed": 1}, "COMPLETED_WITH_FAILURES"),
        ({"failed": 2, "skipped": 1}, "COMPLETED_WITH_FAILURES"),
        ({"failed": 2, "cancelled": 1}, "CANCELLED"),
        ({"completed": 2, "cancelled": 1}, "CANCELLED"),
        ({"completed": 2, "cancelling": True}, "CANCELLED"),
    ],
)
def test_the_end_says_what_became_of_the_conversations(counts: dict[str, int], end: str) -> None:
    known = {"cancelling": False, "completed": 0, "failed": 0, "skipped": 0, "cancelled": 0}
    assert end_of(**{**known, **counts}) == end  # type: ignore[arg-type]


def test_every_end_is_one() -> None:
    for cancelling, counts in product((False, True), product((0, 2), repeat=4)):
        completed, failed, skipped, cancelled = counts
        end = end_of(cancelling=cancelling, completed=completed, failed=failed, skipped=skipped, cancelled=cancelled)
        assert end in ENDED_CHAT_BATCHES


def test_moves_lead_from_every_state_and_answers_are_final() -> None:
    assert set(CHAT_BATCH_MOVES) == set(ChatBatchStatus)
    assert set(CHAT_MOVES) == set(ChatState)
    assert CHAT_MOVES[ChatState.COMPLETED] == frozenset()
    for status in RESUMABLE_CHAT_BATCHES:
        assert ChatBatchStatus.PROCESSING in CHAT_BATCH_MOVES[status]
