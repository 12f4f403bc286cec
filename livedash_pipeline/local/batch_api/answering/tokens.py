"""Token counts with the o200k table, which all models of the catalogue are counted with.

Add other counts of text here; the table itself is loaded by `services.openai.tokens`. What a request costs in reasoning tokens
is `chat.py`'s business.
"""

from functools import lru_cache

from livedash_pipeline.services.openai.tokens import load_encoding

# The prompt's instructions and its schema are the same in every line of a file. Only short texts are remembered: 32 of
# them hold at most 3 MB, while transcripts, which never repeat, would only push them out.
_REMEMBERED_CHARACTERS = 100_000


def count_tokens(text: str) -> int:
    """Returns the number of o200k tokens of a text; lone surrogates, which UTF-8 cannot carry, count as "?"."""
    return len(_encode(text))


@lru_cache(maxsize=32)
def _count_remembered(text: str) -> int:
    return count_tokens(text)


def count_repeated_tokens(text: str) -> int:
    """Counts a text that is likely to come again, such as the instructions of a prompt."""
    return _count_remembered(text) if len(text) <= _REMEMBERED_CHARACTERS else count_tokens(text)


def first_tokens(text: str, limit: int) -> str:
    """Returns the part of a text that fits into `limit` tokens; a character cut in half is left out."""
    tokens = _encode(text)
    if len(tokens) <= limit:
        return text
    return load_encoding().decode_bytes(tokens[:limit]).decode("utf-8", "ignore")


def _encode(text: str) -> list[int]:
    return load_encoding().encode_ordinary(text.encode("utf-8", "replace").decode("utf-8"))
