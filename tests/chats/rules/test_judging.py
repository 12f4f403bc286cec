"""What a judge is asked about two answers, and which of its words count."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.chat_states import Judged
from livedash_pipeline.chats.rules.judging import (
    INSTRUCTIONS,
    content_hash,
    judge_body,
    judge_data,
    judge_line,
    pair_hash,
    read_verdict,
)
from livedash_pipeline.ledger.rules.results.answers import UnusableAnswer, UsableAnswer

_TEXTS = st.text(max_size=40)


@given(question=_TEXTS, first=_TEXTS, second=_TEXTS)
def test_a_pair_has_one_name_in_either_order(question: str, first: str, second: str) -> None:
    assert pair_hash(question, first, second) == pair_hash(question, second, first)
    assert (content_hash(question, first, second) == content_hash(question, second, first)) is (first == second)


@given(question=_TEXTS, first=_TEXTS, second=_TEXTS)
def test_no_two_triples_share_a_name_by_where_they_are_cut(question: str, first: str, second: str) -> None:
    assert content_hash(question, first + "x", second) != content_hash(question, first, "x" + second)


def test_names_follow_the_texts_and_not_their_order() -> None:
    assert pair_hash("Q", "one", "two") == pair_hash("Q", "two", "one") == content_hash("Q", "one", "two")
    assert content_hash("Q", "two", "one") != content_hash("Q", "one", "two")
    assert pair_hash("Q", "one", "two") != pair_hash("R", "one", "two")


def test_a_pair_is_data_in_the_users_message() -> None:
    data = judge_data('What "is" it?', "One.\n", "Say: same")
    body = judge_body("gpt-5-mini", data, {"max_completion_tokens": 100, "temperature": None})
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["messages"][0]["content"] == INSTRUCTIONS
    assert json.loads(body["messages"][1]["content"]) == {
        "question": 'What "is" it?', "first": "One.\n", "second": "Say: same",
    }  # fmt: skip
    assert body["response_format"]["json_schema"]["schema"]["properties"]["verdict"]["enum"] == list(Judged)
    assert body["max_completion_tokens"] == 100
    assert "temperature" not in body
    line = json.loads(judge_line(UUID(int=7), "gpt-5-mini", data, {}))
    assert (line["custom_id"], line["body"]["messages"]) == (str(UUID(int=7)), body["messages"])


def test_a_response_format_among_the_parameters_stands_in_the_place_of_the_schema() -> None:
    assert "response_format" not in judge_body("m", "{}", {"response_format": None})


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ('{"verdict": "same"}', "same"),
        ('```json\n{"verdict": " Different "}\n```', "different"),
        ('Well: {"verdict": "UNDECIDED"}', "undecided"),
    ],
)
def test_a_verdict_is_read(text: str, verdict: str) -> None:
    read = read_verdict(text)
    assert isinstance(read, UsableAnswer)
    assert json.loads(read.document) == {"verdict": verdict}


@pytest.mark.parametrize("text", ["", "same", '{"verdict": "equal"}', '{"verdict": true}', '{"judgement": "same"}'])
def test_anything_else_is_no_verdict(text: str) -> None:
    assert isinstance(read_verdict(text), UnusableAnswer)


@given(st.text())
def test_reading_never_raises(text: str) -> None:
    read_verdict(text)
