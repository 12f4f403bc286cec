"""Rows that tests of transcripts and sessions begin with: a company and what an import left behind."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from livedash_pipeline.base.store.companies import Company, get_company
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_processing_requests,
    companies,
    session_imports,
    session_processing_status,
    sessions,
    transcripts,
)
from tests.conftest import NOW

START = NOW.replace(hour=10)
CHAT = "[01.05.2025 12:00:00] User: hello\n[01.05.2025 12:00:04] Assistant: hi\n"


def make_company(engine: Engine, csv_url: str = "http://127.0.0.1:9/chats.csv", **values: Any) -> Company:
    """A working company."""
    with engine.begin() as connection:
        connection.execute(
            insert(companies).values(
                slug="acme", name="Acme", csv_url=csv_url, created_at=NOW, updated_at=NOW, **values
            )
        )
        return get_company(connection, "acme")


def add_import(engine: Engine, company: Company, url: str | None, *, name: str = "", **values: Any) -> uuid.UUID:
    """One row of the CSV, as an import stores it."""
    with engine.begin() as connection:
        row = {
            "company_id": company.id,
            "external_session_id": name or str(uuid.uuid4()),
            "start_time_raw": "01.05.2025 12:00:00",
            "end_time_raw": "01.05.2025 12:01:00",
            "start_time": START,
            "end_time": START + timedelta(seconds=60),
            "full_transcript_url": url,
            "content_hash": "row-1",
            "created_at": NOW,
            "updated_at": NOW,
        }
        statement = insert(session_imports).values(row | values).returning(session_imports.c.id)
        import_id: uuid.UUID = connection.execute(statement).scalar_one()
        return import_id


def change_row(engine: Engine, import_id: uuid.UUID, content_hash: str, **values: Any) -> None:
    """What a later import does to a row that changed."""
    with engine.begin() as connection:
        changed = update(session_imports).where(session_imports.c.id == import_id)
        connection.execute(changed.values(content_hash=content_hash, **values))
        stages = session_processing_status
        again = update(stages).where(
            stages.c.import_id == import_id, stages.c.stage.in_(["TRANSCRIPT_FETCH", "SESSION_CREATION"])
        )
        connection.execute(
            again.values(
                status="PENDING", retry_count=0, error_message=None, started_at=None, completed_at=None, metadata={}
            )
        )


def store_text(engine: Engine, import_id: uuid.UUID, content: str, *, row_hash: str = "row-1") -> None:
    """A transcript as if it had been fetched."""
    with engine.begin() as connection:
        connection.execute(transcripts.delete().where(transcripts.c.import_id == import_id))
        connection.execute(
            insert(transcripts).values(
                import_id=import_id,
                url="http://127.0.0.1:9/a.txt",
                row_hash=row_hash,
                status="FETCHED",
                content=content,
                sha256=str(hash(content)),
                fetched_at=NOW,
                updated_at=NOW,
            )
        )
        set_stage(connection, import_id, "TRANSCRIPT_FETCH", "COMPLETED")


def set_stage(connection: Connection, import_id: uuid.UUID, stage: str, status: str, **values: Any) -> None:
    """One stage of one import."""
    table = session_processing_status
    connection.execute(table.delete().where(table.c.import_id == import_id, table.c.stage == stage))
    connection.execute(insert(table).values(import_id=import_id, stage=stage, status=status, **values))


def add_request(
    connection: Connection, company: Company, session_id: uuid.UUID, status: str, at: datetime = NOW
) -> uuid.UUID:
    """A request about a session; one that is in flight gets a batch."""
    request_id: uuid.UUID = connection.execute(
        insert(ai_processing_requests)
        .values(
            session_id=session_id,
            company_id=company.id,
            model="gpt-5-mini",
            prompt_version="1",
            transcript_hash="h",
            input_hash="i",
            body_bytes=1,
            token_estimate=1,
            max_output_tokens=1,
            requested_at=at,
            updated_at=at,
        )
        .returning(ai_processing_requests.c.id)
    ).scalar_one()
    if status != "PENDING_BATCHING":
        claim(connection, company, request_id, status)
    return request_id


def claim(
    connection: Connection, company: Company, request_id: uuid.UUID, status: str = "BATCHING_IN_PROGRESS"
) -> None:
    """Takes a request into a batch, or brings it to its end."""
    batch_id = connection.execute(
        insert(ai_batch_requests)
        .values(
            company_id=company.id,
            model="gpt-5-mini",
            endpoint="e",
            key_fingerprint="k",
            request_count=1,
            body_bytes=1,
            token_estimate=1,
            created_at=NOW,
            status_changed_at=NOW,
        )
        .returning(ai_batch_requests.c.id)
    ).scalar_one()
    table = ai_processing_requests
    connection.execute(
        update(table).where(table.c.id == request_id).values(processing_status=status, batch_id=batch_id)
    )


def rows_of(engine: Engine, table: Any, **values: Any) -> list[dict[str, Any]]:
    """Rows of a table that have these values."""
    with engine.connect() as connection:
        found = select(table).where(*(table.c[name] == value for name, value in values.items()))
        return [dict(row) for row in connection.execute(found.order_by(*table.primary_key)).mappings()]


def stage_of(engine: Engine, import_id: uuid.UUID, stage: str) -> dict[str, Any]:
    """The row of one stage; empty where there is none."""
    return next(iter(rows_of(engine, session_processing_status, import_id=import_id, stage=stage)), {})


def session_of(engine: Engine, import_id: uuid.UUID) -> dict[str, Any]:
    """The session of one import; empty where there is none."""
    return next(iter(rows_of(engine, sessions, import_id=import_id)), {})


def count(engine: Engine, table: Any) -> int:
    """Rows of a table."""
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()
