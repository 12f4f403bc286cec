"""The planner looks at tables that have grown, and at no others."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.statistics import refresh_statistics
from tests.support.imported import make_company

FILL = """
    INSERT INTO session_imports (
        company_id, external_session_id, start_time_raw, start_time, end_time, content_hash, created_at, updated_at
    )
    SELECT companies.id, n::text, 'x', now(), now(), 'x', now(), now()
    FROM companies CROSS JOIN generate_series(CAST(:first AS integer), CAST(:last AS integer)) AS n
"""


def _fill(engine: Engine, first: int, last: int) -> None:
    with engine.begin() as connection:
        connection.execute(text(FILL), {"first": first, "last": last})
        # What changed is told at once, where Postgres otherwise gathers it for a second.
        connection.execute(text("SELECT pg_stat_force_next_flush()"))


def _looks(engine: Engine) -> int:
    with engine.connect() as connection:
        query = text("SELECT analyze_count FROM pg_stat_user_tables WHERE relid = 'session_imports'::regclass")
        return int(connection.execute(query).scalar_one())


@pytest.fixture(autouse=True)
def _known(engine: Engine) -> None:
    """Databases of tests are used again, and with them what Postgres knows of their tables."""
    make_company(engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def test_a_table_that_has_grown_is_looked_at_once(engine: Engine) -> None:
    assert refresh_statistics(engine) == []
    before = _looks(engine)
    _fill(engine, 1, 6_000)
    assert refresh_statistics(engine) == ["session_imports"]
    assert _looks(engine) == before + 1
    assert refresh_statistics(engine) == []


def test_a_table_of_which_little_is_new_is_left_alone(engine: Engine) -> None:
    _fill(engine, 1, 20_000)
    assert refresh_statistics(engine) == ["session_imports"]
    _fill(engine, 20_001, 26_000)
    assert refresh_statistics(engine) == []


def test_somebody_who_holds_the_table_is_not_waited_for(engine: Engine) -> None:
    before = _looks(engine)
    _fill(engine, 1, 6_000)
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE session_imports IN SHARE UPDATE EXCLUSIVE MODE"))
        assert refresh_statistics(engine) == ["session_imports"]
    assert _looks(engine) == before
