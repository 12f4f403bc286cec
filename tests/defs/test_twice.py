"""Jobs that change much, run twice with one form: the second run changes nothing and buys nothing.

The UI can answer a launch with an error and the run be there all the same, so that somebody launches it once more.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from livedash_pipeline.base.store.tables import metadata
from tests.defs.world import SESSIONS, SLUG, World

# What was deleted or asked for is recorded each time, and each run shows that it lives.
_RECORDS = {"prune_runs", "audit_log", "run_heartbeats"}


def _rows(world: World) -> dict[str, list[str]]:
    """Every row of every table, as text, whenever it was written: erasing what is erased writes it once more."""
    with world.engine.connect() as connection:
        return {
            name: sorted(connection.scalars(text(f"SELECT (to_jsonb(t) - 'updated_at')::text FROM {name} AS t")))
            for name in metadata.tables
            if name not in _RECORDS
        }


def _twice(world: World, job: str, **config: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The answers of both runs, of which the first one changes something and the second nothing."""
    before = _rows(world)
    first = world.answer(job, **config)
    after = _rows(world)
    assert after != before, f"{job} has nothing to do here"
    second = world.answer(job, **config)
    again = _rows(world)
    assert {name for name in again if again[name] != after[name]} == set(), job
    return first, second


def test_what_waits_again_is_not_put_back_twice_nor_bought_twice(world: World) -> None:
    world.run("import_sessions", SLUG)
    ids = [row.id for row in world.sql("SELECT id::text FROM ai_processing_requests ORDER BY id")]
    fail = (
        "UPDATE ai_processing_requests SET processing_status = 'PROCESSING_FAILED', error_code = 'truncated',"
        " completed_at = requested_at WHERE id::text = ANY(:ids)"
    )
    world.sql(fail, ids=ids[:2])
    first, second = _twice(world, "requeue", request_ids=ids[:2])
    assert (first["requeuedCount"], second["requeuedCount"], second["notFailedCount"]) == (2, 0, 2)
    world.sql(fail, ids=ids[:1])
    first, second = _twice(world, "requeue", error_code="truncated", dry_run=False)
    assert (first["requeuedCount"], second["requeuedCount"]) == (1, 0)
    world.sql(
        "UPDATE session_processing_status SET status = 'FAILED' WHERE (import_id, stage) IN (SELECT import_id, stage FROM"
        " session_processing_status WHERE stage = 'TRANSCRIPT_FETCH' LIMIT 1)"
    )
    first, second = _twice(world, "retry_stage", stage="transcript_fetch", dry_run=False)
    assert (first["retriedCount"], second["retriedCount"]) == (1, 0)

    world.run("import_sessions", SLUG)
    world.run("submit_batches", ops={"submitted_batches": {"ignore_minimum": True}})
    ((batch,),) = world.sql("SELECT id::text FROM ai_batch_requests")
    first, second = _twice(world, "cancel_batches", batch_ids=[batch])
    assert first["cancelRequestedCount"] == 1
    assert world.sql("SELECT count(*) FROM ai_batch_requests") == [(1,)]


def test_what_was_answered_is_judged_priced_and_deleted_once(world: World) -> None:
    ((day, rate),) = world.sql("DELETE FROM exchange_rates RETURNING rate_date, usd_eur")
    world.flow()
    world.sql(
        "INSERT INTO exchange_rates (rate_date, usd_eur, source, recorded_at) VALUES (:day, :rate, 'test', now())",
        day=day,
        rate=rate,
    )
    first, second = _twice(world, "price_backfill", dry_run=False)
    assert (first["filledCount"], second["filledCount"]) == (SESSIONS, 0)

    world.sql(
        """UPDATE ai_processing_requests SET processing_status = 'PROCESSING_FAILED', error_code = 'invalid_output',
        raw_answer = '[' || parsed_answer::text || ']', parsed_answer = NULL
        WHERE id = (SELECT id FROM ai_processing_requests ORDER BY id LIMIT 1)"""
    )
    world.sql(
        """UPDATE session_processing_status SET status = 'FAILED' WHERE stage = 'AI_ANALYSIS' AND import_id =
        (SELECT s.import_id FROM sessions s JOIN ai_processing_requests r ON r.session_id = s.id ORDER BY r.id LIMIT 1)"""
    )
    first, second = _twice(world, "reread", dry_run=False)
    assert (first["acceptedCount"], second["acceptedCount"]) == (1, 0)

    first, second = _twice(world, "retry_stage", stage="ai_analysis", reanalyse=True, company=SLUG, dry_run=False)
    assert (first["retriedCount"], second["retriedCount"]) == (SESSIONS, 0)
    world.run("import_sessions", SLUG)
    world.run("import_sessions", SLUG)
    assert world.answer("summary")["summary"]["pending_batching"] == SESSIONS, "one request a session, not two"

    ((session,),) = world.sql("SELECT id::text FROM sessions ORDER BY id LIMIT 1")
    first, second = _twice(world, "prune", session_ids=[session], dry_run=False)
    assert first["erased"]["sessions"] == 1
