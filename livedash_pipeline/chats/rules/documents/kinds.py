"""The kind of a document, told by its fields, and all documents by kind and id.

Add the field of another version of the old system to the sets below.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from livedash_pipeline.chats.rules.documents.fields import id_text
from livedash_pipeline.chats.rules.documents.files import Document
from livedash_pipeline.chats.rules.documents.problems import Problems
from livedash_pipeline.chats.rules.intake.columns import QUESTION_NAMES, REFERENCE_NAMES, plain_name

_BATCH = {"chats", "entries", "totalitems", "processeditems", "faileditems", "lastprocessedindex"}
_INTERACTION = {*QUESTION_NAMES, *REFERENCE_NAMES, "interactionid"}
# Questions and answers that an interaction only refers to.
_PART = {"content", "text", "englishquestion", "englishanswer", "sentences", "citationurl", "providedcitationurl"}


class Kind(Enum):
    """The kinds of documents that a batch leads to."""

    BATCH = "batch"
    CHAT = "chat"
    INTERACTION = "interaction"
    OTHER = "other"


def kind_of(fields: dict[str, Any]) -> Kind:
    """The kind of a document; a batch of the oldest form holds its interactions itself and has a name."""
    names = set(map(plain_name, fields))
    if names & _BATCH or ("interactions" in names and "name" in names and "chatid" not in names):
        return Kind.BATCH
    if "interactions" in names or ("chatid" in names and not names & _INTERACTION):
        return Kind.CHAT
    return Kind.INTERACTION if names & _INTERACTION else Kind.OTHER


class Library:
    """All documents of all files, each once, and which of them were used."""

    def __init__(self, problems: Problems) -> None:
        self.repeated = 0
        self._problems = problems
        self._found: dict[Kind, list[Document]] = {kind: [] for kind in Kind}
        self._known: dict[tuple[Kind, str], Document] = {}
        self._by_chat_id: dict[str, Document] = {}
        self._used: set[int] = set()

    def add(self, document: Document) -> None:
        """Adds a document, unless one of its kind and id is there."""
        kind = kind_of(document.fields)
        own = id_text(document.fields.get("_id"))
        known = None if own is None else self._known.setdefault((kind, own), document)
        if known is not None and known is not document:
            self.repeated += 1
            if known.fields != document.fields:
                message = f'The {kind.value} "{own}" came before with other values; the first ones count.'
                self._problems.add(document.place, "repeated_differently", message)
            return
        self._found[kind].append(document)
        if kind is Kind.CHAT:
            by_name = next((value for name, value in document.fields.items() if plain_name(name) == "chatid"), None)
            self._by_chat_id.setdefault(id_text(by_name) or "", document)
        elif kind is Kind.OTHER and _PART.isdisjoint(map(plain_name, document.fields)):
            self._problems.add(document.place, "unknown_document", "The document is of no known kind.")

    def all(self, kind: Kind) -> list[Document]:
        """The documents of a kind in their order."""
        return self._found[kind]

    def chat(self, reference: str) -> Document | None:
        """The chat with an id, or with a chat id."""
        return self._use(self._known.get((Kind.CHAT, reference)) or self._by_chat_id.get(reference))

    def interaction(self, reference: str) -> Document | None:
        """The interaction with an id."""
        return self._use(self._known.get((Kind.INTERACTION, reference)))

    def part(self, reference: str) -> Document | None:
        """The question or answer with an id, which looks like an interaction where it names its field so."""
        other = self._known.get((Kind.OTHER, reference))
        return self._use(other or self._known.get((Kind.INTERACTION, reference)))

    def unused(self) -> int:
        """Documents that are no batch and were never asked for."""
        return sum(len(found) for kind, found in self._found.items() if kind is not Kind.BATCH) - len(self._used)

    def _use(self, document: Document | None) -> Document | None:
        if document is not None:
            self._used.add(id(document))
        return document
