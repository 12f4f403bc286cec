"""How large a turn is, as the ledger reserves it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from livedash_pipeline.chats.rules.providers import Configuration
from livedash_pipeline.chats.rules.turn_lines import turn_line
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.store.turns import RequestSize
from livedash_pipeline.ledger.rules.admission.model_parameters import maximum_of
from livedash_pipeline.money.rules.request_framing import framing_tokens, parameter_text

# Every id is as long.
_ANY_ID = UUID(int=0)


def size_of(context: ChatContext, configuration: Configuration, messages: Sequence[dict[str, str]]) -> RequestSize:
    """Bytes of its line with its line end, tokens of its messages and parameters, and the most tokens of its answer."""
    texts = [*(message["content"] for message in messages), parameter_text(configuration.parameters)]
    tokens = sum(map(context.count_tokens, texts)) + framing_tokens(len(messages))
    size = len(turn_line(_ANY_ID, configuration, list(messages))) + 1
    return RequestSize(size, tokens, maximum_of(configuration.parameters))
