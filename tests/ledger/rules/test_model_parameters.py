"""What a model gets by its name, and which parameters an operator may store."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.ledger.rules.admission.model_parameters import (
    MAXIMUM_NAMES,
    default_parameters,
    maximum_of,
    read_parameters,
)

PLAIN = {"max_tokens": 1000, "temperature": 0}
REASONING = {"max_completion_tokens": 4000, "reasoning_effort": "low"}
HIGH = {"max_completion_tokens": 16000, "reasoning_effort": "high"}
CHAT = {"max_completion_tokens": 1000, "temperature": 0}
BARE = {"max_completion_tokens": 4000}

NAMES = {
    **dict.fromkeys(
        [
            *("gpt-5-mini", "GPT-5-mini", "gpt-5-mini-2025-08-07", "openai.gpt-5-mini", "us.openai.gpt-5-mini"),
            *("openai/gpt-5-mini", "azure/gpt-5-mini", "models/gpt-5-mini", "openrouter/openai/gpt-5", "prod-gpt5"),
            *("prod_gpt_5", "ft:gpt-5-mini:acme::x", "ft:gpt-5-mini-2025-08-07:acme:name:x", "azure/prod-gpt5-eu"),
            *("gpt-5.1", "gpt-5.4-nano", "gpt-51", "gpt-6-luna", "gpt-10", "gpt-5-mini-prod", "gpt-5-mini-chat-prod"),
            *("o1", "o3", "o3-mini", "o3-pro", "o4-mini-2025-04-16", "openai/o4-mini", "my-o4-mini"),
        ],
        REASONING,
    ),
    **dict.fromkeys(["gpt-5-pro", "gpt-5-pro-2025-10-06", "openai/gpt-5-pro", "gpt-5.4-pro"], HIGH),
    **dict.fromkeys(["gpt-5-chat-latest", "gpt-5-chat", "openai/GPT-5-chat-latest", "prod-gpt5-chat"], CHAT),
    **dict.fromkeys(
        ["gpt-5.1-chat-latest", "gpt-5.2-chat", "gpt-4o-search-preview", "gpt-5-search-api", "o1-mini", "o1-preview"],
        BARE,
    ),
    **dict.fromkeys(
        [
            *(
                "gpt-4o",
                "gpt-4o-mini",
                "gpt-4.1",
                "gpt-4-0613",
                "gpt-4",
                "gpt-3.5-turbo",
                "gpt-35-turbo",
                "gpt-41-mini",
            ),
            *("ft:gpt-4o-mini-2024-07-18:acme::x", "chatgpt-4o-latest", "gpt-oss-120b", "openai.gpt-oss-120b-1:0"),
            *("llama-3-70b", "deepseek/deepseek-r1", "marco-o1", "qwen3-32b", "mistral-large", "foo5", "ft:", "", "/"),
        ],
        PLAIN,
    ),
}


@pytest.mark.parametrize(("model", "parameters"), NAMES.items())
def test_a_model_takes_what_its_base_model_takes(model: str, parameters: dict[str, Any]) -> None:
    assert default_parameters(model) == parameters


@given(st.text())
def test_every_name_has_parameters_with_a_maximum(model: str) -> None:
    assert maximum_of(default_parameters(model)) >= 1000


@pytest.mark.parametrize(
    "text",
    [
        '{"max_tokens": 1}',
        '{"max_completion_tokens": 1000000, "reasoning_effort": "minimal"}',
        '{"max_output_tokens": 500, "max_tokens": null, "top_p": 0.5}',
        '{"max_tokens": 10, "response_format": {"type": "json_object"}}',
        '{"max_tokens": 10, "response_format": null}',
    ],
)
def test_parameters_with_a_maximum_are_taken(text: str) -> None:
    assert read_parameters(text) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no JSON object"),
        ("null", "no JSON object"),
        ("{}", "none of max_completion_tokens"),
        ('{"temperature": 0}', "none of max_completion_tokens"),
        ('{"max_tokens": null}', "none of max_completion_tokens"),
        *(
            (f'{{"{name}": {value}}}', "a whole number")
            for name in MAXIMUM_NAMES
            for value in ("0", "-1", "1.5", "true")
        ),
        ('{"max_tokens": "100"}', "a whole number"),
        ('{"max_tokens": 1000001}', "a whole number"),
        ('{"max_tokens": 1, "temperature": NaN}', "no JSON"),
        ('{"max_tokens": 1, "model": "x"}', "'model' is set by the pipeline"),
        ('{"max_tokens": 1, "messages": [], "stream": true}', "'messages', 'stream' is set"),
        ('{"max_tokens": 1, "n": 5}', "'n' is set"),
        *(
            (f'{{"max_tokens": 1, {held}}}', said)
            for text, said in ((r"a\u0000b", "NUL"), (r"\ud800", "surrogate"), ("<@transcript@>", "transcript"))
            for held in (f'"user": "{text}"', f'"{text}": 1', f'"stop": ["{text}"]', f'"metadata": {{"a": ["{text}"]}}')
        ),
        ('{"max_tokens": 1, "temperature": 1e400}', "too large"),
        ('{"max_tokens": 1, "response_format": "json"}', "'response_format'"),
        ('{"max_tokens": 1, "stop": "' + "x" * 10_000 + '"}', "characters are too many"),
    ],
)
def test_other_parameters_are_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_parameters(text)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(json.dumps) | st.text())
def test_reading_parameters_never_fails_otherwise(text: str) -> None:
    try:
        assert maximum_of(read_parameters(text)) >= 1
    except ValueError as error:
        assert str(error)


def test_parameters_without_a_maximum_cannot_be_priced() -> None:
    assert maximum_of({"max_tokens": 5, "max_completion_tokens": 7}) == 7
    with pytest.raises(ValueError, match="no maximum"):
        maximum_of({"temperature": 0, "max_tokens": None})
