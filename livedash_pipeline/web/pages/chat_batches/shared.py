"""What all pages of chat batches share: who may see and change them, and the batch that an address names.

Add what two of these pages need. What the routes of the API share as well is `api.routes.chats.callers`.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from fastapi import Request

from livedash_pipeline.access.rules.tokens import Scope
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.routes.chats.callers import said, viewer_of
from livedash_pipeline.chats.steps.named import batch_id_of, required_batch
from livedash_pipeline.chats.store.batches import ChatBatch
from livedash_pipeline.web.guard import company_change, company_too, services_of
from livedash_pipeline.web.pages.texts import require_scope

READ_BATCHES = company_too(Scope.CHATS_READ, admin=Scope.CHATS_READ)
"""Pages without texts."""

SEE_CHANGES = company_too(Scope.CHATS_WRITE, admin=Scope.CHATS_WRITE)
"""Pages that lead to a change, for who may make it."""

READ_TEXTS = company_too(Scope.TEXTS_READ, action="read_texts", admin=Scope.TEXTS_READ)
"""Pages with questions and answers, whose reading is written down; `check_may_read` says whether batches may be seen at all."""


def changes(action: str) -> Access:
    """A form that changes a batch."""
    return company_change(Scope.CHATS_WRITE, action, admin=Scope.CHATS_WRITE)


def uploads(action: str, *, max_body: int, seconds: float) -> Access:
    """A form with a file."""
    return replace(changes(action), max_body=max_body, body_seconds=seconds)


def check_may_read(request: Request) -> None:
    """Refuses who may read texts but sees no chat batches.

    Raises:
        Problem: 403.
    """
    require_scope(request, Scope.CHATS_READ)


def named_batch(request: Request, text: str) -> ChatBatch:
    """The batch of an id, if the caller sees it.

    Raises:
        Problem: 404: there is none, or it is another's.
    """
    with said(), services_of(request).engine.connect() as connection:
        return required_batch(connection, batch_id_of(text), viewer=viewer_of(request))


def path_of_batch(batch_id: UUID | str, tail: str = "") -> str:
    """The path of a batch's page below `/console`."""
    return f"/chat-batches/{batch_id}{tail}"
