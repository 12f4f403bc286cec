"""Finds the batch that somebody names, for those who may see it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.ids import read_id
from livedash_pipeline.chats.store.batches import ChatBatch, get_batch
from livedash_pipeline.errors import UsageError

NOT_FOUND = "no_such_chat_batch"


@dataclass(frozen=True)
class Viewer:
    """Whose batches somebody sees: a company's, those that a token uploaded, or all."""

    company_id: UUID | None = None
    token_id: UUID | None = None


EVERYBODY = Viewer()
"""Sees all batches: commands and jobs."""


def batch_id_of(text: str) -> UUID:
    """The id that a text is.

    Raises:
        UsageError: It is none; said in the same words as for a batch that does not exist.
    """
    if not text.strip():
        raise UsageError("No chat batch is named.", remedy="Give an id that `livedash chat-batch list` shows.")
    found = read_id(text)
    if found is None:
        raise _unknown(text)
    return found


def required_batch(connection: Connection, batch_id: UUID, *, viewer: Viewer = EVERYBODY) -> ChatBatch:
    """A batch that the caller sees.

    Raises:
        UsageError: There is none; code `no_such_chat_batch`.
    """
    batch = get_batch(connection, batch_id, company_id=viewer.company_id, token_id=viewer.token_id)
    if batch is None:
        raise _unknown(str(batch_id))
    return batch


def _unknown(text: str) -> UsageError:
    return UsageError(
        f"There is no chat batch {text[:100]!r}.",
        remedy="Give an id that `livedash chat-batch list` shows.",
        code=NOT_FOUND,
    )
