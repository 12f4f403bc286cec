"""A kind of request that the ledger has never heard of goes its whole way beside the first, over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_batch_requests
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.cancel import cancel_batches
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.preview import preview_submit
from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.recovery.reconcile import reconcile_batches
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.ledger.store.batches.request_kind import Kinds
from livedash_pipeline.local.batch_api.faults.script import parse_script
from livedash_pipeline.local.batch_api.server import RunningServer
from tests.ledger.kinds.parcels import INSTALL, ParcelWeight, ask_about_parcels
from tests.support.rows import insert_requests, rows_of, stage_counts

BOTH = Kinds.of(*KINDS.values(), ParcelWeight())


@pytest.fixture
def both(engine: Engine, company: Company, context: BatchContext) -> BatchContext:
    """Two sessions and three parcels of one company wait, each with its request."""
    with engine.begin() as connection:
        connection.exec_driver_sql(INSTALL)
        insert_requests(connection, company, 2)
        add_parcels(connection, company, 3)
    return replace(context, kinds=BOTH)


def add_parcels(connection: Any, company: Company, count: int) -> None:
    store = text(
        "INSERT INTO parcels (company_id, contents) SELECT :id, 'Apples ' || n FROM generate_series(1, :n) AS n"
    )
    connection.execute(store, {"id": company.id, "n": count})
    ask_about_parcels(connection, company.id, model="gpt-5-mini", now=database_now(connection))


def finish(context: BatchContext) -> dict[str, int]:
    """Polls until every batch has ended, and ingests."""
    for _ in range(6):
        if not poll_batches(context).open:
            break
    return dict(ingest_finished(context).outcomes)


def parcels(engine: Engine, where: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM parcels WHERE {where}")).scalar_one())


def test_each_kind_has_batches_of_its_own_and_its_answers(engine: Engine, both: BatchContext) -> None:
    foreseen = preview_submit(engine, both.settings, both.kinds, endpoint=both.endpoint)
    assert (foreseen["batches"], foreseen["requests"]) == (2, 5)
    sent = submit_pending(both, ignore_minimum=True).submitted
    assert sorted(batch.requests for batch in sent) == [2, 3]
    kinds = {(batch.processing_type, batch.request_count) for batch in rows_of(engine, ai_batch_requests)}
    assert kinds == {("session_analysis", 2), ("parcel_weight", 3)}
    assert parcels(engine, "asked_at IS NOT NULL") == 3
    assert finish(both) == {"parsed": 5}
    assert parcels(engine, "asked_at IS NULL AND answered = md5(contents) AND language IS NOT NULL") == 3
    with engine.connect() as connection:
        assert stage_counts(connection, "AI_ANALYSIS") == {"COMPLETED": 2}
    assert submit_pending(both).why == ["nothing is left to ask: 2 sessions and 3 parcels are done"]


def test_what_changes_before_it_is_sent_is_asked_about_anew(
    engine: Engine, company: Company, both: BatchContext
) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE parcels SET contents = 'Pears'"))
    assert [batch.requests for batch in submit_pending(both, ignore_minimum=True).submitted] == [2]
    with engine.begin() as connection:
        ask_about_parcels(connection, company.id, model="gpt-5-mini", now=database_now(connection))
    assert [batch.requests for batch in submit_pending(both, ignore_minimum=True).submitted] == [3]


def test_a_cancelled_batch_fails_its_subjects_and_a_requeue_brings_them_back(
    engine: Engine, both: BatchContext, batch_api: RunningServer
) -> None:
    expires = {"kind": "expire", "share": 0.0, "match": {"nth": 2}}
    batch_api.service.install_faults(parse_script(json.dumps([expires])), replace=True)
    submit_pending(both, ignore_minimum=True)
    (batch,) = (row for row in rows_of(engine, ai_batch_requests) if row.processing_type == "parcel_weight")
    cancel_batches(both, [str(batch.id)], unfinished="failed")
    assert finish(both) == {"parsed": 2, "not_run": 3}
    assert parcels(engine, "failed = md5(contents) AND asked_at IS NULL") == 3
    requeued = requeue_requests(engine, both.kinds, error_code="cancelled", dry_run=False)
    assert requeued["requeuedCount"] == 3
    assert parcels(engine, "failed IS NULL") == 3
    submit_pending(both, ignore_minimum=True)
    assert finish(both) == {"parsed": 3}
    report = reconcile_batches(both)
    assert (report.adopted, report.surplus_cancelled, report.problems) == (0, 0, [])


def test_a_request_that_is_too_long_fails_its_subject(engine: Engine, both: BatchContext) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE ai_processing_requests SET token_estimate = 10 ^ 8 WHERE parcel_id IS NOT NULL")
        )
    assert submit_pending(both, ignore_minimum=True).too_long == 3
    assert parcels(engine, "failed = md5(contents)") == 3


def test_a_request_has_one_subject(engine: Engine, both: BatchContext) -> None:
    for change in ("session_id = NULL", "session_id = (SELECT min(id::text)::uuid FROM sessions)"):
        with pytest.raises(IntegrityError, match="one_subject|subject_id"), engine.begin() as connection:
            connection.execute(
                text(f"UPDATE ai_processing_requests SET parcel_id = NULL, {change} WHERE session_id IS NULL")
            )
            connection.execute(
                text(
                    f"UPDATE ai_processing_requests SET {change}, parcel_id = (SELECT max(id::text)::uuid FROM parcels)"
                )
            )


def test_a_program_that_does_not_know_a_kind_says_so(both: BatchContext) -> None:
    with pytest.raises(LivedashError, match="'parcel_weight' are unknown"):
        submit_pending(replace(both, kinds=KINDS), ignore_minimum=True)
