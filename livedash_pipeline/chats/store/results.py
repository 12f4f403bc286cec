"""The rows of a batch: results streamed in the order of its file, first answers, and pages of conversations without texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from livedash_pipeline.base.rules.chat_states import ChatState
from livedash_pipeline.base.store.statements import statement

_FETCHED = 1000


def stream_results(connection: Connection, batch_id: UUID) -> Iterator[Row[Any]]:
    """Every row of the file with its conversation's state and its turn; never all of them in memory."""
    streamed = connection.execution_options(yield_per=_FETCHED)
    with streamed.execute(statement("chats/stream_results"), {"batch_id": batch_id}) as rows:
        yield from rows


def first_answers(connection: Connection, batch_id: UUID, *, most: int, bound: int) -> Sequence[Row[Any]]:
    """The first `most` answered rows of a batch among the first `bound` of its file."""
    values = {"batch_id": batch_id, "most": most, "bound": bound}
    return connection.execute(statement("chats/find_first_answers"), values).all()


def list_chats(
    connection: Connection, batch_id: UUID, *, state: ChatState | None, after: int, bound: int, most: int
) -> Sequence[Row[Any]]:
    """The first `most` conversations behind a place, of those among the next `bound` that are in a state."""
    values = {"batch_id": batch_id, "state": state, "after": after, "bound": bound, "most": most}
    return connection.execute(statement("chats/list_chats"), values).all()
