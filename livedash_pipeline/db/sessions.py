"""Sessions and messages: which are due, the locks that guard them, and the statements that write a chunk.

Add reads and writes of `sessions` and `messages` here; the columns of the analysis are written by `db.settlement`. Every
function runs on the caller's transaction, and the order of the locks (company, sessions, requests) is the caller's duty.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import cast
from uuid import UUID

import psycopg
from sqlalchemy import Connection

from livedash_pipeline.core.session_facts import RowFacts, SessionFacts
from livedash_pipeline.core.states import RequestStatus
from livedash_pipeline.core.transcripts import Message
from livedash_pipeline.db.statements import statement
from livedash_pipeline.db.transcripts import ImportPage


@dataclass(frozen=True, slots=True)
class DueSession:
    """An import whose session is to be made; `size` is that of its transcript in bytes."""

    import_id: UUID
    size: int


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as it stands, locked: what it was derived from."""

    session_id: UUID
    import_id: UUID
    row_hash: str
    transcript_hash: str | None


@dataclass(frozen=True, slots=True)
class SessionSource:
    """What a session is made from: the row of the CSV, and the transcript where there is one."""

    import_id: UUID
    row_hash: str
    start_time: datetime
    end_time: datetime
    ip_address: str | None
    country: str | None
    full_transcript_url: str | None
    avg_response_time: Decimal | None
    initial_msg: str | None
    messages_sent: int | None
    transcript_sha256: str | None
    content: str | None

    def row_facts(self) -> RowFacts:
        """The part of the row that messages may correct."""
        return RowFacts(self.start_time, self.end_time, self.messages_sent, self.initial_msg, self.avg_response_time)


@dataclass(frozen=True, slots=True)
class MadeSession:
    """A session ready to be written."""

    source: SessionSource
    facts: SessionFacts
    transcript_hash: str
    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class CreationStage:
    """The stage SESSION_CREATION of one import: COMPLETED, or FAILED with a message."""

    import_id: UUID
    error_message: str | None
    metadata: Mapping[str, object]


def find_due_sessions(connection: Connection, page: ImportPage) -> list[DueSession]:
    """The imports of one page whose session is missing, outdated or stale."""
    rows = connection.execute(
        statement("find_due_sessions"), {"company_id": page.company_id, "after": page.after, "until": page.until}
    )
    return [DueSession(**row) for row in rows.mappings()]


def lock_derivation(connection: Connection, company_id: UUID) -> None:
    """Waits until no other transaction derives sessions of this company."""
    connection.execute(statement("lock_derivation"), {"company_id": company_id})


def lock_sessions(connection: Connection, import_ids: Sequence[UUID]) -> list[StoredSession]:
    """The sessions that exist for some imports, locked."""
    rows = connection.execute(statement("lock_sessions"), {"import_ids": list(import_ids)})
    return [StoredSession(**row) for row in rows.mappings()]


def lock_requests_in_flight(connection: Connection, session_ids: Sequence[UUID]) -> set[UUID]:
    """Locks the open requests of some sessions; returns the sessions whose messages a batch is being asked about."""
    rows = connection.execute(statement("lock_open_requests"), {"session_ids": list(session_ids)})
    return {row.session_id for row in rows if row.processing_status == RequestStatus.BATCHING_IN_PROGRESS}


def mark_stale(connection: Connection, session_ids: Iterable[UUID], now: datetime) -> None:
    """Remembers that sessions are to be made anew later."""
    connection.execute(statement("mark_sessions_stale"), {"session_ids": list(session_ids), "now": now})


def find_session_sources(connection: Connection, import_ids: Sequence[UUID]) -> list[SessionSource]:
    """Rows and transcripts of some imports."""
    rows = connection.execute(statement("find_session_sources"), {"import_ids": list(import_ids)})
    return [SessionSource(**row) for row in rows.mappings()]


def upsert_sessions(
    connection: Connection, company_id: UUID, made: Sequence[MadeSession], now: datetime
) -> dict[UUID, UUID]:
    """Writes the derived columns of sessions; returns session ids by import id."""
    rows = connection.execute(
        statement("upsert_sessions"),
        {
            "company_id": company_id,
            "import_ids": [each.source.import_id for each in made],
            "start_times": [each.facts.start_time for each in made],
            "end_times": [each.facts.end_time for each in made],
            "ip_addresses": [each.source.ip_address for each in made],
            "countries": [each.source.country for each in made],
            "full_transcript_urls": [each.source.full_transcript_url for each in made],
            "avg_response_times": [each.facts.avg_response_time for each in made],
            "initial_msgs": [each.facts.initial_msg for each in made],
            "message_counts": [each.facts.messages_sent for each in made],
            "durations": [each.facts.duration_seconds for each in made],
            "row_hashes": [each.source.row_hash for each in made],
            "transcript_sha256s": [each.source.transcript_sha256 for each in made],
            "transcript_hashes": [each.transcript_hash for each in made],
            "now": now,
        },
    )
    return {row.import_id: row.session_id for row in rows}


def replace_messages(
    connection: Connection, messages: Mapping[UUID, Sequence[Message]], *, existing: Sequence[UUID]
) -> int:
    """Stores messages by session; those of `existing` sessions are deleted first. Returns how many were stored."""
    if existing:
        connection.execute(statement("delete_messages"), {"session_ids": list(existing)})
    driver = cast(psycopg.Connection, connection.connection.driver_connection)
    stored = 0
    # Straight into the table: by way of a staging table every message would be written twice.
    with driver.cursor() as cursor, cursor.copy(statement("copy_messages").text) as copy:
        for session_id, listed in messages.items():
            for position, message in enumerate(listed):
                copy.write_row((session_id, position, message.role, message.content, message.sent_at))
            stored += len(listed)
    return stored


def store_creation(connection: Connection, stages: Sequence[CreationStage], now: datetime) -> None:
    """Writes the stage SESSION_CREATION of some imports."""
    connection.execute(
        statement("store_session_creation"),
        {
            "import_ids": [stage.import_id for stage in stages],
            "error_messages": [stage.error_message for stage in stages],
            "stage_metadata": [json.dumps(stage.metadata) for stage in stages],
            "now": now,
        },
    )


def reset_analysis(connection: Connection, import_ids: Sequence[UUID]) -> int:
    """Sets finished analyses, and the extraction of their questions, back to PENDING; returns how many analyses."""
    rows = connection.execute(statement("reset_analysis"), {"import_ids": list(import_ids)})
    return sum(row.stage == "AI_ANALYSIS" for row in rows)
