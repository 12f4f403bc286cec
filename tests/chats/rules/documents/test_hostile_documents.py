"""Documents and files that are not what they should be: problems, and never a crash."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_pipeline.chats.rules.documents.problems import MOST_LISTED
from livedash_pipeline.chats.rules.documents.read import read_documents
from tests.chats.rules.documents.exported import lines, oid, problems, read


def test_values_of_a_wrong_type_are_problems_and_cost_no_document() -> None:
    batch = {
        "_id": "b",
        "name": ["a"],
        "type": 7,
        "applyOverrides": "yes",
        "createdAt": {"$date": {"$numberLong": "999999999999999999"}},
        "uploader": {"email": "a@b.example"},
        "chats": "all",
        "entries": [
            {
                "question": "A?",
                "answer": ["Yes."],
                "inputTokens": -1,
                "outputTokens": {"$numberLong": "99999999999999999999"},
                "startedAt": "soon",
                "completedAt": 7,
                "cost": {"$numberDouble": "NaN"},
                "note": "a\0b",
            }
        ],
    }
    moved = read(batch)
    (found,) = moved.batches
    assert (found.name, found.type, found.apply_overrides, found.created_at) == (None, "7", None, None)
    assert found.uploader == "a@b.example"
    item = found.chats[0].turns[0]
    assert (item.answer, item.input_tokens, item.output_tokens, item.started_at) == (None, None, None, None)
    assert item.cells == {"note": "a\ufffdb"}
    named = [problem.message.split('"')[1] for problem in moved.problems]
    assert sorted(named) == sorted(
        [
            "name",
            "applyOverrides",
            "createdAt",
            "chats",
            "answer",
            "inputTokens",
            "outputTokens",
            "startedAt",
            "completedAt",
            "cost",
        ]
    )
    assert {problem.code for problem in moved.problems} == {"bad_value"}


def test_one_bad_value_is_one_problem() -> None:
    moved = read({"_id": "b", "entries": [{"question": "A?", "answer": "Yes.", "createdAt": {"$date": "soon"}}]})
    assert problems(moved) == [(1, "bad_value")]


def test_an_embedded_uploader_without_an_address_has_an_id() -> None:
    moved = read(
        {
            "_id": "b",
            "user": {"_id": oid(3)},
            "entries": [{"question": "A?", "inputTokens": "12", "outputTokens": "1.5"}],
        }
    )
    assert moved.batches[0].uploader == oid(3)["$oid"]
    assert moved.batches[0].chats[0].turns[0].input_tokens == 12


def test_an_item_with_very_many_fields_keeps_the_first() -> None:
    moved = read({"_id": "b", "entries": [{"question": "A?", **{f"f{number}": number for number in range(600)}}]})
    assert len(moved.batches[0].chats[0].turns[0].cells) == 500
    assert problems(moved) == [(1, "too_many_fields")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b" \n", [(None, "empty_file")]),
        (b'[{"_id": 1}', [(None, "bad_json")]),
        (
            b'{"chatId": "a"}\nnot json\n7\n{"$oid": "x"}\n',
            [(2, "bad_json"), (3, "not_a_document"), (4, "not_a_document")],
        ),
        (b'[[], {"chatId": "a"}]', [(1, "not_a_document")]),
        (b'{"a": ' + b"[" * 100_000 + b"\n", [(1, "bad_json")]),
        (b'{"chatId": "\xff"}', [(1, "bad_json")]),
        (b'{"chatId": NaN}', [(1, "bad_json")]),
    ],
)
def test_what_is_no_document_is_a_problem(content: bytes, expected: list[tuple[int | None, str]]) -> None:
    moved = read_documents([("export.json", content)])
    assert problems(moved) == expected
    assert all(problem.file == "export.json" for problem in moved.problems)


def test_of_very_many_problems_the_first_are_listed() -> None:
    moved = read_documents([("export.json", b"x\n" * (MOST_LISTED + 5))])
    assert (len(moved.problems), moved.counts.problems) == (MOST_LISTED, MOST_LISTED + 5)


_FIELDS = (
    "_id name chats entries interactions chatId question answer status error citations citation model inputTokens "
    "createdAt completedAt content uploader applyOverrides skipped url $oid $date $numberLong $numberInt "
    "$numberDouble $numberDecimal $binary $uuid $ref $id x "
)
NAMES = st.sampled_from(_FIELDS.split())
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(
        ["completed", "failed", "1", "A?", "2024-07-01T10:00:00Z", oid(1)["$oid"], oid(1), oid(2), 1e308]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=15,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=8)
ITEMS = st.fixed_dictionaries(
    {"question": st.just("A?") | VALUES}, optional={"answer": VALUES, "status": VALUES, "error": VALUES}
)
BATCHES = st.fixed_dictionaries({"_id": st.just(oid(1)) | VALUES, "entries": st.lists(ITEMS | VALUES, max_size=3)})
CHATS = st.fixed_dictionaries({"_id": st.just(oid(2)), "interactions": st.lists(ITEMS | VALUES, max_size=3)})


@given(
    st.lists(DOCUMENTS | BATCHES | CHATS | st.just({"_id": oid(3), "chats": [oid(2), oid(2)]}), max_size=5),
    st.booleans(),
)
@settings(deadline=None)
def test_no_documents_make_it_crash(documents: list[Any], array: bool) -> None:
    content = json.dumps(documents).encode() if array else lines(*documents)
    moved = read_documents([("a", content), ("b", content)])
    assert len(moved.batches) <= moved.counts.batches
    assert moved.counts.unused >= 0
    for batch in moved.batches:
        for each in (turn for chat in batch.chats for turn in chat.turns):
            assert each.question.strip()
            assert each.state in {"COMPLETED", "FAILED", "SKIPPED", "CANCELLED"}
            assert (each.error is not None) >= (each.state == "FAILED")


@given(st.binary(max_size=60))
def test_no_bytes_make_it_crash(content: bytes) -> None:
    read_documents([("a", content), ("b", b"[" + content + b"]")])
