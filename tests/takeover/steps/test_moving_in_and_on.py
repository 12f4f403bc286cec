"""After moving in: our own steps find what they would have made themselves, and buy nothing that the old system bought."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.analysis.steps.import_company import ImportContext
from livedash_pipeline.base.store.companies import get_company, update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests
from livedash_pipeline.ledger.store.admission.committed import committed_eur
from livedash_pipeline.local.sample_data.files import GeneratedSource
from livedash_pipeline.local.sample_data.generate import SampleCompany
from livedash_pipeline.money.store.prices import price_for
from livedash_pipeline.money.store.seeding import seed_prices
from livedash_pipeline.overview.store.demo import read_figures
from livedash_pipeline.settings import Settings
from livedash_pipeline.takeover.steps.run import import_livedash
from tests.conftest import NOW
from tests.support.company_import import CompanyReports, import_reports
from tests.takeover.steps.old_system import ANALYSIS, DONE, WAITING, OldSystem
from tests.takeover.steps.our_side import everything, stages_of

SESSIONS = 12
OPEN = "its analysis is under way in the old system's batch batch_1"


def whole_import(engine: Engine, slug: str = "acme-bv") -> CompanyReports:
    """What `livedash import` does for one company."""
    with engine.connect() as connection:
        company = get_company(connection, slug)
    return import_reports(ImportContext(engine, company, Settings(), {}, count_tokens=len))


def analysis_of(engine: Engine, session_id: str) -> tuple[str, str | None]:
    """Status and message of a session's analysis."""
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT status, error_message FROM session_stages WHERE session_id = :id AND stage = 'AI_ANALYSIS'"),
            {"id": session_id},
        ).one()
    return found.status, found.error_message


def requests_of(engine: Engine, session_id: str) -> list[tuple[str, str | None]]:
    """Status and error of a session's requests."""
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT processing_status, error_code FROM ai_processing_requests WHERE session_id = :id ORDER BY requested_at"
            ),
            {"id": session_id},
        )
        return [tuple(row) for row in rows]


@pytest.fixture
def published(old: OldSystem, tmp_path: Path) -> tuple[Path, list[str]]:
    """A CSV that the old system has imported and analysed, and its sessions."""
    source = GeneratedSource(SampleCompany("acme", "Acme", "Europe/Amsterdam", (("nl", 1),)), SESSIONS, 7)
    path = tmp_path / "sessions.csv"
    path.write_bytes(b"".join(source.csv_chunks(tmp_path.as_uri())))
    for external_id, transcript in source.transcripts():
        (tmp_path / f"{external_id}.txt").write_text(transcript, encoding="utf-8", newline="")
    company = old.company(csvUrl=str(path))
    sessions = old.take_csv(company, path)
    for session in sessions:
        old.run('UPDATE "Session" SET summary = %s, sentiment = %s WHERE id = %s', "All is well.", "NEUTRAL", session)
        old.request(session)
        old.ask(session, "How many days of leave are left?", 0)
    return path, sessions


def test_the_same_csv_is_unchanged_afterwards_and_nothing_is_asked(
    engine: Engine, old: OldSystem, published: tuple[Path, list[str]]
) -> None:
    assert import_livedash(engine, old.url)["ok"]
    before = everything(engine)
    done = whole_import(engine)
    assert (done.imported.rows, done.imported.unchanged) == (SESSIONS, SESSIONS)
    assert (done.transcripts.due, done.sessions.created, done.sessions.updated) == (0, 0, 0)
    assert (done.requests.created, done.requests.reapplied) == (0, 0)
    changed = {name for name, rows in everything(engine).items() if rows != before[name]}
    assert changed == {"companies", "import_runs"}


def test_a_row_that_is_read_again_gets_our_messages_and_keeps_its_analysis(
    engine: Engine, old: OldSystem, published: tuple[Path, list[str]]
) -> None:
    # A zero is nothing in LiveDash, so such a row looks changed.
    old.run('UPDATE "SessionImport" SET tokens = NULL')
    import_livedash(engine, old.url)
    done = whole_import(engine)
    assert done.imported.changed == SESSIONS
    assert (done.transcripts.fetched, done.sessions.updated) == (SESSIONS, SESSIONS)
    assert (done.requests.created, done.requests.reapplied) == (0, 0)
    assert stages_of(engine)["AI_ANALYSIS"] == {"COMPLETED": SESSIONS}
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM messages WHERE role = 'unknown'")).scalar_one() == 0


