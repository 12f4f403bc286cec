"""Erases the texts of sessions on request: at once, in every state, and so that no source brings them back.

Add every further place that keeps texts of a chat. Ids, times, categories, tokens and costs stay; so does the input file of a
batch with the session, until that batch is settled like any other. Every function runs on the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, update

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import archive_parts
from livedash_pipeline.intake.store.sessions import lock_derivation, lock_requests_in_flight, lock_sessions

ERASED = "erased on request"


@dataclass(frozen=True, slots=True)
class NamedImport:
    """An import that somebody named, with its session if there is one; `used_address` if named by a person's address."""

    import_id: UUID
    session_id: UUID | None
    company_id: UUID
    company: str
    external_session_id: str
    transcript_url: str
    used_address: bool


@dataclass(frozen=True, slots=True)
class ErasureCounts:
    """Counts of an erasure; `in_flight` counts requests at the service, which will be settled without their answers."""

    sessions: int
    in_flight: int
    transcripts: int
    messages: int
    answers: int
    questions: int
    rejects: int


@dataclass(frozen=True, slots=True)
class ArchiveCopy:
    """A part of the archive whose files hold erased sessions, and how many; the folder is where it was written to."""

    part_id: UUID
    path: str
    sessions: int


def find_named_imports(
    connection: Connection,
    *,
    session_ids: Sequence[UUID] = (),
    company_id: UUID | None = None,
    external_ids: Sequence[str] = (),
    ip_address: str | None = None,
) -> list[NamedImport]:
    """Finds the named imports, in id order.

    Args:
        connection: Any.
        session_ids: Ids of sessions or imports.
        company_id: Only of this company; needed for the two below.
        external_ids: Ids by which the company's source names sessions.
        ip_address: The address that a person used, in either case.
    """
    rows = connection.execute(
        statement("retention/find_imports_to_erase"),
        {
            "session_ids": list(session_ids),
            "company_id": company_id,
            "external_ids": list(external_ids),
            "ip_address": ip_address,
        },
    )
    return [NamedImport(**row) for row in rows.mappings()]


def erase_imports(
    connection: Connection,
    company_id: UUID,
    import_ids: Sequence[UUID],
    *,
    reject_patterns: Sequence[str],
    now: datetime,
    dry_run: bool,
) -> ErasureCounts:
    """Erases imports of one company with everything derived from them; a dry run only counts.

    Args:
        connection: In a transaction; that of a dry run is to be rolled back.
        company_id: Whose imports.
        import_ids: Which.
        reject_patterns: What a rejected record has to match for its text to go (`retention.rules.retention.reject_patterns`).
        now: The time.
        dry_run: Count, and change nothing.
    """
    named = {"import_ids": list(import_ids)}
    if not dry_run:
        _lock(connection, company_id, import_ids)
    connection.execute(statement("retention/create_scratch_erased_sessions"), named)
    rejected = {"company_id": company_id, "patterns": list(reject_patterns)}
    counts = ErasureCounts(**connection.execute(statement("retention/count_erasable_texts"), rejected).mappings().one())
    if not dry_run:
        for name in ("retention/erase_imports", "retention/erase_transcripts", "retention/erase_sessions"):
            connection.execute(statement(name), {"now": now})
        connection.execute(statement("retention/erase_messages"))
        for name in ("retention/erase_requests", "retention/erase_stages"):
            connection.execute(statement(name), {"reason": ERASED, "now": now})
        connection.execute(statement("retention/erase_attempts"))
        connection.execute(statement("retention/erase_rejects"), rejected)
        if counts.questions:
            _erase_questions(connection)
    return counts


def note_archive_copies(connection: Connection, *, dry_run: bool) -> list[ArchiveCopy]:
    """Finds the parts of the archive that hold what `erase_imports` has just erased, and notes in their rows that they do."""
    rows = connection.execute(statement("retention/find_archive_copies")).mappings()
    copies = [ArchiveCopy(**row) for row in rows]
    if copies and not dry_run:
        held = archive_parts.c.id.in_([copy.part_id for copy in copies])
        connection.execute(update(archive_parts).where(held).values(holds_erased=True))
    return copies


def _lock(connection: Connection, company_id: UUID, import_ids: Sequence[UUID]) -> None:
    """Locks derivation, imports, sessions and requests, in the order that all transactions keep."""
    lock_derivation(connection, company_id)
    connection.execute(statement("retention/lock_imports"), {"import_ids": list(import_ids)})
    sessions = lock_sessions(connection, import_ids)
    lock_requests_in_flight(connection, [session.session_id for session in sessions])


def _erase_questions(connection: Connection) -> None:
    """Removes the questions of the sessions, and deletes those that no other session asks."""
    connection.execute(statement("retention/lock_questions"))
    taken = list(connection.execute(statement("retention/erase_session_questions")).scalars())
    connection.execute(statement("retention/delete_unused_questions"), {"question_ids": taken})
