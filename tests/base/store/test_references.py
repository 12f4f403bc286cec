"""References that are checked once a statement refuse what a foreign key would, with its error and its name."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import Connection, Engine, Executable, ScalarSelect, Table, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.copying import copy_rows
from livedash_pipeline.base.store.tables import (
    ai_models,
    ai_request_attempts,
    messages,
    metadata,
    session_imports,
    session_processing_status,
    sessions,
)
from livedash_pipeline.base.store.tables import ai_processing_requests as requests
from livedash_pipeline.base.store.tables.base import CHECKED_REFERENCE
from tests.conftest import NOW
from tests.support.imported import count
from tests.support.rows import CHAT, insert_company, insert_sessions


@pytest.fixture
def session_id(engine: Engine, company: Company) -> UUID:
    with engine.begin() as connection:
        return insert_sessions(connection, company, [CHAT])[0]


def _refused(engine: Engine, sql: str | Executable, **values: object) -> str:
    with pytest.raises(IntegrityError) as caught, engine.begin() as connection:
        connection.execute(text(sql) if isinstance(sql, str) else sql, values)
    assert isinstance(caught.value.orig, psycopg.errors.ForeignKeyViolation)
    return str(caught.value.orig.diag.constraint_name)


MESSAGE = "INSERT INTO messages (session_id, position, role) VALUES (:known, 50, 'user'), (:unknown, 0, 'user')"
STAGE = "INSERT INTO session_processing_status (import_id, stage) SELECT import_id, :stage FROM sessions"


def test_one_row_that_names_nothing_refuses_its_statement(engine: Engine, session_id: UUID) -> None:
    before = count(engine, messages)
    assert _refused(engine, MESSAGE, known=session_id, unknown=uuid4()) == "fk_messages_session_id"
    assert count(engine, messages) == before
    nobody = "INSERT INTO session_processing_status (import_id, stage) VALUES (:unknown, 'CSV_IMPORT')"
    assert _refused(engine, nobody, unknown=uuid4()) == "fk_session_processing_status_import_id"
    assert _refused(engine, STAGE, stage="NO_STAGE") == "fk_session_processing_status_stage"


def test_copied_rows_are_checked_as_well(engine: Engine, session_id: UUID) -> None:
    rows = [(session_id, 50, "user", "hello", None), (uuid4(), 0, "user", "hello", None)]
    with pytest.raises(psycopg.errors.ForeignKeyViolation), engine.begin() as connection:
        copy_rows(connection, "intake/copy_messages", rows)
    with engine.begin() as connection:
        copy_rows(connection, "intake/copy_messages", rows[:1])


def test_messages_are_deleted_with_their_session(engine: Engine, session_id: UUID) -> None:
    assert count(engine, messages) == len(CHAT)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM sessions WHERE id = :id"), {"id": session_id})
    assert count(engine, messages) == 0


@pytest.mark.usefixtures("session_id")
def test_what_stage_rows_name_cannot_be_deleted(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM sessions"))
    before = count(engine, session_processing_status)
    assert _refused(engine, "DELETE FROM session_imports") == "fk_session_processing_status_import_id"
    stages = "DELETE FROM processing_stages WHERE name = 'SESSION_CREATION'"
    assert _refused(engine, stages) == "fk_session_processing_status_stage"
    assert count(engine, session_processing_status) == before


BULK = (
    ("session_imports", "company_id", "companies"),
    ("session_imports", "import_run_id", "import_runs"),
    ("sessions", "company_id", "companies"),
    ("ai_processing_requests", "batch_id", "ai_batch_requests"),
    ("ai_request_attempts", "batch_id", "ai_batch_requests"),
    ("ai_request_attempts", "pricing_id", "ai_model_pricing"),
)


def _make(connection: Connection, table: str, company_id: UUID) -> UUID:
    """One more row of a table that others name; its id."""
    values: dict[str, dict[str, Any]] = {
        "import_runs": {"company_id": company_id, "source_url": "", "started_at": NOW},
        "ai_batch_requests": {
            "company_id": company_id, "model": "gpt-5-mini", "endpoint": "e", "key_fingerprint": "k", "request_count": 1,
            "body_bytes": 1, "token_estimate": 1, "created_at": NOW, "status_changed_at": NOW,
        },
        "ai_model_pricing": {
            "ai_model_id": select(ai_models.c.id).limit(1).scalar_subquery(), "effective_from": database_now(connection),
            "input_usd": 1, "output_usd": 1, "source": str(uuid4()), "created_at": NOW,
        },
    }  # fmt: skip
    if table == "companies":
        return insert_company(connection, "other").id
    made = metadata.tables[table]
    found: UUID = connection.execute(insert(made).values(values[table]).returning(made.c.id)).scalar_one()
    return found


@pytest.fixture
def rows(engine: Engine, company: Company) -> dict[str, dict[str, Any]]:
    """A session with a row in each table of `BULK`, and values for a second row of each."""
    with engine.begin() as connection:
        insert_sessions(connection, company, [CHAT])
        connection.execute(update(session_imports).values(import_run_id=_make(connection, "import_runs", company.id)))
        known = dict(connection.execute(select(session_imports)).mappings().one())
        second = dict(connection.execute(select(sessions)).mappings().one())
        session_id = second["id"]
        del known["id"], second["id"]
        another = insert(session_imports).values(known | {"external_session_id": "2"}).returning(session_imports.c.id)
        second["import_id"] = connection.execute(another).scalar_one()
        # Open requests of one subject and kind cannot be two; ended ones can.
        asked = {
            "session_id": session_id,
            "company_id": company.id,
            "model": "m",
            "processing_status": "PROCESSING_FAILED",
        }
        asked |= dict.fromkeys(("prompt_version", "transcript_hash", "input_hash"), "x")
        asked |= dict.fromkeys(("body_bytes", "token_estimate", "max_output_tokens"), 1)
        asked |= dict.fromkeys(("requested_at", "updated_at"), NOW)
        request_id = connection.execute(insert(requests).values(asked).returning(requests.c.id)).scalar_one()
        connection.execute(insert(ai_models).values(name="m", created_at=NOW))
        tried = {"request_id": request_id, "is_call": True, "created_at": NOW}
        connection.execute(insert(ai_request_attempts).values(tried))
    return {
        "session_imports": known | {"external_session_id": "3"},
        "sessions": second,
        "ai_processing_requests": asked,
        "ai_request_attempts": tried,
    }


def test_all_columns_without_a_foreign_key_are_tried_here() -> None:
    checked = {
        (table.name, column.name, column.info[CHECKED_REFERENCE].partition(".")[0])
        for table in metadata.tables.values()
        for column in table.columns
        if CHECKED_REFERENCE in column.info and table not in (messages, session_processing_status)
    }
    assert checked == set(BULK)


@pytest.mark.parametrize(("table", "column", "target"), BULK)
def test_rows_name_what_is_there(
    engine: Engine, company: Company, rows: dict[str, dict[str, Any]], table: str, column: str, target: str
) -> None:
    name, written = f"fk_{table}_{column}", metadata.tables[table]
    # A try names a batch, or is a call.
    is_call = {"is_call": False} if (table, column) == ("ai_request_attempts", "batch_id") else {}
    nobody = {column: uuid4()} | is_call
    before = count(engine, written)
    assert _refused(engine, insert(written).values(rows[table] | nobody)) == name
    assert _refused(engine, update(written).values(nobody)) == name
    assert count(engine, written) == before
    with engine.begin() as connection:
        other = _make(connection, target, company.id)
        connection.execute(update(written).where(written.c.id == first_of(written)).values({column: other} | is_call))
    named = text(f"DELETE FROM {target} WHERE id = :id").bindparams(id=other)
    assert _refused(engine, named) == name
    with engine.begin() as connection:
        if written.c[column].nullable:
            connection.execute(update(written).values({column: None} | dict.fromkeys(is_call, True)))
            connection.execute(named)


def first_of(table: Table) -> ScalarSelect[UUID]:
    """The id of its first row."""
    return select(table.c.id).order_by(table.c.id).limit(1).scalar_subquery()


def test_no_row_changes_what_it_names(engine: Engine, session_id: UUID) -> None:
    moved = "UPDATE messages SET session_id = :other WHERE session_id = :id"
    assert _refused(engine, moved, other=uuid4(), id=session_id) == "fk_messages_session_id"
    with engine.begin() as connection:
        # The same name is no change.
        connection.execute(text("UPDATE messages SET session_id = session_id"))
