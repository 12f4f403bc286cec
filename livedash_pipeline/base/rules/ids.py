"""Ids as people type and paste them.

Add a way to read ids here. Whether something has an id is asked of the database, never here.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID


def read_id(text: str) -> UUID | None:
    """The id that a text is; None if it is none."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def read_ids(texts: Iterable[str]) -> tuple[list[UUID], int]:
    """Distinct ids in their order, and how many distinct texts are none."""
    ids: dict[UUID, None] = {}
    unreadable: set[str] = set()
    for text in texts:
        found = read_id(text)
        if found is None:
            unreadable.add(text)
        else:
            ids[found] = None
    return list(ids), len(unreadable)
