"""How large a turn is, as the ledger reserves it."""

from __future__ import annotations

from collections.abc import Sequence

from livedash_pipeline.chats.rules.providers import Configuration
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.store.turns import RequestSize
from livedash_pipeline.ledger.rules.admission.model_parameters import maximum_of

# Three tokens frame each message and three start the answer (OpenAI's cookbook on counting tokens).
_FRAME_TOKENS = 3
# A line's envelope, its parameters, and what JSON escapes: an estimate may be too high and not too low.
_FRAME_BYTES = 1000


def size_of(context: ChatContext, configuration: Configuration, messages: Sequence[dict[str, str]]) -> RequestSize:
    """Bytes of its line, tokens of its messages, and the most tokens of its answer."""
    texts = [message["content"] for message in messages]
    tokens = sum(map(context.count_tokens, texts)) + _FRAME_TOKENS * (len(texts) + 1)
    size = sum(2 * len(text.encode("utf-8", errors="replace")) for text in texts) + _FRAME_BYTES
    return RequestSize(size, tokens, maximum_of(configuration.parameters))
