"""Stated input tokens are no fewer than real vocabularies count, for texts of every kind and for the worst that were found."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import ceil
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.analysis.rules.prompt import request_body, transcript_data
from livedash_pipeline.analysis.rules.request_lines import RequestSizer
from livedash_pipeline.base.rules.json_lines import line_json
from livedash_pipeline.intake.rules.messages import Message
from livedash_pipeline.money.rules.request_framing import framing_tokens
from livedash_pipeline.money.rules.token_margins import TokenMargin, stated_input_tokens, token_margin
from livedash_pipeline.services.openai.tokens import count_tokens
from tests.money.texts import LANGUAGES, TEXTS
from tests.money.vocabularies import cl100k

SESSION = UUID(int=7)
COUNTERS: dict[str, Callable[[str], int]] = {
    "gpt-5-mini": count_tokens, "gpt-4o": count_tokens, "gpt-4-turbo": cl100k, "gpt-3.5-turbo": cl100k,
}  # fmt: skip
models = st.sampled_from(sorted(COUNTERS))
words = st.sampled_from([*TEXTS.values(), "<|endoftext|>", "\\", '"', "\x00", "\u2028"])
texts = st.text() | st.text(st.characters(codec="utf-8"), max_size=20) | st.lists(words, max_size=3).map("".join)

OWN, OPEN = TokenMargin(Decimal("1.01"), Decimal(0), 8), TokenMargin(Decimal("1.01"), Decimal(0), 256)
OLD, BYTES = TokenMargin(Decimal(0), Decimal(1), 8), TokenMargin(Decimal(0), Decimal(1), 256)
NORMALISED, UNKNOWN = TokenMargin(Decimal(3), Decimal(1), 1024), TokenMargin(Decimal(6), Decimal(1), 1024)

MEASURED = [
    # gptoss
    ("gpt-oss-120b", "German", 46),
    ("gpt-oss-120b", "Georgian", 29),
    ("gpt-oss-120b", "emoji", 126),
    ("gpt-oss-120b", "digits", 42),
    # claude
    ("claude-2.1", "German", 64),
    ("claude-2.1", "Georgian", 110),
    ("claude-2.1", "emoji", 186),
    ("claude-2.1", "digits", 36),
    ("claude-2.1", "one token of o200k", 128),
    ("claude-2.1", "Malayalam place", 240),
    ("claude-2.1", "Arabic ligature", 600),
    # gemini
    ("gemini-2.5-flash", "German", 45),
    ("gemini-2.5-flash", "Georgian", 63),
    ("gemini-2.5-flash", "emoji", 78),
    ("gemini-2.5-flash", "digits", 85),
    ("gemini-2.5-flash", "Tibetan vowel", 120),
    ("gemini-2.5-flash", "tabs and capitals", 80),
    ("gemini-2.5-flash", "control characters", 80),
    # gemma3
    ("gemma-3-27b-it", "German", 47),
    ("gemma-3-27b-it", "Georgian", 42),
    ("gemma-3-27b-it", "emoji", 78),
    ("gemma-3-27b-it", "digits", 85),
    ("gemma-3-27b-it", "tabs and capitals", 80),
    ("gemma-3-27b-it", "ideographic spaces", 768),
    ("gemma-3-27b-it", "control characters", 80),
    # llama2
    ("llama-2-70b-chat", "German", 67),
    ("llama-2-70b-chat", "Georgian", 93),
    ("llama-2-70b-chat", "emoji", 175),
    ("llama-2-70b-chat", "digits", 86),
    ("llama-2-70b-chat", "Tibetan vowel", 121),
    ("llama-2-70b-chat", "tabs and capitals", 81),
    ("llama-2-70b-chat", "control characters", 81),
    # llama3_1
    ("llama-3.1-70b-instruct", "German", 55),
    ("llama-3.1-70b-instruct", "Georgian", 167),
    ("llama-3.1-70b-instruct", "emoji", 186),
    ("llama-3.1-70b-instruct", "digits", 42),
    ("llama-3.1-70b-instruct", "Tibetan vowel", 120),
    ("llama-3.1-70b-instruct", "control characters", 80),
    ("llama-3.1-70b-instruct", "private use", 200),
    # qwen3
    ("qwen3-32b", "German", 54),
    ("qwen3-32b", "Georgian", 90),
    ("qwen3-32b", "emoji", 105),
    ("qwen3-32b", "digits", 85),
    ("qwen3-32b", "split letter", 160),
    ("qwen3-32b", "notes", 240),
    ("qwen3-32b", "Tibetan vowel", 240),
    # deepseek_v3
    ("deepseek-chat", "German", 53),
    ("deepseek-chat", "Georgian", 63),
    ("deepseek-chat", "emoji", 132),
    ("deepseek-chat", "digits", 42),
    ("deepseek-chat", "Arabic ligature", 120),
    ("deepseek-chat", "tabs and capitals", 80),
    ("deepseek-chat", "control characters", 80),
    # mistral tekken
    ("mistral-small-latest", "German", 51),
    ("mistral-small-latest", "Georgian", 39),
    ("mistral-small-latest", "emoji", 282),
    ("mistral-small-latest", "digits", 85),
    ("mistral-small-latest", "tabs and capitals", 80),
    ("mistral-small-latest", "control characters", 80),
    ("mistral-small-latest", "private use", 200),
    # mistral sentencepiece
    ("mixtral-8x7b", "German", 67),
    ("mixtral-8x7b", "Georgian", 93),
    ("mixtral-8x7b", "emoji", 175),
    ("mixtral-8x7b", "digits", 86),
    ("mixtral-8x7b", "Tibetan vowel", 121),
    ("mixtral-8x7b", "tabs and capitals", 81),
    ("mixtral-8x7b", "control characters", 81),
    # ctok 3.0
    ("claude-sonnet-4-5", "German", 71),
    ("claude-sonnet-4-5", "Georgian", 62),
    ("claude-sonnet-4-5", "emoji", 193),
    ("claude-sonnet-4-5", "digits", 44),
    ("claude-sonnet-4-5", "Tibetan vowel", 162),
    ("claude-sonnet-4-5", "split letter", 240),
    ("claude-sonnet-4-5", "notes", 481),
    # ctok 4.7
    ("claude-opus-4-7", "German", 104),
    ("claude-opus-4-7", "Georgian", 61),
    ("claude-opus-4-7", "emoji", 192),
    ("claude-opus-4-7", "digits", 45),
    ("claude-opus-4-7", "tabs and capitals", 120),
    ("claude-opus-4-7", "split letter", 239),
    ("claude-opus-4-7", "notes", 480),
]
"""Tokens that other vocabularies counted on 2026-11-30, worst texts among them: see `tests.money.token_margins`."""


def cookbook_tokens(messages: Sequence[dict[str, str]], count: Callable[[str], int]) -> int:
    """Counts a chat as OpenAI's cookbook does for the models since gpt-3.5-turbo-0613."""
    return 3 + sum(3 + count(message["role"]) + count(message["content"]) for message in messages)


