"""Chat completions: what is refused, what an answer costs, how it is cut."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.local.batch_api.answering.catalogue import KNOWN_MODELS, Catalogue, Model
from livedash_pipeline.local.batch_api.answering.chat import complete_chat, reasoning_tokens
from livedash_pipeline.local.batch_api.answering.tokens import count_tokens, first_tokens
from livedash_pipeline.local.batch_api.refusals import Refusal
from livedash_pipeline.services.openai.tokens import load_encoding
from tests.local.batch_api.conftest import Requests


def complete(body: dict[str, Any], *extra: str) -> dict[str, Any]:
    return complete_chat(body, Catalogue(extra), completion_id="chatcmpl-1", created=1)


def json_schema(**values: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": OBJECT, **values}}


OBJECT: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
LOOSE_INSIDE = {**OBJECT, "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {}}}}}
LOOSE_CHOICE = {**OBJECT, "properties": {"a": {"anyOf": [{"type": "null"}, {**OBJECT, "required": []}]}}}


@pytest.mark.parametrize(
    ("change", "status", "code", "param"),
    [
        ({"model": None}, 400, None, "model"),
        ({"model": "gpt-0"}, 404, "model_not_found", "model"),
        ({"messages": None}, 400, "missing_required_parameter", "messages"),
        ({"messages": "hello"}, 400, "invalid_type", "messages"),
        ({"messages": []}, 400, "empty_array", "messages"),
        ({"messages": ["x"]}, 400, "invalid_type", "messages[0]"),
        ({"messages": [{"role": "boss", "content": "x"}]}, 400, "invalid_value", "messages[0].role"),
        ({"messages": [{"role": "user", "content": 1}]}, 400, "invalid_type", "messages[0].content"),
        ({"max_completion_tokens": None, "max_tokens": 10}, 400, "unsupported_parameter", "max_tokens"),
        ({"max_completion_tokens": 0}, 400, "integer_below_min_value", "max_completion_tokens"),
        ({"max_completion_tokens": "9"}, 400, "invalid_type", "max_completion_tokens"),
        ({"temperature": 0.3}, 400, "unsupported_value", "temperature"),
        ({"top_p": 0.5}, 400, "unsupported_value", "top_p"),
        ({"model": "gpt-4o", "max_tokens": 5}, 400, "invalid_parameter_combination", "max_tokens"),
        ({"stream": True}, 400, "unsupported_value", "stream"),
        ({"response_format": "json"}, 400, "invalid_type", "response_format"),
        ({"response_format": {"type": "xml"}}, 400, "invalid_value", "response_format.type"),
        (
            {"response_format": {"type": "json_schema"}},
            400,
            "missing_required_parameter",
            "response_format.json_schema",
        ),
        ({"response_format": json_schema(name="a b")}, 400, "invalid_value", "response_format.json_schema.name"),
        ({"response_format": json_schema(schema={**OBJECT, "required": []})}, 400, None, "response_format"),
        (
            {"response_format": json_schema(schema={**OBJECT, "additionalProperties": True})},
            400,
            None,
            "response_format",
        ),
        ({"response_format": json_schema(schema={"type": "string"})}, 400, None, "response_format"),
        ({"response_format": json_schema(schema=LOOSE_INSIDE)}, 400, None, "response_format"),
        ({"response_format": json_schema(schema=LOOSE_CHOICE)}, 400, None, "response_format"),
        (
            {"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "hi"}]},
            400,
            None,
            "messages",
        ),
    ],
)
def test_request_is_refused_as_the_service_does(
    requests: Requests, change: dict[str, Any], status: int, code: str | None, param: str
) -> None:
    with pytest.raises(Refusal) as refusal:
        complete(requests.body(**change))
    assert (refusal.value.status, refusal.value.code, refusal.value.param) == (status, code, param)


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 1},
        {"model": "gpt-4o", "temperature": 0.3, "max_completion_tokens": None, "max_tokens": 500},
        {"model": "gpt-4o-mini-2024-07-18"},
        {"model": "in-house"},
        {"response_format": json_schema(schema={**OBJECT, "required": []}, strict=False)},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]},
    ],
)
def test_request_that_the_service_takes_is_answered(requests: Requests, change: dict[str, Any]) -> None:
    assert complete(requests.body(**change), "in-house")["choices"][0]["finish_reason"] == "stop"


def test_prompt_beyond_the_model_is_refused(requests: Requests) -> None:
    with pytest.raises(Refusal, match="128000 tokens") as refusal:
        complete(requests.body("a " * 130_000, model="gpt-4o"))
    assert refusal.value.code == "context_length_exceeded"


@pytest.mark.parametrize("model", KNOWN_MODELS, ids=lambda model: model.alias)
def test_reply_names_the_dated_snapshot(requests: Requests, model: Model) -> None:
    shape: dict[str, Any] = {} if model.schemas else {"response_format": None}
    replies = [complete(requests.body(model=name, **shape))["model"] for name in (model.alias, model.snapshot)]
    assert replies == [model.snapshot, model.snapshot]
    assert model.snapshot.startswith(model.alias)


def test_usage_is_counted_from_the_text(requests: Requests) -> None:
    encoding = load_encoding()
    body = requests.body("Where is my shift?", model="gpt-4o")
    reply = complete(body)
    texts = [message[part] for message in body["messages"] for part in ("role", "content")]
    texts.append(json.dumps(body["response_format"], separators=(",", ":")))
    usage = reply["usage"]
    assert usage["prompt_tokens"] == sum(len(encoding.encode_ordinary(text)) for text in texts) + 9
    answer = reply["choices"][0]["message"]["content"]
    assert usage["completion_tokens"] == len(encoding.encode_ordinary(answer))
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 0
    assert usage["prompt_tokens_details"]["cached_tokens"] == 0


def test_reasoning_is_part_of_the_completion_tokens(requests: Requests) -> None:
    thinking = complete(requests.body())["usage"]
    silent = complete(requests.body(reasoning_effort="minimal"))["usage"]
    assert thinking["completion_tokens_details"]["reasoning_tokens"] == 128
    assert thinking["completion_tokens"] == silent["completion_tokens"] + 128
    assert silent["completion_tokens_details"]["reasoning_tokens"] == 0


@pytest.mark.parametrize(
    ("prompt", "effort", "expected"),
    [
        (1, "low", 64),
        (1024, "medium", 128),
        (1025, "medium", 256),
        (1, "high", 256),
        (10**6, "high", 4096),
        (9, "none", 0),
    ],
)
def test_reasoning_tokens_follow_the_stated_rule(prompt: int, effort: str, expected: int) -> None:
    assert reasoning_tokens(prompt, effort) == expected


@pytest.mark.parametrize(("limit", "content_tokens"), [(100, 0), (128, 0), (140, 12)])
def test_answer_is_cut_where_the_budget_ends(requests: Requests, limit: int, content_tokens: int) -> None:
    reply = complete(requests.body(max_completion_tokens=limit))
    whole = complete(requests.body())["choices"][0]["message"]["content"]
    choice = reply["choices"][0]
    assert (choice["finish_reason"], reply["usage"]["completion_tokens"]) == ("length", limit)
    assert count_tokens(choice["message"]["content"]) == content_tokens
    assert whole.startswith(choice["message"]["content"])


@given(st.text(), st.integers(0, 20))
def test_first_tokens_are_a_beginning_of_the_text_within_the_limit(text: str, limit: int) -> None:
    beginning = first_tokens(text, limit)
    assert text.startswith(beginning)
    assert count_tokens(text) <= limit or len(beginning) < len(text)


def test_lone_surrogates_can_be_counted_and_cut() -> None:
    assert count_tokens("a\ud800b") == count_tokens("a?b")
    assert first_tokens("\ud800", 5) == "\ud800"
