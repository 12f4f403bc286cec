"""The search of Postgres over a company's documents and earlier answers, and the documents that it looks through.

Add a way to rank here. A language without rules of its own in Postgres is searched by whole words (`simple`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Engine, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.store.connect import autocommitted
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import chat_documents
from livedash_pipeline.chats.rules.turns import Source

MOST_SOURCES = 5
# Postgres 15 to 18 have rules for these.
_LANGUAGES = {
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "id": "indonesian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
}


@dataclass(frozen=True)
class ChatDocument:
    """A document that a search may find."""

    title: str
    content: str
    url: str | None


def search_language(code: str | None) -> str:
    """The name of Postgres's rules for a language code such as `de` or `de-AT`."""
    return _LANGUAGES.get((code or "").lower().partition("-")[0], "simple")


class PostgresSearch:
    """Full-text search; each look is a statement of its own."""

    def __init__(self, engine: Engine, most: int = MOST_SOURCES) -> None:
        self._engine = engine
        self._most = most

    def find(self, company_id: UUID, question: str, *, language: str | None) -> list[Source]:
        """The passages that share most words with a question."""
        values = {
            "company_id": company_id,
            "question": question,
            "language": search_language(language),
            "page_language": language,
            "most": self._most,
        }
        with autocommitted(self._engine) as connection:
            return [Source(*row) for row in connection.execute(statement("chats/find_sources"), values)]


def load_documents(
    connection: Connection, company_id: UUID, documents: Iterable[ChatDocument], *, language: str | None, now: datetime
) -> tuple[int, int]:
    """Stores documents of a company; returns how many are new, and how many were there already."""
    rows = {
        digest: {
            "company_id": company_id,
            "title": each.title,
            "url": each.url,
            "content": each.content,
            "content_hash": digest,
            "language": search_language(language),
            "loaded_at": now,
        }
        for each in documents
        if (digest := hashlib.sha256(f"{each.title}\n{each.url}\n{each.content}".encode()).hexdigest())
    }
    if not rows:
        return 0, 0
    added = connection.execute(
        insert(chat_documents).on_conflict_do_nothing().returning(chat_documents.c.id), list(rows.values())
    )
    new = len(added.all())
    return new, len(rows) - new


def count_documents(connection: Connection, company_id: UUID) -> int:
    """How many documents a company has."""
    query = select(func.count()).where(chat_documents.c.company_id == company_id)
    return int(connection.execute(query).scalar_one())


def remove_documents(connection: Connection, company_id: UUID) -> int:
    """Removes all documents of a company; answers keep what they quoted of them."""
    return connection.execute(delete(chat_documents).where(chat_documents.c.company_id == company_id)).rowcount
