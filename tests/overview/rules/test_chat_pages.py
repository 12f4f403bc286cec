"""Pages of long chats: every character is shown once, and no page is large."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.overview.rules.chat_pages import LONGEST_PIECE, MOST_MESSAGES, ChatStart, Piece, cut_chat


def read(chat: list[str | None], start: ChatStart) -> list[Piece]:
    """What the store reads: a message more than a page has."""
    return [
        Piece(
            position,
            "user",
            None,
            None if text is None else text[offset : offset + LONGEST_PIECE],
            offset,
            len(text or ""),
        )
        for position, text in enumerate(chat)
        if position >= start.position
        for offset in [start.offset if position == start.position else 0]
    ][: MOST_MESSAGES + 1]


def check(chat: list[str | None]) -> int:
    """Reads all pages; returns how many there are."""
    start: ChatStart | None = ChatStart()
    found: dict[int, str | None] = {}
    pages = 0
    while start is not None:
        pieces = read(chat, start)
        shown, following = cut_chat(pieces[:MOST_MESSAGES], has_more=len(pieces) > MOST_MESSAGES)
        assert sum(len((piece.text or "").encode("utf-8", "replace")) for piece in shown) <= 34_000
        for piece in shown:
            found[piece.position] = None if piece.text is None else (found.get(piece.position) or "") + piece.text
        pages += 1
        assert following is None or (following.position, following.offset) > (start.position, start.offset)
        start = following
    assert [found[position] for position in sorted(found)] == chat
    return pages


@given(st.lists(st.one_of(st.none(), st.text(max_size=50), st.integers(0, 30_000).map("ä".__mul__)), max_size=70))
def test_every_character_is_shown_once(chat: list[str | None]) -> None:
    check(chat)


@pytest.mark.parametrize(
    ("chat", "pages"),
    [
        ([], 1),
        (["x"] * MOST_MESSAGES, 1),
        (["x"] * (MOST_MESSAGES + 1), 2),
        (["x" * (LONGEST_PIECE + 1), "y"], 2),
        (["'" * LONGEST_PIECE, '"' * LONGEST_PIECE], 2),
        ([None, "", "x"], 1),
    ],
)
def test_a_page_ends_where_it_is_full(chat: list[str | None], pages: int) -> None:
    assert check(chat) == pages
