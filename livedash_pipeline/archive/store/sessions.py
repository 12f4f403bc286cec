"""Reads the sessions of a month: how they stand, and all that the files hold of some of them.

Add a file's statement to `_STATEMENTS`. Every function runs on the caller's transaction; a group is read in one that is
REPEATABLE READ, so that a session is in its files as it stood at one moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.archive.rules.manifest import FileName
from livedash_pipeline.archive.rules.months import Month
from livedash_pipeline.archive.rules.settled import SessionState
from livedash_pipeline.archive.store.parquet import Group
from livedash_pipeline.base.rules.states import StageStatus
from livedash_pipeline.base.store.statements import statement

_STATEMENTS: Mapping[FileName, str] = {
    "sessions.parquet": "archive/read_sessions",
    "messages.parquet": "archive/read_messages",
    "requests.parquet": "archive/read_requests",
    "attempts.parquet": "archive/read_attempts",
    "questions.parquet": "archive/read_questions",
}


@dataclass(frozen=True, slots=True)
class MonthSession:
    """A session of the month: how it stands, the size of its texts in bytes, and if a part has it as it is."""

    session_id: UUID
    import_id: UUID
    state: SessionState
    text_bytes: int
    is_archived: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of a month begins: behind this session."""

    start_time: datetime
    session_id: UUID


def first_place(month: Month) -> Place:
    """Before all sessions of a month."""
    return Place(month.start, UUID(int=0))


def month_sessions(
    connection: Connection, company_id: UUID, month: Month, after: Place, *, most: int
) -> list[MonthSession]:
    """The next sessions of a company's month, in the order in which their chats began."""
    rows = connection.execute(
        statement("archive/find_month_states"),
        {
            "company_id": company_id,
            "start_time": month.start,
            "end_time": month.end,
            "after_time": after.start_time,
            "after_id": after.session_id,
            "most": most,
        },
    )
    return [_session(row) for row in rows.mappings()]


def sessions_now(connection: Connection, session_ids: Iterable[UUID]) -> dict[UUID, MonthSession]:
    """How some sessions stand now, by their ids."""
    rows = connection.execute(statement("archive/find_states"), {"session_ids": list(session_ids)})
    return {row["session_id"]: _session(row) for row in rows.mappings()}


def read_group(connection: Connection, session_ids: Sequence[UUID]) -> Group:
    """All that the files hold of some sessions, in the order of the ids."""
    values = {"session_ids": list(session_ids)}
    return {
        file: [tuple(row) for row in connection.execute(statement(name), values)] for file, name in _STATEMENTS.items()
    }


def _session(row: Mapping[Any, Any]) -> MonthSession:
    state = SessionState(
        start_time=row["start_time"],
        stages=[StageStatus(status) for status in row["stages"]],
        is_erased=row["is_erased"],
        is_stale=row["is_stale"],
        has_open_request=row["has_open_request"],
        is_fetch_due=row["is_fetch_due"],
        is_derivation_due=row["is_derivation_due"],
    )
    return MonthSession(row["session_id"], row["import_id"], state, int(row["text_bytes"]), row["is_archived"])
