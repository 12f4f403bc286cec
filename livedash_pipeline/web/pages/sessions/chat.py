"""The chat of a session with what the analysis says of it, a page at a time. Who reads it is written to the audit log.

Add nothing that shows texts on another page of sessions. What fits on a page is decided by `overview.rules.chat_pages`.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from livedash_pipeline.api.guard import allow, note
from livedash_pipeline.api.services import services_of
from livedash_pipeline.overview.rules.chat_pages import ChatStart
from livedash_pipeline.overview.steps.session_chat import read_chat
from livedash_pipeline.web.pages.sessions.rights import TEXTS, may_see_sessions, session_named
from livedash_pipeline.web.queries import PageQuery
from livedash_pipeline.web.rendering import render
from livedash_pipeline.web.zones import zone_of

# Positions are 32-bit integers, and no text has more characters than Postgres has bytes for one.
_LAST_POSITION, _LAST_OFFSET = 2**31 - 1, 2**30


class ChatQuery(PageQuery):
    """Where the page begins: a message, and a character of it."""

    at: Annotated[int, Field(ge=0, le=_LAST_POSITION)] = 0
    offset: Annotated[int, Field(ge=0, le=_LAST_OFFSET)] = 0


def add_to(routes: APIRouter) -> None:
    """Adds the page."""

    @routes.get("/{session_id}/chat")
    @allow(TEXTS)
    def chat(request: Request, session_id: str, query: Annotated[ChatQuery, Query()]) -> Response:
        may_see_sessions(request)
        found = session_named(request, session_id)
        note(request, importId=found["importId"])
        engine = services_of(request).engine
        start = ChatStart(query.at, query.offset)
        return render(
            request,
            "sessions/chat.html",
            title=f"Chat of session {found['sessionId'] or found['importId']}",
            zone=zone_of(request, found["company"]),
            session=found,
            chat=read_chat(engine, UUID(found["importId"]), start),
            start=start,
        )
