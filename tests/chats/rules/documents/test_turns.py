"""The final state of an item of the old system."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from livedash_pipeline.chats.rules.documents.moved import MovedTurn
from livedash_pipeline.chats.rules.documents.turns import NO_ANSWER, NO_REASON, QUESTION_AS_ANSWER
from tests.chats.rules.documents.exported import oid, read


def turn(**fields: Any) -> MovedTurn:
    moved = read({"_id": oid(1), "entries": [{"question": "A?", **fields}]})
    return moved.batches[0].chats[0].turns[0]


@pytest.mark.parametrize(
    ("fields", "state", "answer", "error"),
    [
        ({}, "CANCELLED", None, None),
        ({"status": "pending"}, "CANCELLED", None, None),
        ({"status": "processing", "answer": " "}, "CANCELLED", None, None),
        ({"answer": "Yes."}, "COMPLETED", "Yes.", None),
        ({"status": "processing", "answer": "Yes."}, "COMPLETED", "Yes.", None),
        ({"status": "cancelled", "answer": "Yes."}, "COMPLETED", "Yes.", None),
        ({"answer": "Yes.", "error": "timeout"}, "COMPLETED", "Yes.", None),
        ({"status": "Failed", "answer": "Yes.", "error": "timeout"}, "FAILED", "Yes.", "timeout"),
        ({"status": "failed"}, "FAILED", None, NO_REASON),
        ({"error": "timeout"}, "FAILED", None, "timeout"),
        ({"status": "pending", "error": "", "errorMessage": "timeout"}, "FAILED", None, "timeout"),
        ({"error": True}, "FAILED", None, NO_REASON),
        ({"error": False}, "CANCELLED", None, None),
        ({"error": {"stack": "x"}}, "CANCELLED", None, None),
        ({"status": "completed"}, "FAILED", None, NO_ANSWER),
        ({"status": "canceled", "error": "stopped"}, "CANCELLED", None, None),
        ({"status": "cancelled", "answer": "A?"}, "CANCELLED", None, None),
        ({"status": "skipped", "error": "too short"}, "SKIPPED", None, "too short"),
        ({"status": "blocked", "answer": "We cannot say."}, "SKIPPED", "We cannot say.", None),
        ({"skipped": True}, "SKIPPED", None, None),
        ({"skipped": False, "blocked": True}, "SKIPPED", None, None),
        ({"skipped": True, "answer": "Yes."}, "COMPLETED", "Yes.", None),
        ({"status": "completed", "answer": " A?\n"}, "FAILED", None, QUESTION_AS_ANSWER),
        ({"status": "failed", "answer": "A?"}, "FAILED", None, QUESTION_AS_ANSWER),
        ({"answer": "A?", "error": "timeout"}, "FAILED", None, "timeout"),
        ({"answer": "A?", "outputTokens": 0}, "FAILED", None, QUESTION_AS_ANSWER),
        ({"answer": "A?", "outputTokens": 2}, "COMPLETED", "A?", None),
        ({"answer": "A?", "citations": ["https://a.example"]}, "COMPLETED", "A?", None),
        ({"answer": {"content": "", "englishAnswer": "Yes."}}, "COMPLETED", "Yes.", None),
        ({"answer": None, "response": "Yes."}, "COMPLETED", "Yes.", None),
    ],
)
def test_every_item_ends_in_a_final_state(
    fields: dict[str, Any], state: str, answer: str | None, error: str | None
) -> None:
    found = turn(**fields)
    assert (found.state, found.answer, found.error) == (state, answer, error)


def test_an_unfinished_turn_has_no_time_of_completion() -> None:
    assert turn(updatedAt={"$date": 0}).completed_at is None
    assert turn(updatedAt={"$date": 0}, answer="Yes.").completed_at == datetime(1970, 1, 1, tzinfo=UTC)
