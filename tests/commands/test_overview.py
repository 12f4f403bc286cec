"""The overview of a pipeline that was taken over, before and after the flow has run, and of what stands in the way."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, insert, select, update

from livedash_pipeline.analysis.rules.prompt import prompt_version
from livedash_pipeline.analysis.steps.build_requests import NO_QUESTIONS, build_requests
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_holds,
    ai_processing_requests,
    companies,
    session_processing_status,
    sessions,
)
from livedash_pipeline.commands.shell.output import show_span
from livedash_pipeline.intake.rules.messages import transcript_hash
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.local.batch_api.server import running_server
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.services.openai.tokens import count_tokens
from livedash_pipeline.settings import Settings
from tests.commands.conftest import Run, document_of
from tests.conftest import NOW
from tests.support.imported import add_request, set_stage
from tests.support.rows import CHAT, insert_company, insert_sessions

SESSIONS, ANALYSED, WITH_QUESTIONS, KEPT = 109, 16, 11, 2
KEPT_ANSWER = {
    "language": "en", "sentiment": "NEUTRAL", "escalated": False, "forwarded_hr": False, "category": "SCHEDULE_HOURS",
    "questions": ["Where is my roster?"], "summary": "The roster is in the app.",
}  # fmt: skip


@pytest.fixture
def context(engine: Engine, tmp_path: Path) -> Iterator[BatchContext]:
    """What the steps around batches are given, with the local Batch API server."""
    with running_server(tmp_path / "batch-api", speed=0) as server:
        settings = Settings(openai_base_url=server.base_url, openai_api_key="test-key")
        with connect(server.base_url, "test-key") as gateway:
            yield BatchContext(engine, gateway, KINDS, settings, spool_dir=tmp_path / "spool")


def _imports(connection: Connection) -> dict[uuid.UUID, uuid.UUID]:
    """Ids of imports by those of their sessions."""
    return {row.id: row.import_id for row in connection.execute(select(sessions.c.id, sessions.c.import_id))}


def _taken_over(engine: Engine, company: Company) -> None:
    """109 sessions, 16 of them analysed, 11 of these with questions; of the five without, two have a kept answer."""
    with engine.begin() as connection:
        ids = insert_sessions(connection, company, [CHAT] * SESSIONS)
        imports = _imports(connection)
        for place, session_id in enumerate(ids[:ANALYSED]):
            set_stage(connection, imports[session_id], "AI_ANALYSIS", "COMPLETED", started_at=NOW, completed_at=NOW)
            if place < WITH_QUESTIONS:
                set_stage(connection, imports[session_id], "QUESTION_EXTRACTION", "COMPLETED")
            elif place < WITH_QUESTIONS + KEPT:
                _keep_answer(connection, company, session_id)


def _keep_answer(connection: Connection, company: Company, session_id: uuid.UUID) -> None:
    request_id = add_request(connection, company, session_id, "PROCESSING_COMPLETE")
    connection.execute(
        update(ai_processing_requests)
        .where(ai_processing_requests.c.id == request_id)
        .values(parsed_answer=KEPT_ANSWER, transcript_hash=transcript_hash(CHAT), completed_at=NOW)
    )
    connection.execute(update(ai_batch_requests).values(processed_at=NOW, status="PROCESSED", completed_at=NOW))


def test_sessions_that_were_taken_over_are_told_and_all_come_to_their_end(
    livedash: Run, engine: Engine, company: Company, context: BatchContext
) -> None:
    _taken_over(engine, company)
    assert livedash("status").stdout.splitlines()[:6] == [
        "109 sessions",
        "CSV_IMPORT: 109 completed",
        "TRANSCRIPT_FETCH: 109 completed",
        "SESSION_CREATION: 109 completed",
        "AI_ANALYSIS: 16 completed, 93 pending",
        "QUESTION_EXTRACTION: 11 completed, 98 pending",
    ]
    report = build_requests(engine, company, default_model="gpt-5-mini", count_tokens=count_tokens)
    assert (report.created, report.extracted, report.without_questions) == (SESSIONS - ANALYSED, KEPT, 3)
    (batch,) = submit_pending(context, ignore_minimum=True).submitted
    assert batch.requests == SESSIONS - ANALYSED, "nothing is bought that was analysed before"
    for _ in range(6):
        if not poll_batches(context).open:
            break
    ingest_finished(context)
    assert livedash("status").stdout.splitlines()[4:6] == [
        "AI_ANALYSIS: 109 completed",
        "QUESTION_EXTRACTION: 106 completed, 3 skipped",
    ]
    with engine.connect() as connection:
        reasons = connection.execute(
            select(session_processing_status.c.error_message).where(session_processing_status.c.status == "SKIPPED")
        ).scalars()
        assert list(reasons) == [NO_QUESTIONS] * 3
    assert livedash("status", "--watch").exit_code == 0, "nothing is unfinished"


def test_what_stands_in_the_way_is_said_with_its_remedy(livedash: Run, engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        ids = insert_sessions(connection, company, [CHAT] * 3)
        imports = _imports(connection)
        add_request(connection, company, ids[0], "PENDING_BATCHING")
        add_request(connection, company, ids[1], "BATCHING_IN_PROGRESS")
        set_stage(connection, imports[ids[2]], "AI_ANALYSIS", "IN_PROGRESS", started_at=NOW)
        connection.execute(
            insert(ai_holds).values(
                endpoint="api.openai.com/v1", model="gpt-5-mini", reason="billing", message="Not paid.",
                key_fingerprint="k", held_at=NOW,
            )
        )  # fmt: skip
        connection.execute(update(companies).values(import_failures=2))
        asleep = insert_company(connection, "globex")
        connection.execute(update(companies).where(companies.c.slug == "globex").values(status="SUSPENDED"))
        (sleeping,) = insert_sessions(connection, asleep, [CHAT])
        add_request(connection, asleep, sleeping, "PENDING_BATCHING")
    off = {"BATCH_CREATION_ENABLED": "false", "BATCH_POLLING_ENABLED": "false"}
    document = document_of(livedash("status", "--json", **off))
    assert list(document) == ["ok", "totalSessions", "stages", "obstacles"]
    told = " ".join(f"{one['message']} {one['remedy']}" for one in document["obstacles"])
    for part in (
        "OPENAI_API_KEY is not set",
        "BATCH_CREATION_ENABLED is false",
        "BATCH_POLLING_ENABLED is false",
        "The last 2 imports of acme failed",
        "1 stage began more than 3600 s ago and has not ended. The next import frees it",
        "globex is suspended, and 1 request of it waits",
        "1 batch was made at e",
        "gpt-5-mini is on hold until",
    ):
        assert part in told
    shown = livedash("status", "--company", "globex", **off).stdout
    assert "In the way: globex is suspended" in shown
    assert "acme failed" not in shown


def test_a_cap_without_a_price_stands_in_the_way(livedash: Run, engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        (session_id,) = insert_sessions(connection, company, [CHAT])
        add_request(connection, company, session_id, "PENDING_BATCHING")
        current = {"prompt_version": prompt_version(), "transcript_hash": transcript_hash(CHAT)}
        connection.execute(update(ai_processing_requests).values(model="unpriced", **current))
    shown = livedash("status", OPENAI_API_KEY="key", LIVEDASH_MONTHLY_CAP_EUR="10").stdout
    assert "In the way: acme has a spending cap, and the price of unpriced" in shown
    assert "In the way" not in livedash("status", OPENAI_API_KEY="key").stdout


def test_a_setting_that_lets_nothing_be_sent_does_not_keep_the_overview_from_being_told(
    livedash: Run, engine: Engine, company: Company
) -> None:
    with engine.begin() as connection:
        (session_id,) = insert_sessions(connection, company, [CHAT])
        add_request(connection, company, session_id, "PENDING_BATCHING")
    shown = livedash("status", OPENAI_API_KEY="key", LIVEDASH_MONTHLY_CAP_EUR="0.000001")
    assert shown.exit_code == 0
    assert "In the way: LIVEDASH_MONTHLY_CAP_EUR" in shown.stdout


def test_batches_tell_their_age_and_why_they_stand_still(livedash: Run, engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        (session_id,) = insert_sessions(connection, company, [CHAT])
        add_request(connection, company, session_id, "BATCHING_IN_PROGRESS")
        now = database_now(connection)
        connection.execute(
            update(ai_batch_requests).values(
                endpoint="api.openai.com/v1", status="COMPLETED", reported_completed=3, reported_failed=1,
                created_at=now - timedelta(hours=3), status_changed_at=now - timedelta(minutes=5),
            )
        )  # fmt: skip
    (batch,) = document_of(livedash("batches", "--json"))["batches"]
    assert (batch["completed"], batch["failed"]) == (3, 1)
    assert 3 * 3600 <= batch["ageSeconds"] < 3 * 3600 + 60
    assert 300 <= batch["secondsInStatus"] < 360
    assert batch["standsStillBecause"] == "Its results wait to be ingested: `livedash ingest`."
    shown = livedash("batches", "--wide").stdout
    assert "3 h" in shown and "5 min" in shown
    assert f"{batch['id']} stands still: Its results wait" in shown


def test_spans_of_time_are_told_in_two_units() -> None:
    spans = [0, 59, 61, 3600, 3661, 90_061, 86_400]
    assert [show_span(seconds) for seconds in spans] == [
        "0 s", "59 s", "1 min 1 s", "1 h", "1 h 1 min", "1 d 1 h", "1 d",
    ]  # fmt: skip
