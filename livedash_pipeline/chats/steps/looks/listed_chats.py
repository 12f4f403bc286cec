"""A page of a batch's conversations with what became of each, without a question or an answer.

It looks through a bounded number of them at a time, and says where to go on. Add a column that tells how a conversation went.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Engine

from livedash_pipeline.base.rules.chat_states import ChatState
from livedash_pipeline.base.rules.cursors import make_row_cursor, read_row_cursor
from livedash_pipeline.base.rules.values import Document, moment
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, page_start
from livedash_pipeline.chats.steps.named import EVERYBODY, Viewer, required_batch
from livedash_pipeline.chats.store.results import list_chats

LOOKED_THROUGH = 20_000
_START = -1


def chats_document(
    engine: Engine,
    batch_id: UUID,
    *,
    state: ChatState | None = None,
    limit: int = DEFAULT_PAGE,
    cursor: str | None = None,
    viewer: Viewer = EVERYBODY,
    looked_through: int = LOOKED_THROUGH,
) -> Document:
    """Conversations in the order of the file, in one state or all.

    `lookedThrough` is the number of those that were looked at where the page is not full and there are more of them; else null.

    Raises:
        UsageError: No such batch, a limit out of range, or a cursor of another list.
    """
    filters = {"list": "chats", "batch": str(batch_id), "state": state}
    place = page_start(cursor, filters, limit=limit, read=read_row_cursor)
    after = _START if place is None else place[1]
    with engine.connect() as connection:
        batch = required_batch(connection, batch_id, viewer=viewer)
        found = list_chats(connection, batch_id, state=state, after=after, bound=looked_through, most=limit + 1)
    following = None
    if len(found) > limit:
        following = found[limit - 1].item_index
    elif after + looked_through < batch.total_items - 1:
        following = after + looked_through
    listed = [
        {
            "item": chat.item_index,
            "sourceLine": chat.source_line,
            "turns": chat.turns,
            "state": chat.state.lower(),
            "attempts": chat.attempts,
            "outcomeCode": chat.outcome_code,
            "error": chat.error_message,
            "completedAt": moment(chat.completed_at),
        }
        for chat in found[:limit]
    ]
    return {
        "ok": True,
        "conversations": listed,
        "nextCursor": None if following is None else make_row_cursor(batch_id, following, filters),
        "lookedThrough": looked_through if following is not None and len(found) <= limit else None,
    }
