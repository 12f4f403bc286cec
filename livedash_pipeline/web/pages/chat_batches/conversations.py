"""The conversations behind the counts of a batch, with what became of each, and without texts.

Add a filter to `ChatsQuery`; the step is `chats.steps.looks.listed_chats`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livedash_pipeline.api.guard import allow
from livedash_pipeline.api.routes.chats.callers import said, viewer_of
from livedash_pipeline.base.rules.chat_states import ChatState
from livedash_pipeline.chats.steps.looks.listed_chats import chats_document
from livedash_pipeline.web.guard import services_of
from livedash_pipeline.web.pages.chat_batches.shared import READ_BATCHES, named_batch
from livedash_pipeline.web.queries import PAGE_ROWS, Cursor, PageQuery
from livedash_pipeline.web.rendering import render
from livedash_pipeline.web.zones import zone_of

_STATES = [("", "any"), *((state.lower(), state.lower()) for state in ChatState)]


class ChatsQuery(PageQuery):
    """Those in which state."""

    state: Literal["pending", "processing", "completed", "failed", "skipped", "cancelled"] | None = None
    cursor: Cursor | None = None


def add_conversations(routes: APIRouter) -> None:
    """Adds the page of conversations."""

    @routes.get("/{batch_id}/conversations")
    @allow(READ_BATCHES)
    def conversations(request: Request, batch_id: str, query: Annotated[ChatsQuery, Query()]) -> Response:
        batch = named_batch(request, batch_id)
        with said():
            document = chats_document(
                services_of(request).engine,
                batch.id,
                state=None if query.state is None else ChatState(query.state.upper()),
                limit=PAGE_ROWS,
                cursor=query.cursor,
                viewer=viewer_of(request),
            )
        return render(
            request,
            "chat_batches/conversations.html",
            title="Conversations of a chat batch",
            zone=zone_of(request, batch.company),
            batch=batch,
            query=query,
            found=document,
            states=_STATES,
        )
