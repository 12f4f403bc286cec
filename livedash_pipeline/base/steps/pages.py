"""Pages of lists: how long one may be, where it begins, and where the next one does.

Every list that is answered in pages is checked and cut here. How a place becomes a cursor is `base.rules.cursors`' business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from livedash_pipeline.errors import UsageError

MAX_PAGE = 1000
DEFAULT_PAGE = 100

Filters = Mapping[str, str | None]
_Place = TypeVar("_Place")
_Row = TypeVar("_Row")


def page_start(
    cursor: str | None, filters: Filters, *, limit: int, read: Callable[[str, Filters], _Place | None]
) -> _Place | None:
    """The place after which a page begins; None for the first one. The caller reads `limit + 1` rows from there.

    Args:
        cursor: `nextCursor` of the page before.
        filters: What the list is limited to, and its name.
        limit: Rows a page.
        read: The function of `base.rules.cursors` for this kind of place.

    Raises:
        UsageError: The limit is out of range, or the cursor is none of this query.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise UsageError(f"limit is {limit}.", remedy=f"Use 1 to {MAX_PAGE}.")
    place = read(cursor, filters) if cursor else None
    if cursor and place is None:
        raise UsageError(
            f"{cursor!r} is not a cursor of this query.",
            remedy="Use nextCursor of the page before, with the same filter.",
        )
    return place


def cut_page(found: Sequence[_Row], limit: int, cursor_of: Callable[[_Row], str]) -> tuple[Sequence[_Row], str | None]:
    """The rows of a page, and `nextCursor`, which is None on the last one; `found` has a row more where there is a next one."""
    page = found[:limit]
    return page, cursor_of(page[-1]) if len(found) > limit else None
