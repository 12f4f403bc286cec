"""Token counts with the o200k table, which all models of the catalogue are counted with.

Add other counts of text here. What a request costs in reasoning tokens is `chat.py`'s business.
"""

import warnings
from functools import cache, lru_cache
from typing import Any

# The prompt's instructions and its schema are the same in every line of a file. Only short texts are remembered: 32 of
# them hold at most 3 MB, while transcripts, which never repeat, would only push them out.
_REMEMBERED_CHARACTERS = 100_000


def count_tokens(text: str) -> int:
    """Return the number of o200k tokens of a text; lone surrogates, which UTF-8 cannot carry, count as "?"."""
    return len(_encode(text))


@lru_cache(maxsize=32)
def _count_remembered(text: str) -> int:
    return count_tokens(text)


def count_repeated_tokens(text: str) -> int:
    """Count a text that is likely to come again, such as the instructions of a prompt."""
    return _count_remembered(text) if len(text) <= _REMEMBERED_CHARACTERS else count_tokens(text)


def first_tokens(text: str, limit: int) -> str:
    """Return the part of a text that fits into `limit` tokens; a character cut in half is left out."""
    tokens = _encode(text)
    if len(tokens) <= limit:
        return text
    return str(load_encoding().decode_bytes(tokens[:limit]).decode("utf-8", "ignore"))


def _encode(text: str) -> list[int]:
    tokens: list[int] = load_encoding().encode_ordinary(text.encode("utf-8", "replace").decode("utf-8"))
    return tokens


@cache
def load_encoding() -> Any:
    """Read the table of tokens (0.4 s, once); called by whoever starts a service, before it has threads.

    Imported here, not above, because the package reads its tables when it is imported, and on Python 3.11 and 3.12 by a
    function deprecated there (and no longer in 3.13), which must not fail a program that makes warnings errors.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import bpe_openai

        return bpe_openai.get_encoding("o200k_base")
