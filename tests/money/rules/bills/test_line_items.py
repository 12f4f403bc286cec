"""Line items as bills were seen to name them."""

from __future__ import annotations

import pytest

from livedash_pipeline.money.rules.bills.line_items import model_of


@pytest.mark.parametrize(
    ("line_item", "model"),
    [
        ("gpt-4o-mini-2024-07-18, input", "gpt-4o-mini-2024-07-18"),
        ("gpt-4o-mini-2024-07-18, cached input", "gpt-4o-mini-2024-07-18"),
        ("gpt-5-mini-2025-08-07, batch input", "gpt-5-mini-2025-08-07"),
        ("gpt-5.6-luna, cache writes", "gpt-5.6-luna"),
        ("gpt-5-nano, input_tokens", "gpt-5-nano"),
        ("gpt-5-nano , input, something new", "gpt-5-nano"),
        ("ft:gpt-4o-2024-08-06:acme::abc123, output", "ft:gpt-4o-2024-08-06:acme::abc123"),
        ("gpt-audio-mini-2025-12-15 text, output", "gpt-audio-mini-2025-12-15"),
        ("batch | gpt-4o, input", "gpt-4o"),
        ("Batch API | file storage", "file storage"),
        ("evals | gpt-4o-mini-2024-07-18,  input", "evals | gpt-4o-mini-2024-07-18"),
        ("assistants api | file search", "assistants api | file search"),
        ("web search tool calls", "web search tool calls"),
        ("web search tool calls, preview", "web search tool calls, preview"),
        ("text-embedding-3-small", "text-embedding-3-small"),
    ],
)
def test_a_line_item_is_about_a_model_or_keeps_its_name(line_item: str, model: str) -> None:
    assert model_of(line_item) == model
