"""Why a submit sends nothing, counted in the database: by what is at the endpoint and, for one company, by what is its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, insert, text

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_batch_requests
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.preview import preview_submit
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from tests.conftest import NOW
from tests.support.rows import insert_company, insert_requests

ELSEWHERE = "elsewhere.example.org/v1"
SERVED: dict[str, Any] = {"status": "IN_PROGRESS", "remote_status": "in_progress", "remote_batch_id": "batch_x"}
UNKNOWN: dict[str, Any] = {"status": "UPLOADING", "create_started_at": NOW}


def add_batch(engine: Engine, context: BatchContext, company: Company, **values: Any) -> None:
    """A batch of two requests."""
    given = {
        "company_id": company.id,
        "model": "m",
        "endpoint": context.endpoint,
        "key_fingerprint": "k",
        "request_count": 2,
        "body_bytes": 1,
        "token_estimate": 1,
        "created_at": NOW,
        "status_changed_at": NOW,
    }
    with engine.begin() as connection:
        query = insert(ai_batch_requests).values(**(given | values)).returning(ai_batch_requests.c.id)
        batch_id: UUID = connection.execute(query).scalar_one()
        insert_requests(connection, company, 2, processing_status="BATCHING_IN_PROGRESS", batch_id=batch_id)
        connection.execute(
            text(
                "INSERT INTO session_processing_status (import_id, stage, status, started_at)"
                " SELECT id, 'AI_ANALYSIS', 'IN_PROGRESS', :now FROM session_imports ON CONFLICT DO NOTHING"
            ),
            {"now": NOW},
        )


def why(engine: Engine, context: BatchContext, company: Company | None = None) -> list[str]:
    """The reasons of a dry run, which are those of a submit."""
    company_id = company.id if company else None
    document = preview_submit(engine, context.settings, KINDS, endpoint=context.endpoint, company_id=company_id)
    return list(document["why"])


def test_a_batch_that_waits_for_whole_files_is_named_with_its_next_look(
    engine: Engine, scripted: BatchContext, company: Company
) -> None:
    with engine.connect() as connection:
        ahead = database_now(connection) + timedelta(hours=1)
    ended = {"status": "COMPLETED", "remote_status": "completed", "remote_batch_id": "batch_x"}
    add_batch(engine, scripted, company, next_ingest_at=ahead, **ended)
    said = [f"1 batch waits for whole files; the next look is at {ahead:%Y-%m-%d %H:%M:%S} UTC"]
    assert why(engine, scripted) == why(engine, scripted, company) == submit_pending(scripted).why == said


def test_a_poll_is_advised_only_for_what_it_asks_about(
    engine: Engine, scripted: BatchContext, company: Company
) -> None:
    add_batch(engine, scripted, company, endpoint=ELSEWHERE, **(SERVED | {"remote_batch_id": "batch_y"}))
    away = "1 batch was made at another OPENAI_BASE_URL: `livedash status`"
    assert why(engine, scripted) == submit_pending(scripted).why == [away]
    add_batch(engine, scripted, company, **SERVED)
    assert why(engine, scripted) == ["2 requests are at the service: `livedash poll`", away]


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_reasons_of_one_company_do_not_name_unknown_batches_of_another(
    engine: Engine, scripted: BatchContext, company: Company, dry_run: bool
) -> None:
    with engine.begin() as connection:
        other = insert_company(connection, "other")
        lease = database_now(connection) + timedelta(hours=1)
    add_batch(engine, scripted, other, lease_until=lease, **UNKNOWN)
    add_batch(engine, scripted, company, **SERVED)
    own, foreign = "2 requests are at the service: `livedash poll`", "it is not known whether the service took 1 batch"
    if dry_run:
        document = preview_submit(engine, scripted.settings, KINDS, endpoint=scripted.endpoint, company_id=company.id)
        said, awaiting = document["why"], document["awaitingRecovery"]
        assert why(engine, scripted, other)[0].startswith(foreign)
    else:
        report = submit_pending(scripted, company_id=company.id)
        said, awaiting = report.why, report.awaiting_recovery
    assert (said, awaiting) == ([own], 1)
