"""Rows of tables are counted for one company, and left out where that takes too long."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from livedash_pipeline.base.store.tables import metadata
from livedash_pipeline.overview.steps.row_counts import batches_of_all, rows_of_company
from livedash_pipeline.overview.store.row_counts import COUNTED
from tests.support.rows import CHAT, insert_company, insert_requests, insert_sessions


def test_rows_are_those_of_one_company(engine: Engine) -> None:
    with engine.begin() as connection:
        acme, globex = insert_company(connection), insert_company(connection, "globex")
        insert_sessions(connection, acme, [CHAT, CHAT])
        insert_requests(connection, globex)
    found = rows_of_company(engine, COUNTED, acme.id)
    assert set(found) == set(COUNTED)
    assert {table: count for table, count in found.items() if count} == {
        "session_imports": 2,
        "sessions": 2,
        "messages": 2 * len(CHAT),
    }
    others = rows_of_company(engine, ["sessions", "ai_processing_requests"], globex.id)
    assert others["ai_processing_requests"] == others["sessions"] > 0
    assert batches_of_all(engine) == 0


def test_a_count_that_takes_too_long_is_left_out(engine: Engine) -> None:
    with engine.begin() as connection:
        acme = insert_company(connection)
        insert_sessions(connection, acme, [CHAT])
    with engine.begin() as holder:
        holder.execute(text("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE"))
        assert rows_of_company(engine, ["messages", "sessions"], acme.id, seconds=0.05) == {"sessions": 1}
    assert rows_of_company(engine, ["messages", "sessions"], acme.id) == {"sessions": 1, "messages": len(CHAT)}


def test_a_count_that_fails_is_an_error(engine: Engine) -> None:
    with engine.begin() as connection:
        acme = insert_company(connection)
        connection.execute(text("ALTER TABLE kept_counts RENAME TO elsewhere"))
    with pytest.raises(ProgrammingError, match="kept_counts"):
        rows_of_company(engine, ["sessions"], acme.id)


def test_every_counted_table_exists() -> None:
    assert set(COUNTED) <= metadata.tables.keys()
