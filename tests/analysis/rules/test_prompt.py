"""The prompt: its version follows its content, and a transcript stays data whatever it says."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.analysis.rules import prompt
from livedash_pipeline.analysis.rules.answer import Category
from livedash_pipeline.analysis.rules.prompt import (
    INSTRUCTIONS,
    input_hash,
    prompt_version,
    request_body,
    transcript_data,
)
from livedash_pipeline.intake.rules.messages import Message
from livedash_pipeline.ledger.rules.admission.model_parameters import default_parameters, maximum_of

SESSION = UUID("0b8f7d6e-0000-7000-8000-000000000001")
messages = st.builds(
    Message,
    st.sampled_from(["user", "assistant", "system", "unknown"]),
    st.text(),
    st.none() | st.datetimes(timezones=st.just(UTC)),
)


@given(st.lists(messages))
def test_a_transcript_cannot_break_out_of_its_data(chat: list[Message]) -> None:
    document = json.loads(transcript_data(SESSION, chat))
    assert list(document) == ["session_id", "messages"]
    assert document["session_id"] == str(SESSION)
    assert [(m["role"], m["text"]) for m in document["messages"]] == [(m.role, m.content) for m in chat]


def test_times_are_given_in_utc() -> None:
    noon = datetime(2025, 5, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    document = json.loads(transcript_data(SESSION, [Message("user", "Hi", noon), Message("user", "Hi", None)]))
    assert [message["at"] for message in document["messages"]] == ["2025-05-01T10:00:00Z", None]


def test_the_body_asks_for_the_strict_schema_and_keeps_instructions_and_data_apart() -> None:
    body = request_body("gpt-5-mini", "DATA")
    assert [(message["role"], message["content"]) for message in body["messages"]] == [
        ("system", INSTRUCTIONS),
        ("user", "DATA"),
    ]
    assert body["response_format"]["json_schema"]["strict"] is True
    assert "stream" not in body


def test_the_instructions_explain_every_category() -> None:
    assert all(f"{category}:" in INSTRUCTIONS for category in Category)


@pytest.mark.parametrize(
    ("model", "reasoning"),
    [
        ("gpt-5-mini", True),
        ("gpt-5.4", True),
        ("gpt-10", True),
        ("o3-mini", True),
        ("openai/o4-mini", True),
        ("gpt-4o-mini", False),
        ("gpt-4.1", False),
        ("gpt-4o", False),
        ("llama-3-70b", False),
    ],
)
def test_parameters_suit_the_generation_of_the_model(model: str, reasoning: bool) -> None:
    body = request_body(model, "")
    assert ("temperature" in body, "max_completion_tokens" in body) == (not reasoning, reasoning)
    assert body["max_completion_tokens" if reasoning else "max_tokens"] == maximum_of(default_parameters(model))


def test_parameters_that_are_given_replace_the_defaults() -> None:
    body = request_body("gpt-5-mini", "", {"max_tokens": 7, "response_format": {"type": "json_object"}})
    assert (body["max_tokens"], body["response_format"]) == (7, {"type": "json_object"})
    assert not {"max_completion_tokens", "reasoning_effort"} & body.keys()
    assert "response_format" not in request_body("gpt-4", "", {"max_tokens": 7, "response_format": None})


def test_the_version_is_the_same_in_every_process() -> None:
    source = "from livedash_pipeline.analysis.rules.prompt import prompt_version; print(prompt_version())"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == prompt_version()


@pytest.mark.parametrize("name", ["INSTRUCTIONS", "SCHEMA_NAME"])
def test_the_version_changes_with_the_wording(name: str) -> None:
    # Another process, so that no other test meets the changed wording.
    value = getattr(prompt, name)
    changed = value + "!"
    source = f"from livedash_pipeline.analysis.rules import prompt; prompt.{name} = {changed!r}; print(prompt.prompt_version())"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip() not in ("", prompt_version())


def test_the_input_hash_names_transcript_prompt_and_model() -> None:
    hashes = {
        input_hash("t", "v", "m"),
        input_hash("u", "v", "m"),
        input_hash("t", "w", "m"),
        input_hash("t", "v", "n"),
    }
    assert len(hashes) == 4
    assert input_hash("t", "v", "m") in hashes
