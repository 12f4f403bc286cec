"""What the steps of chat batches need of others: somebody who answers, and somebody who searches.

Both are Protocols with one implementation each today; a test brings its own. Add a method when a step needs one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from livedash_pipeline.chats.rules.turns import Source
from livedash_pipeline.ledger.rules.calls.call_ends import CallEnd
from livedash_pipeline.ledger.rules.service.gateway import ModelCheck


class ChatService(Protocol):
    """Answers questions, one call each, from several threads."""

    def complete(self, body: Mapping[str, Any]) -> CallEnd:
        """Buys one answer, within a bounded time; never repeats a call, and every way in which it can end is a value."""

    def check_model(self, model: str) -> ModelCheck:
        """Whether the key may use a model, and whether a stand-in answers; free."""


class Search(Protocol):
    """Finds passages of a company that may help with a question."""

    def find(self, company_id: UUID, question: str, *, language: str | None) -> Sequence[Source]:
        """The best passages first; none where nothing fits."""