@pytest.mark.parametrize("again", [False, True])
def test_another_time_zone_after_moving_in_keeps_every_analysis(
    engine: Engine, old: OldSystem, published: tuple[Path, list[str]], again: bool
) -> None:
    import_livedash(engine, old.url)
    for zone in ["America/New_York", "Asia/Tokyo"][: 1 + again]:
        with engine.begin() as connection:
            update_company(connection, "acme-bv", CompanyChanges(time_zone=zone), now=database_now(connection))
        done = whole_import(engine)
        assert (done.imported.changed, done.sessions.updated) == (SESSIONS, SESSIONS)
        assert (done.requests.created, done.requests.reapplied) == (0, 0)
        assert stages_of(engine)["AI_ANALYSIS"] == {"COMPLETED": SESSIONS}


def test_a_transcript_that_says_something_new_is_analysed_again(
    engine: Engine, old: OldSystem, published: tuple[Path, list[str]]
) -> None:
    path, sessions = published
    import_livedash(engine, old.url)
    first, *rest = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text(
        "".join([first.replace(",1,", ",2,", 1).replace(first.split(",")[3], "10.0.0.1"), *rest]), encoding="utf-8"
    )
    chat = Path(first.split("file://")[1].split(",")[0])
    chat.write_text(
        chat.read_text(encoding="utf-8") + "\n[01.01.2026 10:00:00] User: and another thing", encoding="utf-8"
    )
    done = whole_import(engine)
    assert (done.sessions.updated, done.requests.created) == (1, 1)
    assert analysis_of(engine, sessions[0])[0] == "PENDING"


