"""Pages of a long chat: which messages fit on one, and where the next one goes on.

A page holds a bounded number of characters, whatever a chat holds: a long message is cut, and goes on on the next page. Add a
rule about what is shown at once; the words themselves are read by `overview.store.session_history`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

MOST_MESSAGES = 50
LONGEST_PIECE = 4_000
"""Characters of one message on one page."""
# In bytes as a page holds them: a quotation mark becomes five characters, a letter of Asia three bytes.
_PAGE_BYTES = 30_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A message, or the part of it that was read.

    Attributes:
        position: Its place in the chat, from 0.
        role: user, assistant, system or unknown.
        sent_at: None where the transcript has no time.
        text: From `offset` on; None: it was deleted.
        offset: Characters before the part.
        length: Characters of the whole message.
    """

    position: int
    role: str
    sent_at: datetime | None
    text: str | None
    offset: int
    length: int

    @property
    def end(self) -> int:
        """Where the part ends."""
        return self.offset + len(self.text or "")

    @property
    def is_cut(self) -> bool:
        """Whether there is more of the message after the part."""
        return self.end < self.length


@dataclass(frozen=True, slots=True)
class ChatStart:
    """Where a page begins: a message, and how many of its characters stood on the page before."""

    position: int = 0
    offset: int = 0


def cut_chat(read: Sequence[Piece], *, has_more: bool) -> tuple[Sequence[Piece], ChatStart | None]:
    """Chooses the messages of a page among those that were read; the first one is always shown.

    Args:
        read: In their order.
        has_more: Whether the chat has messages after them.

    Returns:
        The messages, and where the next page begins; None on the last one.
    """
    shown: list[Piece] = []
    used = 0
    for piece in read:
        size = _size(piece.text or "")
        if shown and used + size > _PAGE_BYTES:
            return shown, ChatStart(piece.position, piece.offset)
        shown.append(piece)
        used += size
        if piece.is_cut:
            return shown, ChatStart(piece.position, piece.end)
    return shown, ChatStart(shown[-1].position + 1) if shown and has_more else None


def _size(text: str) -> int:
    marks = sum(text.count(mark) for mark in "&<>\"'")
    return len(text.encode("utf-8", "replace")) + 4 * marks
