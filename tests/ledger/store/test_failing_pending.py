"""Pending requests that fail before they are bought, whatever the clock says, whoever else is at work, and whatever is over."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select, text, update

from livedash_pipeline.analysis.steps.session_analysis import SESSION_ANALYSIS
from livedash_pipeline.analysis.store import lost_inputs
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import (
    ai_processing_requests,
    session_imports,
    session_processing_status,
    sessions,
)
from livedash_pipeline.ledger.rules.admission.admission import PendingGroup
from livedash_pipeline.ledger.store.batches import claims
from tests.conftest import NOW
from tests.support.races import until_waiting
from tests.support.rows import insert_company, insert_requests, rows_of

EARLIER, LATER = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
TOO_LONG = "The request has about 1001 tokens and 1000 bytes; at most 1000 tokens and 2000 bytes can be sent."


@pytest.fixture
def company(engine: Engine) -> Company:
    with engine.begin() as connection:
        return insert_company(connection)


def too_long(connection: Connection, company: Company, now: datetime = NOW) -> int:
    """One way to fail: no batch can hold them."""
    group = PendingGroup(company.id, company.slug, "gpt-5-mini", "session_analysis", 1, 1, 1, NOW)
    return claims.fail_oversized(connection, group, SESSION_ANALYSIS, max_bytes=2000, max_tokens=1000, now=now)


def erased(connection: Connection, company: Company, now: datetime = NOW) -> int:
    """Another: their session was erased, and a deletion is on record."""
    connection.execute(update(session_imports).values(erased_at=EARLIER))
    return lost_inputs.fail_deleted_inputs(connection, company.id, now=now)


WAYS = {"input_too_long": too_long, "input_erased": erased}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, engine: Engine, company: Company) -> Callable[..., int]:
    with engine.begin() as connection:
        record = "INSERT INTO prune_runs (company_id, kind, started_at) VALUES (:company, 'erasure', :now)"
        connection.execute(text(record), {"company": company.id, "now": EARLIER})
    return WAYS[request.param]


def oversized(connection: Connection, company: Company, **values: Any) -> uuid.UUID:
    """A request that is too long; returns the id of its import."""
    (made,) = insert_requests(connection, company, token_estimate=1001, **values)
    named: uuid.UUID = connection.execute(
        select(sessions.c.import_id)
        .join(ai_processing_requests, ai_processing_requests.c.session_id == sessions.c.id)
        .where(ai_processing_requests.c.id == made)
    ).scalar_one()
    return named


def analysis(connection: Connection, import_id: uuid.UUID, status: str, **values: Any) -> None:
    connection.execute(
        insert(session_processing_status).values(import_id=import_id, stage="AI_ANALYSIS", status=status, **values)
    )


def stages(engine: Engine) -> list[Any]:
    table = session_processing_status
    with engine.connect() as connection:
        return list(connection.execute(select(table).where(table.c.stage == "AI_ANALYSIS").order_by(table.c.import_id)))


def test_each_request_is_told_its_own_reason(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        oversized(connection, company)
        insert_requests(connection, company, body_bytes=2001)
        insert_requests(connection, company)
        assert too_long(connection, company) == 2
    first, second, waiting = rows_of(engine, ai_processing_requests)
    assert (first.error_code, first.error_message) == ("input_too_long", TOO_LONG)
    assert second.error_message.startswith("The request has about 100 tokens and 2001 bytes;")
    assert (waiting.processing_status, waiting.error_message) == ("PENDING_BATCHING", None)
    assert [each.error_message for each in stages(engine)] == [
        f"input_too_long: {each.error_message}" for each in (first, second)
    ]


def test_a_request_from_after_the_clock_ends_when_it_was_made(
    engine: Engine, company: Company, way: Callable[..., int]
) -> None:
    with engine.begin() as connection:
        oversized(connection, company, requested_at=LATER)
        assert way(connection, company) == 1
    (failed,) = rows_of(engine, ai_processing_requests)
    assert (failed.processing_status, failed.completed_at) == ("PROCESSING_FAILED", LATER)


def test_a_stage_that_has_begun_keeps_its_beginning_and_does_not_end_before_it(
    engine: Engine, company: Company, way: Callable[..., int]
) -> None:
    with engine.begin() as connection:
        analysis(connection, oversized(connection, company), "IN_PROGRESS", started_at=LATER)
        analysis(connection, oversized(connection, company), "PENDING")
        assert way(connection, company) == 2
    begun, fresh = stages(engine)
    assert (begun.status, begun.started_at, begun.completed_at, begun.retry_count) == ("FAILED", LATER, LATER, 1)
    assert (fresh.status, fresh.started_at, fresh.completed_at) == ("FAILED", NOW, NOW)


@pytest.mark.parametrize("status", ["SKIPPED", "COMPLETED"])
def test_a_stage_that_is_over_stays_as_it_is(
    engine: Engine, company: Company, way: Callable[..., int], status: str
) -> None:
    with engine.begin() as connection:
        analysis(connection, oversized(connection, company), status, error_message="Why.", completed_at=EARLIER)
        assert way(connection, company) == 1
    (stage,) = stages(engine)
    assert (stage.status, stage.error_message, stage.completed_at, stage.retry_count) == (status, "Why.", EARLIER, 0)
    (request,) = rows_of(engine, ai_processing_requests)
    assert request.processing_status == "PROCESSING_FAILED"


def test_stages_are_locked_in_the_order_of_their_imports(
    engine: Engine, company: Company, way: Callable[..., int]
) -> None:
    """Whoever holds the first one gets the second as well: nobody can hold that and wait for the first."""
    with engine.begin() as connection:
        imports = [oversized(connection, company, id=uuid.UUID(int=number)) for number in (2, 1)]
        for import_id in imports:
            analysis(connection, import_id, "PENDING")
        # Stored the other way round as well.
        connection.execute(
            update(ai_processing_requests).where(ai_processing_requests.c.id == uuid.UUID(int=2)).values(updated_at=NOW)
        )
    assert imports == sorted(imports)
    table = session_processing_status
    lock = select(table).where(table.c.stage == "AI_ANALYSIS").with_for_update()
    done: list[int] = []

    def fail() -> None:
        with engine.begin() as connection:
            done.append(way(connection, company))

    thread = threading.Thread(target=fail)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        connection.execute(lock.where(table.c.import_id == imports[0]))
        thread.start()
        until_waiting(engine)
        connection.execute(lock.where(table.c.import_id == imports[1]))
    thread.join(timeout=600)
    assert done == [2]
