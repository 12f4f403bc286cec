"""Exported documents of the old system become batches with their chats."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from livedash_pipeline.chats.rules.documents.moved import MovedTurn
from livedash_pipeline.chats.rules.documents.read import read_documents
from tests.chats.rules.documents.exported import lines, oid, problems, read

BATCH: dict[str, Any] = {
    "_id": oid(1),
    "name": "Été 2024 🌞",
    "type": "question",
    "aiProvider": "openai",
    "searchProvider": "google",
    "pageLanguage": "fr",
    "applyOverrides": True,
    "uploader": oid(9),
    "createdAt": {"$date": "2024-07-01T10:00:00Z"},
    "status": "processed",
    "totalItems": {"$numberInt": "2"},
    "chats": [oid(2), oid(3)],
}
CHAT: dict[str, Any] = {"_id": oid(2), "chatId": "c-2", "interactions": [oid(4), oid(5)], "__v": 0}
OTHER_CHAT: dict[str, Any] = {"_id": oid(3), "chatId": "c-3", "interactions": [{"_id": oid(6), "question": "Third?"}]}
FIRST: dict[str, Any] = {
    "_id": oid(4),
    "question": " First? ",
    "answer": "Yes.",
    "citations": ["https://a.example", {"url": " https://b.example "}, "https://a.example", 7, {"title": "none"}, " "],
    "model": "gpt-4o",
    "inputTokens": {"$numberLong": "12"},
    "outputTokens": 3.0,
    "startedAt": {"$date": {"$numberLong": "1719828000000"}},
    "completedAt": "2024-07-01T10:00:05",
    "department": "HR",
    "score": {"$numberDecimal": "0.50"},
    "seen": True,
    "nested": {"deep": {"day": {"$date": 0}}, "list": [1], "none": None},
}
SECOND: dict[str, Any] = {
    "_id": oid(5),
    "question": oid(7),
    "answer": {
        "_id": oid(8),
        "content": "No.",
        "answerType": "normal",
        "model": "gpt-4o",
        "citationUrl": "https://c.example",
    },
    "createdAt": {"$date": "2024-07-01T10:01:00Z"},
}
QUESTION: dict[str, Any] = {"_id": oid(7), "redactedQuestion": "Second?", "language": "en"}


def test_a_batch_is_read_with_its_chats_and_their_turns() -> None:
    moved = read(BATCH, CHAT, OTHER_CHAT, FIRST, SECOND, QUESTION)
    (batch,) = moved.batches
    assert (batch.legacy_id, batch.name, batch.type) == (oid(1)["$oid"], "Été 2024 🌞", "question")
    assert (batch.ai_provider, batch.search_provider, batch.page_language) == ("openai", "google", "fr")
    assert (batch.apply_overrides, batch.uploader, batch.status) == (True, oid(9)["$oid"], "processed")
    assert batch.created_at == datetime(2024, 7, 1, 10, tzinfo=UTC)
    assert [(chat.legacy_id, chat.chat_id, len(chat.turns)) for chat in batch.chats] == [
        (oid(2)["$oid"], "c-2", 2),
        (oid(3)["$oid"], "c-3", 1),
    ]
    assert batch.chats[0].turns[0] == MovedTurn(
        legacy_id=oid(4)["$oid"],
        question=" First? ",
        answer="Yes.",
        error=None,
        state="COMPLETED",
        citations=("https://a.example", "https://b.example"),
        model="gpt-4o",
        input_tokens=12,
        output_tokens=3,
        started_at=datetime(2024, 7, 1, 10, tzinfo=UTC),
        completed_at=datetime(2024, 7, 1, 10, 0, 5, tzinfo=UTC),
        cells={"department": "HR", "score": "0.50", "seen": "true", "nested.deep.day": "1970-01-01T00:00:00+00:00"},
    )
    second = batch.chats[0].turns[1]
    assert (second.question, second.answer, second.state, second.model) == ("Second?", "No.", "COMPLETED", "gpt-4o")
    assert (second.citations, second.started_at) == (("https://c.example",), second.completed_at)
    assert second.cells == {"question.language": "en", "answer.answerType": "normal"}
    assert batch.chats[1].turns[0].state == "CANCELLED"
    assert moved.problems == ()
    counts = moved.counts
    assert (counts.batches, counts.chats, counts.interactions, counts.others) == (1, 2, 3, 0)
    assert (counts.repeated, counts.unused, counts.problems) == (0, 0, 0)


def test_an_array_and_several_files_in_any_order_give_the_same() -> None:
    documents = [BATCH, CHAT, OTHER_CHAT, FIRST, SECOND, QUESTION]
    array = b"\xef\xbb\xbf " + json.dumps(documents, indent=2).encode()
    apart = [(f"{number}.json", lines(document) + b"\r\n\r\n") for number, document in enumerate(reversed(documents))]
    expected = read(*documents).batches
    assert read_documents([("all.json", array)]).batches == expected
    assert read_documents(apart).batches == expected


def test_older_batches_hold_their_items_themselves() -> None:
    entries = [
        {"entry_id": 1, "REDACTEDQUESTION": "A?", "CHATID": "x", "URL": "https://a.example"},
        {"PROBLEM DETAILS": "B?", "answer": "Yes."},
        {"Question": "C?", "chat_id": "x", "status": "failed", "error": {"code": 504}},
    ]
    moved = read(
        {"_id": "b", "entries": entries}, {"_id": 7, "name": "n", "interactions": [oid(4), {"question": "D?"}]}, FIRST
    )
    first, second = moved.batches
    assert [(chat.legacy_id, chat.chat_id) for chat in first.chats] == [(None, "x"), (None, None)]
    assert [turn.question for turn in first.chats[0].turns] == ["A?", "C?"]
    assert [turn.state for chat in first.chats for turn in chat.turns] == ["CANCELLED", "FAILED", "COMPLETED"]
    assert first.chats[0].turns[1].error == "504"
    assert first.chats[0].turns[0].cells == {"entry_id": "1", "URL": "https://a.example"}
    assert (second.legacy_id, [chat.turns[0].question for chat in second.chats]) == ("7", [" First? ", "D?"])
    assert (first.name, first.apply_overrides, first.uploader, first.created_at, first.status) == (
        None,
        None,
        None,
        None,
        "",
    )
    assert problems(moved) == []


def test_a_batch_with_two_lists_uses_the_newer_one() -> None:
    embedded = {"chatId": "c", "interactions": [{"question": "A?"}]}
    moved = read(
        {"_id": oid(1), "chats": [embedded], "entries": [{"question": "B?"}, {"question": "C?"}], "interactions": [1]}
    )
    assert [turn.question for chat in moved.batches[0].chats for turn in chat.turns] == ["A?"]
    assert problems(moved) == [(1, "second_list"), (1, "second_list")]
    assert '2 items of "entries" are left out' in moved.problems[1].message


def test_missing_documents_are_problems() -> None:
    chat = {
        "_id": oid(2),
        "interactions": [oid(4), {"_id": oid(5), "question": oid(7), "prompt": "A?", "answer": oid(8)}, None],
    }
    moved = read({"_id": oid(1), "chats": [oid(2), oid(3), None, 1.5]}, chat)
    assert [turn.question for chat in moved.batches[0].chats for turn in chat.turns] == ["A?"]
    assert problems(moved) == [
        (2, "missing_interaction"),
        (2, "missing_question"),
        (2, "missing_answer"),
        (2, "missing_interaction"),
        (1, "missing_chat"),
        (1, "missing_chat"),
        (1, "missing_chat"),
    ]
    assert oid(4)["$oid"] in moved.problems[0].message


def test_a_chat_is_also_known_by_its_chat_id() -> None:
    known: dict[str, Any] = {"_id": oid(2), "chatId": "c-2", "interactions": [{"question": "A?"}]}
    nameless: dict[str, Any] = {"chatId": None, "interactions": []}
    moved = read({"_id": oid(1), "chats": ["c-2", ""]}, known, nameless)
    assert [chat.chat_id for chat in moved.batches[0].chats] == ["c-2"]
    assert (problems(moved), moved.counts.unused) == ([(1, "missing_chat")], 1)


def test_a_repeated_document_counts_once() -> None:
    moved = read(BATCH, BATCH, CHAT, {**CHAT, "chatId": "other"}, OTHER_CHAT, FIRST, SECOND, QUESTION)
    assert (len(moved.batches), moved.batches[0].chats[0].chat_id, moved.counts.repeated) == (1, "c-2", 2)
    assert problems(moved) == [(4, "repeated_differently")]


def test_a_chat_that_a_batch_names_twice_counts_once() -> None:
    moved = read({**BATCH, "chats": [oid(2), oid(2)]}, {**CHAT, "interactions": []})
    assert [chat.turns for chat in moved.batches[0].chats] == [()]
    assert problems(moved) == [(2, "no_turns"), (1, "repeated_chat")]


def test_what_no_batch_leads_to_is_counted() -> None:
    moved = read(CHAT, FIRST, {"_id": oid(8), "content": "Yes."}, {"_id": oid(9), "something": 1})
    assert (moved.batches, moved.counts.unused, moved.counts.others) == ((), 4, 2)
    assert problems(moved) == [(4, "unknown_document")]


def test_a_batch_without_an_id_or_items_is_a_problem() -> None:
    moved = read({"entries": [{"question": "A?"}]}, {"_id": True, "entries": []}, {"_id": "b", "totalItems": 0})
    assert [batch.legacy_id for batch in moved.batches] == ["b"]
    assert problems(moved) == [(1, "no_id"), (2, "no_id"), (3, "no_items")]


def test_an_item_without_a_question_is_left_out_with_a_problem() -> None:
    moved = read(
        {
            "_id": "b",
            "entries": [{"answer": "Yes."}, {"question": " "}, {"question": {"language": "en"}}, {"prompt": "A?"}],
        }
    )
    assert [turn.question for chat in moved.batches[0].chats for turn in chat.turns] == ["A?"]
    assert problems(moved) == [(1, "no_question")] * 3


def test_an_item_of_a_batch_that_is_in_no_file_is_left_out() -> None:
    batch = {"_id": oid(31), "name": "Old", "entries": [oid(32), {"question": "Here?", "answer": "Yes."}]}
    moved = read_documents([("batches.json", json.dumps(batch).encode())])
    assert [turn.question for chat in moved.batches[0].chats for turn in chat.turns] == ["Here?"]
    assert [problem.code for problem in moved.problems] == ["missing_interaction"]