def analysis(model: str, contents: Sequence[str], *, indent: int | None) -> tuple[int, int]:
    """Stated and real tokens of an analysis, whose schema the service writes below its headings with this indentation."""
    data = transcript_data(SESSION, [Message("user", content, None) for content in contents])
    size = RequestSizer.for_model(model, count_tokens).measure(data)
    body = request_body(model, data)
    schema = body["response_format"]["json_schema"]
    written = f"\n\n# Response Formats\n\n## {schema['name']}\n\n{json.dumps(schema['schema'], indent=indent)}"
    real = cookbook_tokens(body["messages"], COUNTERS[model]) + COUNTERS[model](written)
    return stated_input_tokens(size.token_estimate, size.body_bytes, token_margin(model)), real


@given(models, st.lists(texts, max_size=4))
def test_an_analysis_is_billed_no_more_than_stated(model: str, contents: list[str]) -> None:
    stated, real = analysis(model, contents, indent=2)
    assert stated >= real


@given(models, st.lists(texts, min_size=1, max_size=8))
def test_a_chat_is_billed_no_more_than_stated(model: str, contents: list[str]) -> None:
    roles = ("system", "user", "assistant")
    messages = [{"role": roles[n % 3], "content": content} for n, content in enumerate(contents)]
    estimate = sum(map(count_tokens, contents)) + framing_tokens(len(messages))
    size = len(line_json({"model": model, "messages": messages}).encode())
    real = cookbook_tokens(messages, COUNTERS[model])
    assert stated_input_tokens(estimate, size, token_margin(model)) >= real


