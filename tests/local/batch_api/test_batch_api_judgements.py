"""The stand-in's verdict on two answers follows from their words alone."""

from __future__ import annotations

import json

import pytest

from livedash_pipeline.local.batch_api.answering.judgements import judge
from livedash_pipeline.local.batch_api.answering.replies import answer_chat


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ("Open on Monday.", "on MONDAY, open", "same"),
        ("Café", "cafe", "same"),
        ("Open on Monday.", "Open on Monday and Friday.", "undecided"),
        ("", "Open.", "undecided"),
        ("Open on Monday.", "Closed on Monday.", "different"),
    ],
)
def test_words_decide(first: str, second: str, verdict: str) -> None:
    assert judge(json.dumps({"question": "When?", "first": first, "second": second})) == verdict


@pytest.mark.parametrize("data", ["", "no JSON", "[1]"])
def test_what_is_no_pair_is_undecided(data: str) -> None:
    assert judge(data) == "undecided"


def test_a_request_with_our_schema_gets_its_verdict() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "chat_judgement", "strict": True, "schema": {}}}
    data = json.dumps({"question": "When?", "first": "Now", "second": "now!"})
    reply = answer_chat({"response_format": wanted, "messages": [{"role": "user", "content": data}]})
    assert json.loads(reply.text) == {"verdict": "same"}
