"""Measures requests about sessions by their messages; a size that is known already is taken as it is.

What a request says is `analysis.rules.request_lines`; who asks for sizes is `analysis.steps.build_requests`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.analysis.rules.prompt import transcript_data
from livedash_pipeline.analysis.rules.request_lines import RequestSize, RequestSizer
from livedash_pipeline.analysis.store.requests import RequestToRewrite, SessionToRequest
from livedash_pipeline.intake.store.sessions import messages_by_session

Row = TypeVar("Row", SessionToRequest, RequestToRewrite)
Sizes = Mapping[tuple[UUID, str], RequestSize]
"""Sizes by a session's id and the hash of its messages."""


def measured(
    connection: Connection, rows: Sequence[Row], sizer: RequestSizer, sizes: Sizes
) -> Iterator[tuple[Row, RequestSize]]:
    """Rows whose session has messages, with the size of its request: the known one of these messages, or measured now."""
    unknown = [row.session_id for row in rows if (row.session_id, row.transcript_hash or "") not in sizes]
    messages = messages_by_session(connection, unknown) if unknown else {}
    for row in rows:
        size = sizes.get((row.session_id, row.transcript_hash or ""))
        if size is None and row.session_id in messages:
            size = sizer.measure(transcript_data(row.session_id, messages[row.session_id]))
        if size is not None:
            yield row, size
