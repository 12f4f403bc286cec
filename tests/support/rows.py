"""Rows that tests of the analysis begin with: companies whose sessions wait for their first request."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert, select

from livedash_pipeline.analysis.rules.prompt import input_hash, prompt_version
from livedash_pipeline.base.rules.states import Stage
from livedash_pipeline.base.store.companies import Company, get_company
from livedash_pipeline.base.store.tables import (
    ai_processing_requests,
    companies,
    messages,
    session_imports,
    session_processing_status,
    sessions,
)
from livedash_pipeline.intake.rules.transcripts import Message, transcript_hash
from tests.conftest import NOW

CHAT = (
    Message("user", "Good day, where do I find my roster for next week? Thanks!", NOW),
    Message("assistant", "Your roster is in the app, under Planning.", NOW + timedelta(seconds=3)),
)


def insert_company(connection: Connection, slug: str = "acme") -> Company:
    """A working company."""
    connection.execute(
        insert(companies).values(
            slug=slug, name=slug.title(), csv_url="https://example.test/acme.csv", created_at=NOW, updated_at=NOW
        )
    )
    return get_company(connection, slug)


def insert_sessions(
    connection: Connection, company: Company, chats: Sequence[Sequence[Message]], *, at: datetime = NOW
) -> list[uuid.UUID]:
    """Sessions that have been derived from a fetched transcript; returns their ids."""
    made = []
    for chat in chats:
        import_id = connection.execute(
            insert(session_imports)
            .values(
                company_id=company.id,
                external_session_id=str(uuid.uuid4()),
                start_time_raw="01.05.2025 14:00:00",
                end_time_raw="01.05.2025 14:00:00",
                start_time=at,
                end_time=at,
                content_hash="row",
                created_at=at,
                updated_at=at,
            )
            .returning(session_imports.c.id)
        ).scalar_one()
        session_id = connection.execute(
            insert(sessions)
            .values(
                company_id=company.id,
                import_id=import_id,
                start_time=at,
                end_time=at,
                row_hash="row",
                transcript_hash=transcript_hash(chat),
                created_at=at,
                updated_at=at,
            )
            .returning(sessions.c.id)
        ).scalar_one()
        for position, message in enumerate(chat):
            connection.execute(
                insert(messages).values(
                    session_id=session_id,
                    position=position,
                    role=message.role,
                    content=message.content,
                    sent_at=message.sent_at,
                )
            )
        for stage in list(Stage)[: list(Stage).index(Stage.AI_ANALYSIS)]:
            connection.execute(
                insert(session_processing_status).values(
                    import_id=import_id, stage=stage, status="COMPLETED", started_at=at, completed_at=at
                )
            )
        made.append(session_id)
    return made


def stage_counts(connection: Connection, stage: str) -> dict[str, int]:
    """Sessions per status at a stage, PENDING where no row stands."""
    from livedash_pipeline.base.store.stages import pipeline_status

    return {status: count for status, count in pipeline_status(connection).stages[stage].items() if count}


def session_values(connection: Connection, session_id: uuid.UUID) -> dict[str, object]:
    """All columns of a session."""
    return dict(connection.execute(select(sessions).where(sessions.c.id == session_id)).mappings().one())


def insert_requests(
    connection: Connection,
    company: Company,
    count: int = 1,
    *,
    model: str = "gpt-5-mini",
    chat: Sequence[Message] = CHAT,
    **values: object,
) -> list[uuid.UUID]:
    """Pending requests about new sessions, with the current prompt and the given columns; returns their ids in order."""
    made = []
    for session_id in insert_sessions(connection, company, [chat] * count):
        given: dict[str, object] = {
            "session_id": session_id,
            "company_id": company.id,
            "model": model,
            "prompt_version": prompt_version(),
            "transcript_hash": transcript_hash(chat),
            "input_hash": input_hash(transcript_hash(chat), prompt_version(), model),
            "body_bytes": 1000,
            "token_estimate": 100,
            "max_output_tokens": 4000,
            "requested_at": NOW,
            "updated_at": NOW,
        }
        made.append(
            connection.execute(
                insert(ai_processing_requests).values(**(given | values)).returning(ai_processing_requests.c.id)
            ).scalar_one()
        )
    return sorted(made)


def rows_of(engine: Engine, table: Table) -> list[Any]:
    """All rows of a table in id order."""
    with engine.connect() as connection:
        return list(connection.execute(select(table).order_by(table.c.id)))
