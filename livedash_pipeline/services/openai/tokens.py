"""Counts tokens before a purchase: for the share of the enqueued-token limit and for estimates of cost.

Counts use OpenAI's o200k vocabulary, which fits the models of gpt-4o and later; for other vendors they are an estimate.
Each answer and `batch.usage` state the real usage.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Protocol, cast


class Encoding(Protocol):
    """The used part of the vocabulary's interface."""

    def encode_ordinary(self, text: str) -> list[int]:
        """Returns the tokens of a text that UTF-8 can carry."""
        ...

    def decode_bytes(self, tokens: list[int]) -> bytes:
        """Returns the UTF-8 of tokens; the last character may be cut in half."""
        ...


@cache
def load_encoding() -> Encoding:
    """Loads the vocabulary, whose tables are inside the wheel; other tokenisers download theirs when first used.

    The package takes 0.4 s to import, and on Python 3.11 and 3.12 reads its tables by a deprecated function. So it is imported at
    the first count, and its warning is suppressed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import bpe_openai

        return cast(Encoding, bpe_openai.get_encoding("o200k_base"))


def count_tokens(text: str) -> int:
    """Counts the tokens of a text without a chat's framing; words that look like special tokens count as text."""
    return len(load_encoding().encode_ordinary(text))
