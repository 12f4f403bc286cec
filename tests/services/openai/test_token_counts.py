"""Token counts against published counts of the o200k vocabulary, and texts that other counters refuse."""

from __future__ import annotations

import pytest

from livedash_pipeline.services.openai.tokens import count_tokens


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("hello world", 2), ("tiktoken is great!", 6)])
def test_counts_of_known_texts(text: str, tokens: int) -> None:
    assert count_tokens(text) == tokens


def test_words_that_look_like_special_tokens_count_as_text() -> None:
    assert count_tokens("<|endoftext|>") > 1


def test_text_with_a_lone_surrogate_can_be_counted() -> None:
    assert count_tokens("a\ud800b") >= 2


def test_long_text_without_spaces_is_counted() -> None:
    assert 10_000 <= count_tokens("ab" * 100_000) <= 200_000
