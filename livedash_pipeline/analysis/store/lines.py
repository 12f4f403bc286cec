"""The messages that the requests of a batch ask about."""

from __future__ import annotations

from collections.abc import Generator
from uuid import UUID

from sqlalchemy import Engine

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.intake.rules.transcripts import Message


def batch_lines(engine: Engine, batch_id: UUID) -> Generator[tuple[UUID, UUID, str, list[Message]]]:
    """Request id, session id, input hash and messages (none, if there are none) of a batch's requests, in id order."""
    # The result is closed here: a reader that stops early would leave the server's cursor to the garbage collector.
    with (
        engine.connect() as connection,
        connection.execution_options(yield_per=5000).execute(
            statement("analysis/find_batch_lines"), {"batch_id": batch_id}
        ) as rows,
    ):
        current: tuple[UUID, UUID, str, list[Message]] | None = None
        for request_id, session_id, named, role, content, sent_at in rows:
            if current is None or current[0] != request_id:
                if current is not None:
                    yield current
                current = (request_id, session_id, named, [])
            if role is not None:
                current[3].append(Message(role, content, sent_at))
        if current is not None:
            yield current
