"""Rows as objects that hold every text exactly."""

from __future__ import annotations

import pytest

from livedash_pipeline.chats.rules.results.documents import row_document
from livedash_pipeline.chats.rules.results.rows import RESULT_COLUMNS
from tests.support.result_rows import IN_UTC, empty_row, result_row


def test_a_row_is_one_object_with_its_own_cells_apart() -> None:
    row = result_row(cells=["=1", " Wat?\r\n"], answer="=2\r\n", question=" Wat?")
    document = row_document(row, ["nr", "question"], originals="first")
    assert list(document) == ["original", *RESULT_COLUMNS]
    assert document == {
        "original": {"nr": "=1", "question": " Wat?\r\n"},
        "chatId": "0196f2a0-0000-7000-8000-000000000001",
        "interactionId": "0196f2a0-0000-7000-8000-000000000002",
        "status": "completed",
        "outcomeCode": "answered",
        "error": None,
        "question": " Wat?",
        "answer": "=2\r\n",
        "citations": ["https://a.example/1", "https://a.example/2"],
        "model": "gpt-4.1-mini",
        "searchProvider": "none",
        "appliedOverrides": True,
        "inputTokens": 120,
        "outputTokens": 7,
        "costUsd": "0.0000123",
        "costEur": None,
        "startedAt": IN_UTC,
        "completedAt": None,
    }


def test_the_original_cells_come_last_where_that_is_wanted() -> None:
    document = row_document(empty_row(["1", "Wat?"]), ["nr", "vraag", "url"], originals="last")
    assert list(document) == [*RESULT_COLUMNS, "original"]
    assert document["original"] == {"nr": "1", "vraag": "Wat?", "url": ""}
    assert document["citations"] == []


def test_a_row_with_text_beyond_its_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="2 cells in a file of 1 columns"):
        row_document(result_row(), ["nr"], originals="first")
