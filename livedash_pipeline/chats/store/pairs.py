"""Pairs of answers to one question, streamed in the order of the file.

Add another thing that a run's answers are compared with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, exists, select

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import chat_interactions

_FETCHED = 500
_turns = chat_interactions.c


def stream_pairs(connection: Connection, a: UUID, b: UUID | None) -> Iterator[Row[Any]]:
    """Every row with the answers of the runs `a` and `b`, or without `b` the expected one; never all of them in memory."""
    chosen = statement("chats/stream_expected") if b is None else statement("chats/stream_pairs")
    values = {"a": a} if b is None else {"a": a, "b": b}
    # Of this statement, and not of the connection: what else is said on it is not streamed.
    with connection.execute(chosen, values, execution_options={"yield_per": _FETCHED}) as rows:
        yield from rows


def has_expected(connection: Connection, batch_id: UUID) -> bool:
    """Whether any row of a batch says what its answer should be."""
    query = select(exists().where(_turns.batch_id == batch_id, _turns.reference.is_not(None)))
    return bool(connection.execute(query).scalar_one())
