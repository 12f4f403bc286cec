"""The messages that the requests of a batch ask about."""

from __future__ import annotations

from collections.abc import Generator
from uuid import UUID

from sqlalchemy import Engine

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.intake.rules.messages import Message

_PAGE = 1000


def batch_lines(engine: Engine, batch_id: UUID) -> Generator[tuple[UUID, UUID, str, list[Message]]]:
    """Request id, session id, input hash and messages (none, if there are none) of a batch's requests, in id order."""
    # The result is closed here: a reader that stops early would leave the server's cursor to the garbage collector.
    with (
        engine.connect() as connection,
        connection.execution_options(yield_per=_PAGE).execute(
            statement("analysis/find_batch_lines"), {"batch_id": batch_id}
        ) as rows,
    ):
        for request_id, session_id, named, *columns in rows:
            yield request_id, session_id, named, [] if columns[0] is None else list(map(Message, *columns))
