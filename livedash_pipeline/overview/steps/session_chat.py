"""Reads the chat of one session for a person, a page at a time, with what the analysis says of it.

Everything here is somebody's words: callers let only those read it who may, and write down that they did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Engine

from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.overview.rules.chat_pages import MOST_MESSAGES, ChatStart, Piece, cut_chat
from livedash_pipeline.overview.store import session_history


@dataclass(frozen=True, slots=True)
class ChatPage:
    """A page of a chat.

    Attributes:
        pieces: Its messages; none before the session is created.
        following: Where the next page begins; None on the last one.
        initial_message: What the import says was written first.
        summary: What the analysis says; None before it, and once its texts were deleted.
        questions: Most important first.
    """

    pieces: Sequence[Piece]
    following: ChatStart | None
    initial_message: str | None
    summary: str | None
    questions: tuple[str, ...]


def read_chat(engine: Engine, import_id: UUID, start: ChatStart) -> ChatPage:
    """Reads a page of the chat of an import that exists."""
    with engine.connect() as connection:
        texts = session_history.session_words(connection, import_id)
        read: list[Piece] = []
        if texts.session_id is not None:
            read = session_history.chat_pieces(connection, texts.session_id, start, MOST_MESSAGES + 1)
    shown, following = cut_chat(read[:MOST_MESSAGES], has_more=len(read) > MOST_MESSAGES)
    return ChatPage(shown, following, texts.initial_message, texts.summary, texts.questions)


def read_question(engine: Engine, question_id: UUID, company: str | None) -> str | None:
    """Reads a question that sessions are searched by; None if the company has none of this id."""
    with engine.connect() as connection:
        return session_history.question_text(connection, question_id, optional_company_id(connection, company))
