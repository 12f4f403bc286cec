"""Reads for people who look at single sessions: those that failed, and everything known about one.

Add reads about one session; `ledger.store.batches.request_history` reads its requests. Only
`session_texts`, `session_words`, `chat_pieces` and `question_text` read texts, so that nothing shows them by accident.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, RowMapping, case, func, select

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import (
    messages,
    processing_stages,
    questions,
    session_imports,
    session_processing_status,
    session_questions,
    sessions,
)
from livedash_pipeline.overview.rules.chat_pages import LONGEST_PIECE, ChatStart, Piece


@dataclass(frozen=True)
class FailedStage:
    """A stage that failed; there is no session before SESSION_CREATION."""

    import_id: UUID
    session_id: UUID | None
    stage: str
    position: int
    error_message: str | None
    retry_count: int


def failed_stages(
    connection: Connection,
    *,
    limit: int,
    after: tuple[UUID, int] | None = None,
    stage: str | None = None,
    company_id: UUID | None = None,
) -> list[FailedStage]:
    """Lists failed stages by import and position, and only those after a given import and position."""
    after_id, after_position = after or (None, None)
    rows = connection.execute(
        statement("overview/find_failed_stages"),
        {
            "chunk_size": limit,
            "after_id": after_id,
            "after_position": after_position,
            "stage": stage,
            "company_id": company_id,
        },
    )
    return [FailedStage(**row) for row in rows.mappings()]


def find_session(connection: Connection, some_id: UUID) -> RowMapping | None:
    """Finds one session by its own id or by that of its import, without its texts; None if there is none."""
    return connection.execute(statement("overview/find_session_history"), {"id": some_id}).mappings().one_or_none()


def session_stages(connection: Connection, import_id: UUID) -> Sequence[RowMapping]:
    """All stages of one import in their order; fields are empty where it has no row."""
    row, stage = session_processing_status.c, processing_stages.c
    query = (
        select(
            stage.name.label("stage"),
            row.status,
            row.error_message,
            row.retry_count,
            row.started_at,
            row.completed_at,
            row.metadata,
        )
        .select_from(processing_stages)
        .outerjoin(session_processing_status, (row.stage == stage.name) & (row.import_id == import_id))
        .order_by(stage.position)
    )
    return connection.execute(query).mappings().all()


@dataclass(frozen=True)
class SessionWords:
    """The texts of a session but its messages; there is no session before SESSION_CREATION."""

    session_id: UUID | None
    ip_address: str | None
    full_transcript_url: str | None
    initial_message: str | None
    summary: str | None
    questions: tuple[str, ...]


@dataclass(frozen=True)
class SessionTexts:
    """The texts of a session and of its analysis; `content` of a message is None once it is deleted."""

    ip_address: str | None
    full_transcript_url: str | None
    initial_message: str | None
    summary: str | None
    questions: tuple[str, ...]
    messages: Sequence[RowMapping]


def session_words(connection: Connection, import_id: UUID) -> SessionWords:
    """Reads the texts of one session but its messages, by its import."""
    row = connection.execute(
        select(
            session_imports.c.ip_address,
            session_imports.c.full_transcript_url,
            session_imports.c.initial_message,
            sessions.c.id.label("session_id"),
            sessions.c.initial_msg,
            sessions.c.summary,
        )
        .outerjoin(sessions, sessions.c.import_id == session_imports.c.id)
        .where(session_imports.c.id == import_id)
    ).one()
    asked = (
        select(questions.c.content)
        .join(session_questions, session_questions.c.question_id == questions.c.id)
        .where(session_questions.c.session_id == row.session_id)
        .order_by(session_questions.c.position)
    )
    return SessionWords(
        row.session_id,
        row.ip_address,
        row.full_transcript_url,
        row.initial_message if row.initial_msg is None else row.initial_msg,
        row.summary,
        tuple(connection.execute(asked).scalars()),
    )


def session_texts(connection: Connection, import_id: UUID) -> SessionTexts:
    """Reads the texts of one session, by its import."""
    words = session_words(connection, import_id)
    said = (
        select(messages.c.position, messages.c.role, messages.c.sent_at, messages.c.content)
        .where(messages.c.session_id == words.session_id)
        .order_by(messages.c.position)
    )
    return SessionTexts(
        words.ip_address,
        words.full_transcript_url,
        words.initial_message,
        words.summary,
        words.questions,
        connection.execute(said).mappings().all(),
    )


def chat_pieces(connection: Connection, session_id: UUID, start: ChatStart, limit: int) -> list[Piece]:
    """Reads messages from a place on, of each at most `LONGEST_PIECE` characters."""
    said = messages.c
    offset = case((said.position == start.position, start.offset), else_=0)
    query = (
        select(
            said.position,
            said.role,
            said.sent_at,
            func.substr(said.content, offset + 1, LONGEST_PIECE),
            offset,
            func.coalesce(func.length(said.content), 0),
        )
        .where(said.session_id == session_id, said.position >= start.position)
        .order_by(said.position)
        .limit(limit)
    )
    return [Piece(*row) for row in connection.execute(query)]


def question_text(connection: Connection, question_id: UUID, company_id: UUID | None) -> str | None:
    """Reads a question of a company, or of any; None if there is none."""
    query = select(questions.c.content).where(questions.c.id == question_id)
    if company_id is not None:
        query = query.where(questions.c.company_id == company_id)
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found
