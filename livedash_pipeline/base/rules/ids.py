"""Ids, and names of models, as people type and paste them.

Add a way to read ids here. Whether something has an id is asked of the database, never here; what else a model's name may be is
its vendor's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

LONGEST_MODEL_NAME = 200
"""Characters."""

MODEL_NAME_FORM = f"1 to {LONGEST_MODEL_NAME} printable characters without blanks at the ends"
"""For remedies and help texts."""


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


def is_model_name(text: str) -> bool:
    """Whether a text has the form that every command takes for a model's name."""
    return 0 < len(text) <= LONGEST_MODEL_NAME and text.isprintable() and text == text.strip()
