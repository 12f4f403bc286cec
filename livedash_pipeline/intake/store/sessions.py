"""Sessions and messages: which are due, the locks that guard them, and the statements that write a chunk.

Add reads and writes of `sessions` and `messages` here; the columns of the analysis are written by
`ledger.store.results.settlement`. Every function runs on the caller's transaction, and the order of the locks (company,
sessions, requests) is the caller's duty.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.copying import copying
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.intake.rules.messages import Message
from livedash_pipeline.intake.rules.session_facts import RowFacts, SessionFacts
from livedash_pipeline.intake.store.transcripts import ImportPage


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
    transcript_url: str | None
    transcript_sha256: str | None
    content: str | None

    def row_facts(self) -> RowFacts:
        """The part of the row that messages may correct."""
        return RowFacts(self.start_time, self.end_time, self.messages_sent, self.initial_msg, self.avg_response_time)


@dataclass(frozen=True, slots=True)
class MadeSession:
    """A session ready to be written; `stage_metadata` is kept with its stage."""

    source: SessionSource
    facts: SessionFacts
    transcript_hash: str
    messages: Sequence[Message]
    stage_metadata: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RefusedSession:
    """An import whose transcript cannot be read, and why."""

    import_id: UUID
    error_message: str
    stage_metadata: Mapping[str, object]


def find_due_sessions(connection: Connection, page: ImportPage) -> list[DueSession]:
    """The imports of one page whose session is missing, outdated or stale."""
    rows = connection.execute(
        statement("intake/find_due_sessions"), {"company_id": page.company_id, "after": page.after, "until": page.until}
    )
    return [DueSession(**row) for row in rows.mappings()]


def lock_derivation(connection: Connection, company_id: UUID) -> None:
    """Waits until no other transaction derives sessions of this company."""
    connection.execute(statement("intake/lock_derivation"), {"company_id": company_id})


def lock_sessions(connection: Connection, import_ids: Sequence[UUID]) -> list[StoredSession]:
    """The sessions that exist for some imports, locked."""
    rows = connection.execute(statement("intake/lock_sessions"), {"import_ids": list(import_ids)})
    return [StoredSession(**row) for row in rows.mappings()]


def lock_requests_in_flight(connection: Connection, session_ids: Sequence[UUID]) -> set[UUID]:
    """Locks the open requests of some sessions; returns the sessions whose messages a batch is being asked about."""
    rows = connection.execute(statement("intake/lock_open_requests"), {"session_ids": list(session_ids)})
    return {row.session_id for row in rows if row.processing_status == RequestStatus.BATCHING_IN_PROGRESS}


def mark_stale(connection: Connection, session_ids: Iterable[UUID], now: datetime) -> None:
    """Remembers that sessions are to be made anew later."""
    connection.execute(statement("intake/mark_sessions_stale"), {"session_ids": list(session_ids), "now": now})


def find_session_sources(
    connection: Connection, import_ids: Sequence[UUID], *, with_content: bool = True
) -> list[SessionSource]:
    """Rows and transcripts of some imports; `with_content` leaves texts out, which the hash beside them stands for."""
    values = {"import_ids": list(import_ids), "with_content": with_content}
    return [SessionSource(*row) for row in connection.execute(statement("intake/find_session_sources"), values)]


def add_scratch_sessions(
    connection: Connection, made: Sequence[MadeSession], refused: Sequence[RefusedSession]
) -> None:
    """Brings what became of a chunk into a table of this transaction, for the two functions below."""
    connection.execute(statement("intake/create_scratch_sessions"))
    with copying(connection, "intake/copy_scratch_sessions") as copy:
        for session in made:
            source, facts = session.source, session.facts
            copy.write_row(
                (
                    source.import_id,
                    facts.start_time,
                    facts.end_time,
                    source.ip_address,
                    source.country,
                    source.full_transcript_url,
                    facts.avg_response_time,
                    facts.initial_msg,
                    facts.messages_sent,
                    facts.duration_seconds,
                    source.row_hash,
                    source.transcript_sha256,
                    session.transcript_hash,
                    None,
                    json.dumps(session.stage_metadata),
                )
            )
        for refusal in refused:
            nothing = (None,) * 12
            copy.write_row((refusal.import_id, *nothing, refusal.error_message, json.dumps(refusal.stage_metadata)))


def upsert_sessions(connection: Connection, company_id: UUID, now: datetime) -> dict[UUID, UUID]:
    """Writes the derived columns of the staged sessions; returns session ids by import id."""
    rows = connection.execute(statement("intake/upsert_sessions"), {"company_id": company_id, "now": now})
    return {row.import_id: row.session_id for row in rows}


def store_creation(connection: Connection, now: datetime) -> None:
    """Writes the stage SESSION_CREATION of everything that is staged."""
    connection.execute(statement("intake/store_session_creation"), {"now": now})


def replace_messages(
    connection: Connection, messages: Mapping[UUID, Sequence[Message]], *, existing: Sequence[UUID]
) -> int:
    """Stores messages by session; those of `existing` sessions are deleted first. Returns how many were stored."""
    if existing:
        connection.execute(statement("intake/delete_messages"), {"session_ids": list(existing)})
    stored = 0
    # Straight into the table: by way of a staging table every message would be written twice.
    with copying(connection, "intake/copy_messages") as copy:
        for session_id, listed in messages.items():
            for position, message in enumerate(listed):
                copy.write_row((session_id, position, message.role, message.content, message.sent_at))
            stored += len(listed)
    return stored


def reset_analysis(connection: Connection, words: Mapping[UUID, str]) -> int:
    """Sets finished analyses, and the extraction of their questions, back to PENDING; returns how many analyses.

    Args:
        connection: A transaction in which the sessions have their new messages already.
        words: Import id → `words_hash` of its messages.
    """
    values = {"import_ids": list(words), "words_hashes": list(words.values())}
    rows = connection.execute(statement("intake/reset_analysis"), values)
    return sum(row.stage == "AI_ANALYSIS" for row in rows)


def messages_by_session(connection: Connection, session_ids: Sequence[UUID]) -> dict[UUID, list[Message]]:
    """Messages of the given sessions in their order; sessions without any are absent."""
    rows = connection.execute(statement("intake/find_session_messages"), {"session_ids": list(session_ids)})
    return {session_id: list(map(Message, *columns)) for session_id, *columns in rows}
