"""The size of a turn is that of its line, and its estimate counts all that the model is shown."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import create_engine

from livedash_pipeline.chats.rules.providers import Configuration
from livedash_pipeline.chats.rules.turn_lines import turn_line
from livedash_pipeline.chats.rules.turns import Exchange, turn_messages
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.sizes import size_of
from livedash_pipeline.settings import Settings

TOOLS = [{"type": "function", "function": {"name": "find", "description": "finds a person " * 50}}]
CONFIGURATION = Configuration(
    provider="openai",
    base_url="https://api.example.org/v1",
    model="gpt-5-mini",
    parameters={"max_completion_tokens": 100, "tools": TOOLS},
    system_prompt="Be helpful.",
    prompt_version="1",
    concurrency=2,
    requests_per_minute=None,
    timeout_seconds=5,
    search_provider="none",
    page_language=None,
    override_text=None,
    turn_policy="stop",
)
# Nothing connects.
CONTEXT = ChatContext(create_engine("postgresql+psycopg://"), Settings(), {})


def test_a_turn_is_as_large_as_its_line() -> None:
    history = [Exchange("", "\x01\x02\u2028")] * 50
    messages = turn_messages(CONFIGURATION, 'Who is "she"?', history=history)
    size = size_of(CONTEXT, CONFIGURATION, messages)
    assert size.body_bytes == len(turn_line(uuid4(), CONFIGURATION, messages)) + 1
    assert size.max_output_tokens == 100


def test_an_estimate_counts_frames_and_tools() -> None:
    messages = turn_messages(CONFIGURATION, "Who is she?")
    plain = CONFIGURATION.model_copy(update={"parameters": {"max_completion_tokens": 100}})
    bare, full = (size_of(CONTEXT, each, messages).tokens for each in (plain, CONFIGURATION))
    prompt, question = 3, 4
    assert bare == prompt + question + 11
    assert full > bare + 150
