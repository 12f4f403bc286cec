"""The rows of a batch's results, streamed in the order of its file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from livedash_pipeline.base.store.statements import statement

_FETCHED = 1000


def stream_results(connection: Connection, batch_id: UUID) -> Iterator[Row[Any]]:
    """Every row of the file with its conversation's state and its turn; never all of them in memory."""
    streamed = connection.execution_options(yield_per=_FETCHED)
    with streamed.execute(statement("chats/stream_results"), {"batch_id": batch_id}) as rows:
        yield from rows
