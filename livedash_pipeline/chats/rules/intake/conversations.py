"""Groups rows into conversations.

Rows that share the file's conversation id are turns of one conversation, wherever they stand; a row without an id is a
conversation by itself. The id is compared as it is, so `A1` and `a1` are two.
"""

from __future__ import annotations

from collections.abc import Iterable

from livedash_pipeline.chats.rules.intake.rows import IntakeRow


def group_chats(rows: Iterable[IntakeRow]) -> list[list[IntakeRow]]:
    """The conversations in the order in which they first appear, each with its turns in the order of the file."""
    chats: list[list[IntakeRow]] = []
    known: dict[str, list[IntakeRow]] = {}
    for row in rows:
        chat = known.get(row.chat_id) if row.chat_id is not None else None
        if chat is None:
            chat = []
            chats.append(chat)
            if row.chat_id is not None:
                known[row.chat_id] = chat
        chat.append(row)
    return chats
