"""A company's feed is complete up to where it reads: what may still come before is waited for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.intake.steps.derive_sessions import derive_sessions
from livedash_pipeline.submissions.steps.feed import list_results
from tests.conftest import migrated_database
from tests.support.imported import make_company
from tests.support.submitted import submission, submit


def _company(engine: Engine, *names: str) -> Company:
    company = make_company(engine)
    submit(engine, company, *(submission(name) for name in names))
    derive_sessions(engine, company)
    return company


def _analyse(engine: Engine, name: str, at: datetime) -> None:
    with engine.begin() as connection:
        statement = text("""
            UPDATE sessions SET analysed_at = :at FROM session_imports AS i
            WHERE i.id = import_id AND i.external_session_id = :name
        """)
        connection.execute(statement, {"at": at, "name": name})


def _clock(engine: Engine) -> datetime:
    with engine.connect() as connection:
        now: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return now


def _names(document: dict[str, Any]) -> list[str]:
    return [result["externalId"] for result in document["results"]]


def test_nothing_is_shown_that_an_open_transaction_may_still_precede(engine: Engine) -> None:
    company = _company(engine, "before", "meanwhile")
    _analyse(engine, "before", _clock(engine))
    with engine.connect() as settling:
        # As a settlement begins: it locks its sessions, and writes its answers with a time from now on.
        settling.execute(text("SELECT id FROM sessions ORDER BY id LIMIT 0 FOR NO KEY UPDATE"))
        _analyse(engine, "meanwhile", _clock(engine))
        held = list_results(engine, company.id, clock=lambda _: _clock(engine) + timedelta(hours=1))
        assert _names(held) == ["before"]
        settling.rollback()
    after = list_results(
        engine, company.id, cursor=held["nextCursor"], clock=lambda _: _clock(engine) + timedelta(hours=1)
    )
    assert _names(after) == ["meanwhile"]


def test_a_transaction_that_touches_no_session_holds_nothing_back(engine: Engine) -> None:
    company = _company(engine, "a")
    with engine.connect() as importing:
        importing.execute(text("UPDATE companies SET name = 'other'"))
        _analyse(engine, "a", _clock(engine))
        page = list_results(engine, company.id, clock=lambda _: _clock(engine) + timedelta(hours=1))
        assert _names(page) == ["a"]
        importing.rollback()


def test_what_happens_in_a_copy_of_the_database_holds_nothing_back(engine: Engine, postgres_template: str) -> None:
    # A copy has the same numbers for its tables, and the server's list of locks goes by those.
    company = _company(engine, "a")
    with migrated_database(postgres_template) as copy_url:
        copy = make_engine(copy_url)
        with copy.connect() as elsewhere:
            elsewhere.execute(text("SELECT id FROM sessions ORDER BY id LIMIT 0 FOR NO KEY UPDATE"))
            _analyse(engine, "a", _clock(engine))
            page = list_results(engine, company.id, clock=lambda _: _clock(engine) + timedelta(hours=1))
            assert _names(page) == ["a"]
            elsewhere.rollback()
        copy.dispose()


def test_the_last_seconds_are_waited_for_in_any_case(engine: Engine) -> None:
    company = _company(engine, "a")
    now = _clock(engine)
    _analyse(engine, "a", now)
    assert _names(list_results(engine, company.id, clock=lambda _: now + timedelta(seconds=5))) == []
    assert _names(list_results(engine, company.id, clock=lambda _: now + timedelta(seconds=6))) == ["a"]


def test_equal_times_are_read_on_from_by_their_ids(engine: Engine) -> None:
    company = _company(engine, *(f"chat-{n}" for n in range(5)))
    now = _clock(engine) - timedelta(hours=1)
    for n in range(5):
        _analyse(engine, f"chat-{n}", now)
    found: list[str] = []
    page: dict[str, Any] = {"nextCursor": None, "hasMore": True}
    while page["hasMore"]:
        page = list_results(engine, company.id, cursor=page["nextCursor"], limit=2)
        found += _names(page)
    assert sorted(found) == [f"chat-{n}" for n in range(5)]
