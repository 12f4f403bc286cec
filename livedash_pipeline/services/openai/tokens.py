"""Counting tokens before buying: for the share of the enqueued-token limit and for estimates of cost.

Counts use OpenAI's o200k vocabulary, which fits the models of gpt-4o and later; for other vendors they are an estimate.
What was really used comes with each answer and with `batch.usage`, and is not counted here.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Protocol, cast


class Encoding(Protocol):
    """What is used of the vocabulary."""

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the tokens of a text that UTF-8 can carry."""
        ...

    def decode_bytes(self, tokens: list[int]) -> bytes:
        """Return the UTF-8 of tokens; the last character may be cut in half."""
        ...


@cache
def load_encoding() -> Encoding:
    """The vocabulary, whose tables are inside the wheel; other tokenisers download theirs when first used.

    The package takes 0.4 s to import, and on Python 3.11 and 3.12 reads its tables by a function deprecated there, so it is
    imported when something is first counted and its warning is not passed on.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import bpe_openai

        return cast(Encoding, bpe_openai.get_encoding("o200k_base"))


def count_tokens(text: str) -> int:
    """Tokens of a text without a chat's framing; words that look like special tokens count as the text they are."""
    return len(load_encoding().encode_ordinary(text))
