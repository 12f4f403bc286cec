"""What a killed process has left behind is freed for companies of every status, and nothing is bought or fetched for it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, insert, select, update

from livedash_pipeline.base.rules.states import CompanyStatus
from livedash_pipeline.base.store.companies import Company, due_companies, get_company
from livedash_pipeline.base.store.tables import companies, import_runs, sessions
from livedash_pipeline.intake.steps.freeing import free_abandoned, free_stuck
from livedash_pipeline.intake.store.imports import end_interrupted_runs, import_lock
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.settings import Settings
from tests.conftest import NOW
from tests.support.imported import set_stage, stage_of
from tests.support.rows import CHAT, insert_company, insert_requests, insert_sessions, rows_of

LATER = NOW + timedelta(minutes=1)


def left_behind(engine: Engine, company: Company, status: str) -> UUID:
    """A company of a status, with an import and an analysis that were begun and never ended; returns the session's import."""
    with engine.begin() as connection:
        (session_id,) = insert_sessions(connection, company, [CHAT])
        import_id: UUID = connection.execute(
            select(sessions.c.import_id).where(sessions.c.id == session_id)
        ).scalar_one()
        set_stage(connection, import_id, "AI_ANALYSIS", "IN_PROGRESS", started_at=NOW)
        for number, run in enumerate(("COMPLETED", "RUNNING")):
            connection.execute(
                insert(import_runs).values(
                    company_id=company.id, source_url="x", status=run, started_at=NOW + timedelta(seconds=number)
                )
            )
        connection.execute(update(companies).where(companies.c.id == company.id).values(status=status))
    return import_id


@pytest.mark.parametrize("status", list(CompanyStatus))
def test_companies_of_every_status_are_freed(engine: Engine, company: Company, status: CompanyStatus) -> None:
    import_id = left_behind(engine, company, status)
    free_abandoned(engine, Settings())
    row = stage_of(engine, import_id, "AI_ANALYSIS")
    assert (row["status"], row["retry_count"]) == ("PENDING", 1)
    runs = sorted((run.status, run.error_code) for run in rows_of(engine, import_runs))
    assert runs == [("COMPLETED", None), ("FAILED", "interrupted")]


def test_nothing_is_imported_or_claimed_for_a_suspended_company_that_was_freed(
    engine: Engine, company: Company, context: BatchContext
) -> None:
    left_behind(engine, company, "SUSPENDED")
    with engine.begin() as connection:
        insert_requests(connection, company)
    before = get(engine, company)
    free_abandoned(engine, Settings())
    with engine.connect() as connection:
        assert due_companies(connection, NOW + timedelta(days=9000)) == []
    assert submit_pending(context, ignore_minimum=True).submitted == []
    assert get(engine, company) == before


def get(engine: Engine, company: Company) -> Company:
    with engine.connect() as connection:
        return get_company(connection, company.slug)


def test_an_import_that_goes_on_is_left_to_go_on(engine: Engine, company: Company) -> None:
    left_behind(engine, company, "SUSPENDED")
    with engine.begin() as connection:
        other = insert_company(connection, "other")
    left_behind(engine, other, "ARCHIVED")
    with import_lock(engine, company), engine.begin() as connection:
        assert end_interrupted_runs(connection, now=LATER) == 1
    running = [run.company_id for run in rows_of(engine, import_runs) if run.status == "RUNNING"]
    assert running == [company.id]
    with engine.begin() as connection:
        assert end_interrupted_runs(connection, now=LATER) == 1
        assert end_interrupted_runs(connection, now=LATER) == 0
    with import_lock(engine, company):
        pass


def test_only_one_companys_stages_are_freed_where_one_is_named(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        other = insert_company(connection, "other")
    mine, theirs = (left_behind(engine, each, "ACTIVE") for each in (company, other))
    assert free_stuck(engine, Settings(), company_id=company.id) == {"AI_ANALYSIS": 1}
    assert stage_of(engine, mine, "AI_ANALYSIS")["status"] == "PENDING"
    assert stage_of(engine, theirs, "AI_ANALYSIS")["status"] == "IN_PROGRESS"
