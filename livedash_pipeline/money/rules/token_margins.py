"""Bounds the input tokens that a service may bill for a request, from the estimate and the bytes that are stored with it.

The estimate is counted with OpenAI's o200k vocabulary, and other models have other vocabularies. Add a family of models when its
vocabulary was measured; `python -m tests.money.token_margins` counts with the real ones. Prices are elsewhere.

Measured on 2026-11-30, in real tokens per estimated token; the last column is what the estimate has to cover of the worst text
after each of its bytes has covered one token:

| Vocabulary | English | German | worst language | worst text | per token beside bytes |
| --- | --- | --- | --- | --- | --- |
| o200k (gpt-4o, gpt-4.1, gpt-5, o1 and later; gpt-oss) | 1.00 | 1.00 | 1.00 | 1.00 | - |
| cl100k (gpt-4, gpt-3.5) | 1.00 | 1.20 | Georgian 5.8 | 32 | 0 |
| Gemini, Gemma 3 | 1.00 | 1.02 | Georgian 2.2 | 48 | 0 |
| Llama 3, DeepSeek 3 | 1.00 | 1.20 | Georgian 5.8 | 25 | 0 |
| Llama 2, Mistral's sentencepiece; Mistral's tekken | 1.05 | 1.46 | Hindi 3.3 | 36 | 0 |
| Qwen 3 | 1.00 | 1.17 | Georgian 3.1 | 19 | 1.5 |
| Claude 3 to 4.6, and from 4.7 on (reconstructed) | 1.28 | 2.26 | Thai 2.3 | 23 | 3.0 |
| Claude 2 | 1.00 | 1.39 | Thai 4.8 | 35 | 6.0 |

No factor on the estimate alone bounds another vocabulary: one token of o200k can be a word of 27 bytes in a rare script, each a
token elsewhere, and a factor of 36 is useless. Bytes do bound it, at 4 to 5 an English token. So the bound is a sum of both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, localcontext

# 19 digits of tokens or bytes times a factor of 3 fit; nothing may be rounded before the end.
_DIGITS = 60


@dataclass(frozen=True, slots=True)
class TokenMargin:
    """The parameters of a bound: `ceil(token_estimate * per_token + body_bytes * per_byte) + fixed` tokens.

    Attributes:
        per_token: Tokens for each token of the estimate.
        per_byte: Tokens for each byte of the request's line.
        fixed: Tokens for each request: what a service adds unasked.
    """

    per_token: Decimal
    per_byte: Decimal
    fixed: int


EXACT = TokenMargin(Decimal(1), Decimal(0), 0)
"""For figures that are the count itself."""


@dataclass(frozen=True, slots=True)
class _Family:
    """Matches names of models in lower case, and holds the margin that they need."""

    pattern: re.Pattern[str]
    margin: TokenMargin


# The estimate is the count itself; the rest is for what the service does not publish.
_OWN = TokenMargin(Decimal("1.01"), Decimal(0), 8)
# The same vocabulary; servers add a system message of their own before ours.
_OWN_OPEN = TokenMargin(Decimal("1.01"), Decimal(0), 256)
# Vocabularies of bytes never make more tokens than bytes, and a message's frame has fewer tokens than its JSON has bytes.
_OLD = TokenMargin(Decimal(0), Decimal(1), 8)
_BYTES = TokenMargin(Decimal(0), Decimal(1), 256)
# Text is normalised or marked first, so that some characters make more tokens than bytes; a schema may bring a prompt for tools.
_NORMALISED = TokenMargin(Decimal(3), Decimal(1), 1024)
# The most that any measured vocabulary needs.
_UNKNOWN = TokenMargin(Decimal(6), Decimal(1), 1024)

# The first that matches decides. Other vendors stand before OpenAI, so that a model of theirs that borrows such a name gets more.
# What OpenAI publishes next is unknown until it was measured, save that all of its vocabularies so far are of bytes and normalise
# nothing.
_FAMILIES = tuple(
    _Family(re.compile(pattern), margin)
    for pattern, margin in (
        (r"(?<![a-z0-9])claude-v?[12](?![0-9])|(?<![a-z0-9])claude-instant", _UNKNOWN),
        (r"(?<![a-z0-9])claude(?![a-z])|(?<![a-z0-9])(?:qwen|qwq)", _NORMALISED),
        (r"(?<![a-z0-9])gpt-oss(?![a-z])", _OWN_OPEN),
        (r"(?<![a-z0-9])(?:gemini|gemma|deepseek)(?![a-z])", _BYTES),
        (r"(?<![a-z0-9])(?:llama|mistral|mixtral|ministral|codestral|magistral|devstral)(?![a-z])", _BYTES),
        (r"(?<![a-z0-9])(?:chat)?gpt[-_ ]?(?:4o|4[.-]?[15]|5(?:[.-]?\d+)?)(?![a-z0-9.])", _OWN),
        (r"^(?:(?:openai|azure)/)?o[134](?![a-z0-9.])", _OWN),
        (r"(?<![a-z0-9])gpt[-_ ]?(?:4|3[.-]?5)(?![a-z0-9.])", _OLD),
        (r"^(?:(?:openai|azure)/)?(?:gpt-\d+(?:\.\d+)?|o\d+)(?![a-z0-9.])", _BYTES),
    )
)


def token_margin(model: str) -> TokenMargin:
    """Returns the margin of a model by its name; models of unknown vendors get the largest."""
    name = model.strip().lower()
    if name.startswith("ft:"):
        # What follows the base model was named by its owner.
        name = name.split(":")[1]
    family = next((each for each in _FAMILIES if each.pattern.search(name)), None)
    return _UNKNOWN if family is None else family.margin


def stated_input_sum(requests: int, token_estimate: int, body_bytes: int, margin: TokenMargin) -> int:
    """Returns the most input tokens of several requests with so many estimated tokens and bytes together."""
    # Each is rounded up by itself.
    return stated_input_tokens(token_estimate, body_bytes, margin) + max(requests - 1, 0) * (margin.fixed + 1)


def stated_input_tokens(token_estimate: int, body_bytes: int, margin: TokenMargin) -> int:
    """Returns the most input tokens that the service may bill for a request of this estimate and this size.

    Args:
        token_estimate: Tokens in the o200k vocabulary of all texts of the request, with the frame of its messages.
        body_bytes: Bytes of the request's line.
        margin: The margin of its model.
    """
    with localcontext(prec=_DIGITS):
        stated = token_estimate * margin.per_token + body_bytes * margin.per_byte
        return int(stated.to_integral_value(ROUND_CEILING)) + margin.fixed
