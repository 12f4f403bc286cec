"""What is counted beside the texts of messages."""

from __future__ import annotations

from typing import Any

import pytest

from livedash_pipeline.money.rules.request_framing import framing_tokens, parameter_text


def test_a_message_has_a_frame_and_a_role_and_the_answer_a_start() -> None:
    assert [framing_tokens(messages) for messages in (0, 1, 2, 50)] == [3, 7, 11, 203]


def test_a_schema_stands_below_its_headings() -> None:
    schema = {"name": "verdict", "strict": True, "schema": {"type": "object"}}
    shape = {"type": "json_schema", "json_schema": schema}
    text = '\n\n# Response Formats\n\n## verdict\n\n{\n  "type": "object"\n}'
    assert parameter_text({"response_format": shape, "max_tokens": 1}) == text
    schema["description"] = "one word"
    assert "## verdict\n\n// one word\n{" in parameter_text({"response_format": shape})


def test_tools_and_texts_are_counted_as_indented_json() -> None:
    tools = [{"type": "function", "function": {"name": "größe"}}]
    text = parameter_text({"tools": tools, "reasoning_effort": "low"})
    assert '"name": "größe"' in text and '  "reasoning_effort": "low"' in text


@pytest.mark.parametrize(
    "shape", [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "n"}}, {"json_schema": "a name"}]
)
def test_another_writing_of_a_format_is_counted_whole(shape: dict[str, Any]) -> None:
    text = parameter_text({"response_format": shape})
    assert all(name in text for name in ("response_format", *shape))


def test_numbers_and_switches_are_not_shown_to_the_model() -> None:
    assert parameter_text({"max_tokens": 1000, "temperature": 0, "logprobs": True, "response_format": None}) == ""
