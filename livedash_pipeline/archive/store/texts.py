"""Compares a group of sessions with its files under lock, deletes its texts, and puts them back.

Add a kind of text here, and to the statements `find_changed_sessions`, `find_restorable` and `restore_*`. What is deleted is
deleted by the statements of `retention`. Every function runs on the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.archive.rules.restoring import Place, Restoration, SessionCopy
from livedash_pipeline.archive.store.parquet import PartReader
from livedash_pipeline.base.store.copying import copy_rows
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.intake.store.sessions import lock_derivation, lock_sessions

_SESSION_COLUMNS = (
    "import_id",
    "session_id",
    "row_hash",
    "transcript_hash",
    "transcript_sha256",
    "transcript",
    "initial_msg",
    "initial_message",
    "unread",
    "extra",
)
_MESSAGE_COLUMNS = ("session_id", "position", "role", "content", "sent_at")
_REQUEST_COLUMNS = ("request_id", "session_id", "input_hash", "raw_answer", "parsed_answer")


def stage_copies(connection: Connection, reader: PartReader, group: int) -> dict[UUID, UUID]:
    """Brings what the files have of a group into tables of this transaction; returns import ids by session id."""
    sessions = reader.read("sessions.parquet", group, _SESSION_COLUMNS)
    for name in ("archive/create_scratch_copies", "archive/create_scratch_message_copies"):
        connection.execute(statement(name))
    connection.execute(statement("archive/create_scratch_request_copies"))
    copy_rows(connection, "archive/copy_scratch_copies", map(tuple, sessions))
    messages = reader.read("messages.parquet", group, _MESSAGE_COLUMNS)
    copy_rows(connection, "archive/copy_scratch_message_copies", map(tuple, messages))
    requests = reader.read("requests.parquet", group, _REQUEST_COLUMNS)
    copy_rows(connection, "archive/copy_scratch_request_copies", map(tuple, requests))
    return {UUID(session[1]): UUID(session[0]) for session in sessions}


def lock_group(connection: Connection, company_id: UUID, imports: Mapping[UUID, UUID]) -> None:
    """Locks all that may change the texts of some sessions, in the order that all transactions keep.

    Args:
        connection: In a transaction.
        company_id: Whose sessions.
        imports: Import ids by session id.
    """
    import_ids = list(imports.values())
    lock_derivation(connection, company_id)
    connection.execute(statement("retention/lock_imports"), {"import_ids": import_ids})
    connection.execute(statement("archive/lock_transcripts"), {"import_ids": import_ids})
    lock_sessions(connection, import_ids)
    connection.execute(statement("archive/lock_requests"), {"session_ids": list(imports)})


def changed_sessions(connection: Connection, session_ids: Sequence[UUID]) -> set[UUID]:
    """Of the staged sessions, those whose texts or hashes here are not to the letter what the files have."""
    values = {"session_ids": list(session_ids)}
    return set(connection.execute(statement("archive/find_changed_sessions"), values).scalars())


def session_copies(
    connection: Connection, company_id: UUID, part_id: UUID, session_ids: Sequence[UUID]
) -> dict[UUID, SessionCopy]:
    """What the database says of the staged sessions, by their ids."""
    values = {"company_id": company_id, "part_id": part_id, "session_ids": list(session_ids)}
    rows = connection.execute(statement("archive/find_restorable"), values).mappings()
    return {
        row["session_id"]: SessionCopy(
            is_known=row["is_known"],
            is_erased=row["is_erased"],
            is_same_row=row["is_same_row"],
            is_deleted_by_archive=row["is_deleted_by_archive"],
            end_time=row["end_time"],
            transcript=Place(row["transcript"]),
            row=Place(row["row_texts"]),
            messages=Place(row["messages"]),
            answers=Place(row["answers"]),
        )
        for row in rows
    }


def restore_texts(connection: Connection, decided: Mapping[UUID, Restoration], *, now: datetime) -> None:
    """Puts back what was decided for each staged session."""
    back = {session_id: each for session_id, each in decided.items() if each.restores}
    connection.execute(
        statement("archive/create_scratch_restorations"),
        {
            "session_ids": list(back),
            "transcripts": [each.transcript for each in back.values()],
            "row_texts": [each.row for each in back.values()],
            "messages": [each.messages for each in back.values()],
            "answers": [each.answers for each in back.values()],
        },
    )
    for name in (
        "archive/restore_transcripts",
        "archive/restore_rows",
        "archive/restore_initial_messages",
        "archive/restore_answers",
    ):
        connection.execute(statement(name), {"now": now})
    connection.execute(statement("archive/restore_messages"))
