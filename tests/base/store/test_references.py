"""References that are checked once a statement refuse what a foreign key would, with its error and its name."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.copying import copy_rows
from livedash_pipeline.base.store.tables import messages, session_processing_status
from tests.support.imported import count
from tests.support.rows import CHAT, insert_sessions


@pytest.fixture
def session_id(engine: Engine, company: Company) -> UUID:
    with engine.begin() as connection:
        return insert_sessions(connection, company, [CHAT])[0]


def _refused(engine: Engine, sql: str, **values: object) -> str:
    with pytest.raises(IntegrityError) as caught, engine.begin() as connection:
        connection.execute(text(sql), values)
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


def test_no_row_changes_what_it_names(engine: Engine, session_id: UUID) -> None:
    moved = "UPDATE messages SET session_id = :other WHERE session_id = :id"
    assert _refused(engine, moved, other=uuid4(), id=session_id) == "fk_messages_session_id"
    with engine.begin() as connection:
        # The same name is no change.
        connection.execute(text("UPDATE messages SET session_id = session_id"))