@pytest.mark.parametrize("kind", sorted(TEXTS))
@pytest.mark.parametrize("model", sorted(COUNTERS))
def test_every_kind_of_text_is_billed_no_more_than_stated(model: str, kind: str) -> None:
    for messages in (1, 40):
        stated, real = analysis(model, [TEXTS[kind]] * messages, indent=2)
        assert stated >= real


@pytest.mark.parametrize("messages", [1, 4, 40])
@pytest.mark.parametrize("language", ["English", "German"])
@pytest.mark.parametrize("model", ["gpt-5-mini", "gpt-4o"])
def test_ordinary_text_is_stated_at_15_percent_more_at_most(model: str, language: str, messages: int) -> None:
    stated, real = analysis(model, [LANGUAGES[language]] * messages, indent=None)
    assert real <= stated <= 1.15 * real


@pytest.mark.parametrize(("model", "kind", "real"), MEASURED)
def test_measured_counts_of_other_vocabularies_are_covered_by_the_text_alone(model: str, kind: str, real: int) -> None:
    text = TEXTS[kind]
    margin = replace(token_margin(model), fixed=1)
    assert stated_input_tokens(count_tokens(text), len(text.encode()), margin) >= real


@pytest.mark.parametrize(
    ("margin", "names"),
    [
        (
            OWN,
            "gpt-4o gpt-4o-mini-2024-07-18 chatgpt-4o-latest gpt-4.1-nano gpt-41-mini gpt-4-1 gpt-4.5-preview gpt-5 gpt-5-mini "
            "gpt-5.1 gpt-5-2025-08-07 GPT-5.2-Pro openai/gpt-5-nano prod-gpt-4o ft:gpt-4o-mini-2024-07-18:acme::abc o1 o3-mini "
            "o4-mini-2025-04-16 openai/o3 ft:o4-mini-2025-04-16:acme::abc",
        ),
        (OPEN, "gpt-oss-120b openai/gpt-oss-20b:free"),
        (OLD, "gpt-4 gpt-4-turbo gpt-4-0613 gpt-4-1106-preview gpt-3.5-turbo gpt-35-turbo ft:gpt-3.5-turbo:acme:o1:id"),
        (
            BYTES,
            "gemini-2.5-flash google/gemma-3-27b-it deepseek-chat llama-3.3-70b-versatile meta-llama/Llama-3.1-8B-Instruct "
            "llama3.1 mistral-small-latest open-mixtral-8x7b codestral-latest llama-2-gpt-4o gpt-6-luna gpt-6.1-sol gpt-7 o5",
        ),
        (
            NORMALISED,
            "claude-sonnet-4-5 claude-3-5-haiku-latest anthropic/claude-opus-4.7 qwen3-32b Qwen/QwQ-32B "
            "deepseek-r1-distill-qwen-32b",
        ),
        (
            UNKNOWN,
            "grok-4 claude-2.1 claude-v2 claude-instant-1 gpt-5b cerebras-gpt-13b gpt-neo gpt4all minigpt-4o "
            "skywork-o1-preview marco-o1 command-r-plus text-davinci-003 ft: a",
        ),
    ],
)
def test_a_name_tells_the_family(margin: TokenMargin, names: str) -> None:
    assert {name: token_margin(name) for name in names.split()} == dict.fromkeys(names.split(), margin)


@given(st.integers(0, 10**18), st.integers(0, 10**18), st.sampled_from([OWN, OPEN, OLD, BYTES, NORMALISED, UNKNOWN]))
def test_the_statement_is_exact_and_rounded_up(estimate: int, size: int, margin: TokenMargin) -> None:
    exact = estimate * Fraction(margin.per_token) + size * Fraction(margin.per_byte)
    assert stated_input_tokens(estimate, size, margin) == ceil(exact) + margin.fixed
