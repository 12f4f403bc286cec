"""The migrations lead to the schema that `base.store.tables` defines, and a database that does not fit is refused with a
remedy.
"""

from __future__ import annotations

from uuid import RFC_4122

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.base.store.migrate import alembic_config, upgrade
from livedash_pipeline.base.store.revisions import check_current, current_revision, head_revision, known_revisions
from livedash_pipeline.errors import DatabaseNotReadyError
from tests.support.rows import insert_company, insert_requests


def test_migrations_and_tables_agree(engine: Engine) -> None:
    with engine.connect() as connection:
        command.check(alembic_config(connection))


def test_revisions_are_named_as_their_files_in_order() -> None:
    script = ScriptDirectory.from_config(alembic_config())
    assert [each.revision for each in script.walk_revisions()] == list(reversed(known_revisions()))
    assert script.get_current_head() == head_revision()


def test_every_migration_can_be_taken_back(engine: Engine) -> None:
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "base")
    assert current_revision(engine) is None
    assert upgrade(engine) == (None, head_revision())


def test_taking_back_three_letters_leaves_kept_answers_that_can_be_applied(engine: Engine) -> None:
    kept = {"language": "fil", "summary": "A summary."}
    with engine.begin() as connection:
        company = insert_company(connection)
        for answer in (kept, kept | {"language": "nl"}, None):
            insert_requests(connection, company, parsed_answer=answer)
        connection.execute(text("UPDATE sessions SET language = 'fil'"))
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "0006_audit_retention")
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT parsed_answer FROM ai_processing_requests ORDER BY id"))
        assert list(rows.scalars()) == [kept | {"language": None}, kept | {"language": "nl"}, None]
        applied = text("UPDATE sessions SET language = parsed_answer ->> 'language' FROM ai_processing_requests")
        connection.execute(applied)
    assert upgrade(engine) == ("0006_audit_retention", head_revision())


def test_an_upgrade_of_a_current_database_changes_nothing(engine: Engine) -> None:
    assert upgrade(engine) == (head_revision(), head_revision())


def test_an_empty_database_is_refused_with_the_command_that_helps(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    with pytest.raises(DatabaseNotReadyError, match="livedash db upgrade"):
        check_current(engine)
    engine.dispose()


def test_a_newer_database_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999_from_the_future'"))
    with pytest.raises(DatabaseNotReadyError, match="9999_from_the_future"):
        check_current(engine)
    with pytest.raises(DatabaseNotReadyError, match="newer version"):
        upgrade(engine)


def test_an_unreachable_database_is_one_sentence_with_the_setting() -> None:
    engine = make_engine("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseNotReadyError, match="DATABASE_URL"):
        check_current(engine)


def test_ids_grow_with_time(engine: Engine) -> None:
    with engine.connect() as connection:
        ids = [connection.execute(text("SELECT livedash_uuid7(), pg_sleep(0.002)")).scalar_one() for _ in range(5)]
    assert ids == sorted(ids)
    assert {value.version for value in ids} == {7}


def test_ids_are_of_version_7_and_all_of_their_random_bits_vary(engine: Engine) -> None:
    with engine.connect() as connection:
        found = list(connection.execute(text("SELECT livedash_uuid7() FROM generate_series(1, 20000)")).scalars())
        now = connection.execute(text("SELECT extract(epoch FROM clock_timestamp()) * 1000")).scalar_one()
    assert len(set(found)) == len(found)
    assert {(each.version, each.variant) for each in found} == {(7, RFC_4122)}
    times = [each.int >> 80 for each in found]
    assert times == sorted(times)
    assert 0 <= now - times[-1] < 60_000
    # Of 74 bits each is set in half of the ids; one that were set in a third would be 47 standard deviations off.
    for bit in (*range(62), *range(64, 76)):
        assert 9_000 < sum(each.int >> bit & 1 for each in found) < 11_000, bit


def test_tables_that_change_with_every_request_are_vacuumed_sooner(engine: Engine) -> None:
    options = text("SELECT relname, reloptions FROM pg_class WHERE reloptions::text LIKE '%autovacuum_vacuum%'")
    with engine.connect() as connection:
        found = {name: sorted(each) for name, each in connection.execute(options)}
    changing = ("ai_processing_requests", "ai_request_attempts", "session_processing_status", "sessions")
    sooner = ["autovacuum_vacuum_scale_factor=0.02", "autovacuum_vacuum_threshold=50000"]
    assert found == dict.fromkeys(changing, sooner)
