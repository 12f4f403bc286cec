"""Rows that tests of the analysis begin with: companies whose sessions wait for their first request."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
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
from livedash_pipeline.intake.rules.messages import Message, transcript_hash
from tests.conftest import NOW

CHAT = (
    Message("user", "Good day, where do I find my roster for next week? Thanks!", NOW),
    Message("assistant", "Your roster is in the app, under Planning.", NOW + timedelta(seconds=3)),
)


_DONE_STAGES = list(Stage)[: list(Stage).index(Stage.AI_ANALYSIS)]


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
    import_rows = [
        {
            "company_id": company.id,
            "external_session_id": str(uuid.uuid4()),
            "start_time_raw": "01.05.2025 14:00:00",
            "end_time_raw": "01.05.2025 14:00:00",
            "start_time": at,
            "end_time": at,
            "content_hash": "row",
            "created_at": at,
            "updated_at": at,
        }
        for _ in chats
    ]
    imports = _insert_all(connection, session_imports, import_rows)
    session_rows = [
        {
            "company_id": company.id,
            "import_id": import_id,
            "start_time": at,
            "end_time": at,
            "row_hash": "row",
            "transcript_hash": transcript_hash(chat),
            "created_at": at,
            "updated_at": at,
        }
        for import_id, chat in zip(imports, chats, strict=True)
    ]
    made = _insert_all(connection, sessions, session_rows)
    message_rows = [
        {
            "session_id": session_id,
            "position": position,
            "role": message.role,
            "content": message.content,
            "sent_at": message.sent_at,
        }
        for session_id, chat in zip(made, chats, strict=True)
        for position, message in enumerate(chat)
    ]
    if message_rows:
        connection.execute(insert(messages), message_rows)
    done = {"status": "COMPLETED", "started_at": at, "completed_at": at}
    stage_rows = [{"import_id": import_id, "stage": stage} | done for import_id in imports for stage in _DONE_STAGES]
    if stage_rows:
        connection.execute(insert(session_processing_status), stage_rows)
    return made


def _insert_all(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> list[uuid.UUID]:
    """Inserts rows in their order; returns their ids."""
    if not rows:
        return []
    inserted = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return list(connection.execute(inserted, list(rows)).scalars())


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
    given: dict[str, object] = {
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
    about = insert_sessions(connection, company, [chat] * count)
    rows = [given | {"session_id": session_id} | values for session_id in about]
    return sorted(_insert_all(connection, ai_processing_requests, rows))


def rows_of(engine: Engine, table: Table) -> list[Any]:
    """All rows of a table in id order."""
    with engine.connect() as connection:
        return list(connection.execute(select(table).order_by(table.c.id)))