def test_a_transcript_that_is_not_kept_is_not_fetched_again(engine: Engine, old: OldSystem, tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    path.write_text("", encoding="utf-8")
    session = old.chat(
        old.company(csvUrl=str(path)), stages=DONE, analysis=ANALYSIS, imported={"rawTranscriptContent": None}
    )
    import_livedash(engine, old.url)
    done = whole_import(engine)
    assert done.transcripts.due == 0
    assert analysis_of(engine, session) == ("COMPLETED", None)


def test_what_is_in_an_open_batch_is_left_to_the_old_system_and_taken_when_that_has_ended(
    engine: Engine, old: OldSystem, tmp_path: Path
) -> None:
    path = tmp_path / "none.csv"
    path.write_text("", encoding="utf-8")
    company = old.company(csvUrl=str(path))
    batch = old.add("AIBatchRequest", companyId=company, openaiBatchId="batch_1", inputFileId="f", status="IN_PROGRESS")
    flying, waiting = (old.chat(company, number, stages=("COMPLETED",) * 3 + ("IN_PROGRESS",)) for number in range(2))
    sent, unsent = old.waiting_request(flying, batch), old.waiting_request(waiting)
    document = import_livedash(engine, old.url)
    assert document["ok"], document["agree"]
    assert document["openBatches"] == [
        {"openaiBatchId": "batch_1", "company": "acme-bv", "status": "in_progress", "requests": 1}
    ]
    status, message = analysis_of(engine, flying)
    assert (status, (message or "").startswith(OPEN)) == ("FAILED", True)
    assert analysis_of(engine, waiting) == ("PENDING", None)
    assert document["tables"]["requests"] | {"read": 2, "skipped": 2} == document["tables"]["requests"]
    assert whole_import(engine).requests.created == 1
    assert requests_of(engine, flying) == []

    assert import_livedash(engine, old.url)["tables"]["sessions"]["updated"] == 0

    old.run('UPDATE "AIBatchRequest" SET status = %s', "PROCESSED")
    for session, request in ((flying, sent), (waiting, unsent)):
        old.run(
            'UPDATE "Session" SET summary = %s, sentiment = %s WHERE id = %s', "A summary of it.", "NEGATIVE", session
        )
        old.run(
            'UPDATE "AIProcessingRequest" SET success = true, "processingStatus" = %s, "promptTokens" = 5, "completedAt" = %s'
            " WHERE id = %s",
            "PROCESSING_COMPLETE",
            NOW,
            request,
        )
    old.ask(flying, "When?", 0)
    document = import_livedash(engine, old.url)
    assert document["ok"], document["agree"]
    assert document["tables"]["sessions"]["updated"] == 2
    assert document["openBatches"] == []
    assert analysis_of(engine, flying) == analysis_of(engine, waiting) == ("COMPLETED", None)
    assert requests_of(engine, flying) == [("PROCESSING_COMPLETE", None)]
    assert requests_of(engine, waiting) == [("PROCESSING_COMPLETE", None), ("PROCESSING_FAILED", "answered_before")]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT DISTINCT sentiment FROM sessions")).scalars().all() == ["NEGATIVE"]
    again = everything(engine)
    import_livedash(engine, old.url)
    assert everything(engine) == again


def test_an_open_batch_that_failed_leaves_its_sessions_to_us(engine: Engine, old: OldSystem) -> None:
    company = old.company()
    batch = old.add("AIBatchRequest", companyId=company, openaiBatchId="batch_1", inputFileId="f", status="VALIDATING")
    session = old.chat(company)
    request = old.waiting_request(session, batch)
    import_livedash(engine, old.url)
    old.run('UPDATE "AIBatchRequest" SET status = %s', "FAILED")
    import_livedash(engine, old.url)
    status, message = analysis_of(engine, session)
    assert (status, "may have been paid" in (message or "")) == ("FAILED", True)
    assert requests_of(engine, session) == [("PROCESSING_FAILED", "artifact_unavailable")]
    old.run(
        'UPDATE "AIProcessingRequest" SET "processingStatus" = %s, "batchId" = NULL WHERE id = %s',
        "PENDING_BATCHING",
        request,
    )
    before = everything(engine)
    import_livedash(engine, old.url)
    assert everything(engine) == before


def test_rows_that_an_upgrade_made_pending_again_are_not(engine: Engine, old: OldSystem) -> None:
    company = old.company()
    analysed, failed = old.chat(company, 1, stages=WAITING, analysis=ANALYSIS), old.chat(company, 2)
    old.request(analysed, processingStatus="PENDING_BATCHING")
    old.request(failed, success=False, processingStatus="PENDING_BATCHING")
    import_livedash(engine, old.url)
    assert requests_of(engine, analysed) == [("PROCESSING_COMPLETE", None)]
    assert requests_of(engine, failed) == [("PROCESSING_FAILED", "rejected")]
    assert analysis_of(engine, analysed)[0] == "COMPLETED"


def test_an_answer_that_was_paid_and_lost_is_not_bought_again_by_itself(engine: Engine, old: OldSystem) -> None:
    session = old.chat(old.company(), stages=("COMPLETED",) * 3 + ("IN_PROGRESS", "PENDING"))
    old.request(session)
    import_livedash(engine, old.url)
    status, message = analysis_of(engine, session)
    assert (status, "has lost the answer" in (message or "")) == ("FAILED", True)


def test_prices_of_the_old_system_never_hide_those_that_know_batches(engine: Engine, old: OldSystem) -> None:
    with engine.begin() as connection:
        seed_prices(connection, now=NOW)
    model = old.add("AIModel", name="gpt-4o", provider="openai")
    old.add(
        "AIModelPricing", aiModelId=model, promptTokenCost=9e-06, completionTokenCost=1e-05, effectiveFrom="2026-06-01"
    )
    import_livedash(engine, old.url)
    with engine.connect() as connection:
        found: Any = price_for(connection, "gpt-4o", NOW.replace(year=2026, month=7))
    assert found is not None
    assert found[1].batch.input is not None


def test_checks_and_sums_of_the_ledger_cope_with_tries_without_a_batch(engine: Engine, old: OldSystem) -> None:
    session = old.chat(old.company(), stages=DONE, analysis=ANALYSIS)
    old.request(session, totalCostEur=0)
    old.request(session, success=False, promptTokens=7)
    import_livedash(engine, old.url)
    with engine.begin() as connection:
        for check in ("check_batch_usage", "check_request_outcomes", "check_service_counts"):
            assert connection.execute(statement(f"overview/{check}")).all() == []
        assert read_figures(connection).cost_eur == 0
        company = get_company(connection, "acme-bv")
        assert committed_eur(connection, company.id, since=NOW.replace(year=2020)) == 0


def test_of_failed_requests_the_newest_is_the_newest_whatever_ids_the_old_ones_have(
    engine: Engine, old: OldSystem
) -> None:
    session = old.chat(old.company(), stages=("COMPLETED",) * 3 + ("FAILED",))
    earlier = old.request(session, success=False, id="ffffffff-ffff-4fff-8fff-ffffffffffff")
    import_livedash(engine, old.url)
    assert requeue_requests(engine, KINDS, request_ids=[earlier], dry_run=True)["requeuedCount"] == 1
    with engine.begin() as connection:
        own = connection.execute(
            text(
                "INSERT INTO ai_processing_requests (session_id, company_id, model, processing_status, prompt_version,"
                " transcript_hash, input_hash, body_bytes, token_estimate, max_output_tokens, requested_at, updated_at)"
                " SELECT session_id, company_id, 'm', 'PROCESSING_FAILED', '1', 'h', 'i', 1, 1, 1, :now, :now"
                " FROM ai_processing_requests RETURNING id"
            ),
            {"now": NOW.replace(year=2026)},
        ).scalar_one()
    assert requeue_requests(engine, KINDS, request_ids=[earlier], dry_run=True)["requeuedCount"] == 0
    assert requeue_requests(engine, KINDS, request_ids=[str(own)], dry_run=True)["requeuedCount"] == 1
