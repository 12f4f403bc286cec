"""What a batch that was moved in keeps of how it was asked: what its documents say, and nothing that they do not.

Add a field here when the old system's documents say more about it.
"""

from __future__ import annotations

from collections import Counter

from livedash_pipeline.chats.rules.documents.moved import MovedBatch
from livedash_pipeline.chats.rules.providers import Configuration

BASE_URL = "https://imported.invalid/v1"
"""Stands for the address that answered; nobody can be asked there."""

UNKNOWN = "unknown"
LONGEST_NAME = 200
_LONGEST_WORD = 100


def configuration_of(batch: MovedBatch) -> Configuration:
    """The configuration of a batch, with the model that most of its answers name.

    Prompt, parameters and limits are not in the documents: what stands for them is never used, as the batch is over. The old
    system asked the turns after a failed one.
    """
    return Configuration(
        provider=_word(batch.ai_provider) or UNKNOWN,
        base_url=BASE_URL,
        model=_model(batch),
        parameters={"max_tokens": 1000},
        system_prompt="",
        prompt_version="imported",
        concurrency=1,
        requests_per_minute=None,
        timeout_seconds=60.0,
        search_provider=_word(batch.search_provider) or "none",
        page_language=_word(batch.page_language) or None,
        override_text=None,
        turn_policy="continue",
    )


def name_of(batch: MovedBatch) -> str:
    """The name of a batch on one line; without one, its id of the old system."""
    return _line(batch.name, LONGEST_NAME) or f"Batch {batch.legacy_id}"


def type_of(batch: MovedBatch) -> str:
    """The old system's word for what kind of batch it is."""
    return _word(batch.type) or "question"


def uploader_of(batch: MovedBatch) -> str | None:
    """Who uploaded a batch, by the old system's id or address."""
    return _line(batch.uploader, LONGEST_NAME) or None


def _model(batch: MovedBatch) -> str:
    named = Counter(turn.model for chat in batch.chats for turn in chat.turns if turn.model)
    return _word(named.most_common(1)[0][0]) or UNKNOWN if named else UNKNOWN


def _word(text: str | None) -> str:
    return _line(text, _LONGEST_WORD)


def _line(text: str | None, longest: int) -> str:
    """The text on one line without control characters; empty for none."""
    shown = "".join(" " if sign < " " or sign == "\x7f" else sign for sign in text or "")
    return shown.strip()[:longest]
