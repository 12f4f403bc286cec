"""Trying stages again: failed ones only, what each needs for its next try, and buying again only when it is asked for."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text, update

from livedash_pipeline.analysis.steps.build_requests import NO_QUESTIONS, build_requests
from livedash_pipeline.base.rules.states import Stage
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import (
    ai_processing_requests,
    messages,
    processing_stages,
    session_imports,
    sessions,
    transcripts,
)
from livedash_pipeline.errors import UsageError
from livedash_pipeline.intake.steps.derive_sessions import derive_sessions
from livedash_pipeline.intake.steps.freeing import free_stuck
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.money.rules.token_margins import stated_input_sum, token_margin
from livedash_pipeline.overview.steps.stages import failed_sessions, retry_stage
from livedash_pipeline.services.openai.tokens import count_tokens
from livedash_pipeline.settings import Settings
from tests.conftest import NOW
from tests.support.imported import add_import, add_request, set_stage, stage_of, store_text
from tests.support.imported import rows_of as rows_with
from tests.support.rows import CHAT, insert_sessions, rows_of, stage_counts

COUNTS = ("retriedCount", "notFoundCount", "notEligibleCount")
SETTINGS = Settings()


def retry(engine: Engine, stage: str, *ids: object, settings: Settings = SETTINGS, **options: Any) -> dict[str, Any]:
    return retry_stage(engine, settings, stage=stage, session_ids=[str(one) for one in ids], **options)


def counts(document: dict[str, Any]) -> list[int]:
    return [document[name] for name in COUNTS]


def analysed(engine: Engine, company: Company, context: BatchContext, number: int = 1) -> list[uuid.UUID]:
    """Sessions that were analysed against a real server; returns their imports in order."""
    with engine.begin() as connection:
        ids = insert_sessions(connection, company, [CHAT] * number)
    go_on(engine, company, context)
    with engine.connect() as connection:
        return list(connection.execute(select(sessions.c.import_id).where(sessions.c.id.in_(ids))).scalars())


def build(engine: Engine, company: Company) -> Any:
    return build_requests(engine, company, default_model="gpt-5-mini", count_tokens=count_tokens)


def go_on(engine: Engine, company: Company, context: BatchContext) -> None:
    """The flow from waiting sessions to what became of them."""
    build(engine, company)
    submit_pending(context, ignore_minimum=True)
    for _ in range(6):
        if not poll_batches(context).open:
            break
    ingest_finished(context)


def failed_analysis(
    engine: Engine, company: Company, *, stages_only: bool = False, at_fault: str = "truncated"
) -> tuple[uuid.UUID, uuid.UUID]:
    """A session whose analysis failed, with its newest request; returns its import's id and its own."""
    with engine.begin() as connection:
        (session_id,) = insert_sessions(connection, company, [CHAT])
        import_id = connection.execute(select(sessions.c.import_id).where(sessions.c.id == session_id)).scalar_one()
        if not stages_only:
            request_id = add_request(connection, company, session_id, "PROCESSING_FAILED")
            connection.execute(
                update(ai_processing_requests)
                .where(ai_processing_requests.c.id == request_id)
                .values(error_code=at_fault, attempts=2)
            )
        set_stage(
            connection, import_id, "AI_ANALYSIS", "FAILED", error_message="truncated", retry_count=1,
            started_at=NOW, completed_at=NOW,
        )  # fmt: skip
    return import_id, session_id


def test_a_failed_transcript_is_due_at_once_with_all_its_tries(engine: Engine, company: Company) -> None:
    import_id = add_import(engine, company, "http://127.0.0.1:9/a.txt")
    with engine.begin() as connection:
        connection.execute(
            insert(transcripts).values(
                import_id=import_id, url="http://127.0.0.1:9/a.txt", row_hash="row-1", status="FAILED", error_code="http_404",
                attempts=5, next_attempt_at=NOW + timedelta(days=9000), updated_at=NOW,
            )
        )  # fmt: skip
        set_stage(connection, import_id, "TRANSCRIPT_FETCH", "FAILED", error_message="gone", retry_count=5)
    assert counts(retry(engine, "transcript_fetch", import_id)) == [1, 0, 0]
    row = stage_of(engine, import_id, "TRANSCRIPT_FETCH")
    assert (row["status"], row["retry_count"], row["error_message"]) == ("PENDING", 5, None)
    (known,) = rows_with(engine, transcripts, import_id=import_id)
    assert known["attempts"] == 0
    assert known["next_attempt_at"] < NOW + timedelta(days=9000)
    assert counts(retry(engine, "transcript_fetch", import_id)) == [0, 0, 1], "it is not failed any more"


def test_a_session_that_could_not_be_derived_is_derived_by_the_next_import(engine: Engine, company: Company) -> None:
    import_id = add_import(engine, company, "http://127.0.0.1:9/a.txt")
    store_text(engine, import_id, "no transcript at all")
    derive_sessions(engine, company)
    assert stage_of(engine, import_id, "SESSION_CREATION")["status"] == "FAILED"
    derive_sessions(engine, company)
    assert stage_of(engine, import_id, "SESSION_CREATION")["retry_count"] == 1, "nothing has changed"
    assert counts(retry(engine, "session_creation", import_id)) == [1, 0, 0]
    derive_sessions(engine, company)
    row = stage_of(engine, import_id, "SESSION_CREATION")
    assert (row["status"], row["retry_count"]) == ("FAILED", 2)


def test_a_failed_analysis_has_its_newest_request_requeued(engine: Engine, company: Company) -> None:
    import_id, session_id = failed_analysis(engine, company)
    assert counts(retry(engine, "AI_analysis", session_id)) == [1, 0, 0]
    (request,) = rows_of(engine, ai_processing_requests)
    assert (request.processing_status, request.attempts, request.attempts_before_requeue) == ("PENDING_BATCHING", 2, 2)
    assert stage_of(engine, import_id, "AI_ANALYSIS")["status"] == "PENDING"
    assert counts(retry(engine, "ai_analysis", session_id)) == [0, 0, 1]


def test_a_failed_analysis_without_a_request_gets_one(engine: Engine, company: Company) -> None:
    _, session_id = failed_analysis(engine, company, stages_only=True)
    assert counts(retry(engine, "ai_analysis", session_id)) == [1, 0, 0]
    assert build(engine, company).created == 1


@pytest.mark.parametrize("reanalyse", [False, True])
def test_an_analysis_behind_a_failed_transcript_waits_for_it_without_a_request(
    engine: Engine, company: Company, reanalyse: bool
) -> None:
    import_id, session_id = failed_analysis(engine, company)
    with engine.begin() as connection:
        set_stage(connection, import_id, "TRANSCRIPT_FETCH", "FAILED", error_message="gone")
    assert counts(retry(engine, "ai_analysis", session_id, reanalyse=reanalyse, dry_run=False)) == [1, 0, 0]
    assert stage_of(engine, import_id, "AI_ANALYSIS")["status"] == "PENDING"
    assert [row.processing_status for row in rows_of(engine, ai_processing_requests)] == ["PROCESSING_FAILED"]
    assert build(engine, company).created == 0, "its messages are older than the chat"
    with engine.begin() as connection:
        set_stage(connection, import_id, "TRANSCRIPT_FETCH", "COMPLETED")
    assert build(engine, company).created == 1


def test_a_completed_analysis_is_bought_again_only_with_the_transcript_there(
    engine: Engine, company: Company, context: BatchContext
) -> None:
    (import_id,) = analysed(engine, company, context)
    with engine.begin() as connection:
        set_stage(connection, import_id, "TRANSCRIPT_FETCH", "FAILED", error_message="gone")
    assert counts(retry(engine, "ai_analysis", import_id, reanalyse=True, dry_run=False)) == [1, 0, 0]
    assert build(engine, company).created == 0
    with engine.begin() as connection:
        set_stage(connection, import_id, "TRANSCRIPT_FETCH", "COMPLETED")
    assert build(engine, company).created == 1


def test_an_analysis_with_an_open_request_is_left_alone(engine: Engine, company: Company) -> None:
    import_id, session_id = failed_analysis(engine, company)
    with engine.begin() as connection:
        add_request(connection, company, session_id, "PENDING_BATCHING")
    assert counts(retry(engine, "ai_analysis", session_id)) == [0, 0, 1]
    assert stage_of(engine, import_id, "AI_ANALYSIS")["status"] == "FAILED"


def test_every_distinct_id_is_counted_once(engine: Engine, company: Company) -> None:
    import_id, session_id = failed_analysis(engine, company)
    waiting = add_import(engine, company, None)
    given = [session_id, session_id, waiting, uuid.uuid4(), "no-id"]
    dry = retry(engine, "ai_analysis", *given, dry_run=True)
    assert (counts(dry), dry["dryRun"]) == ([1, 2, 1], True)
    assert stage_of(engine, import_id, "AI_ANALYSIS")["status"] == "FAILED"
    done = retry(engine, "ai_analysis", *given)
    assert counts(done) == [1, 2, 1]
    assert "dryRun" not in done


def test_without_ids_all_that_failed_there_are_counted_and_tried_only_when_told(
    engine: Engine, company: Company
) -> None:
    for _ in range(2):
        failed_analysis(engine, company)
    dry = retry(engine, "ai_analysis", company="acme")
    assert (counts(dry), dry["dryRun"]) == ([2, 0, 0], True)
    assert counts(retry(engine, "ai_analysis")) == [2, 0, 0]
    assert counts(retry(engine, "ai_analysis", company="acme", dry_run=False)) == [2, 0, 0]
    with engine.connect() as connection:
        assert stage_counts(connection, "AI_ANALYSIS") == {"PENDING": 2}


def test_stages_that_were_skipped_behind_a_retried_one_wait_again(engine: Engine, company: Company) -> None:
    import_id, session_id = failed_analysis(engine, company)
    with engine.begin() as connection:
        set_stage(connection, import_id, "QUESTION_EXTRACTION", "SKIPPED", error_message="because of the analysis")
    retry(engine, "ai_analysis", session_id)
    row = stage_of(engine, import_id, "QUESTION_EXTRACTION")
    assert (row["status"], row["error_message"]) == ("PENDING", None)


def test_failed_questions_come_from_the_kept_answer(engine: Engine, company: Company, context: BatchContext) -> None:
    (import_id,) = analysed(engine, company, context)
    with engine.begin() as connection:
        set_stage(connection, import_id, "QUESTION_EXTRACTION", "FAILED", error_message="broken")
        connection.execute(text("DELETE FROM session_questions"))
    assert counts(retry(engine, "question_extraction", import_id)) == [1, 0, 0]
    report = build(engine, company)
    assert (report.created, report.extracted, report.without_questions) == (0, 1, 0)
    assert stage_of(engine, import_id, "QUESTION_EXTRACTION")["status"] == "COMPLETED"
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM session_questions")).scalar_one() > 0


def test_questions_of_which_no_answer_is_kept_are_skipped_and_never_bought(
    engine: Engine, company: Company, context: BatchContext
) -> None:
    (import_id,) = analysed(engine, company, context)
    with engine.begin() as connection:
        connection.execute(update(ai_processing_requests).values(parsed_answer=None))
        set_stage(connection, import_id, "QUESTION_EXTRACTION", "PENDING")
    report = build(engine, company)
    assert (report.created, report.extracted, report.without_questions) == (0, 0, 1)
    row = stage_of(engine, import_id, "QUESTION_EXTRACTION")
    assert (row["status"], row["error_message"]) == ("SKIPPED", NO_QUESTIONS)
    assert build(engine, company).without_questions == 0, "once"


def test_an_answer_that_was_taken_over_is_cut_to_what_questions_may_be(
    engine: Engine, company: Company, context: BatchContext
) -> None:
    (import_id,) = analysed(engine, company, context)
    kept = {"questions": ["  ", " What? ", "x" * 600, "What?"]}
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM session_questions"))
        connection.execute(update(ai_processing_requests).values(parsed_answer=kept, transcript_hash="unknown"))
        set_stage(connection, import_id, "QUESTION_EXTRACTION", "PENDING")
    assert build(engine, company).extracted == 1
    with engine.connect() as connection:
        asked = connection.execute(
            text("SELECT content FROM session_questions JOIN questions ON id = question_id ORDER BY position")
        ).scalars()
        assert list(asked) == ["What?", "x" * 500]


def test_questions_behind_a_skipped_analysis_are_skipped_for_its_reason(engine: Engine, company: Company) -> None:
    import_id, _ = failed_analysis(engine, company, stages_only=True)
    with engine.begin() as connection:
        set_stage(connection, import_id, "AI_ANALYSIS", "SKIPPED", error_message="not wanted")
    assert build(engine, company).without_questions == 1
    assert stage_of(engine, import_id, "QUESTION_EXTRACTION")["error_message"] == "not wanted"


def test_buying_again_is_estimated_first_and_happens_once(
    engine: Engine, company: Company, context: BatchContext
) -> None:
    first, second = analysed(engine, company, context, number=2)
    assert counts(retry(engine, "ai_analysis", first)) == [0, 0, 1], "complete, and nobody asked to buy it again"
    dry = retry(engine, "ai_analysis", first, second, reanalyse=True)
    assert (counts(dry), dry["dryRun"]) == ([2, 0, 0], True), "money is spent only when told"
    asked = rows_of(engine, ai_processing_requests)
    tokens, size = sum(row.token_estimate for row in asked), sum(row.body_bytes for row in asked)
    stated = stated_input_sum(len(asked), tokens, size, token_margin(asked[0].model))
    usd = (stated * Decimal("0.125") + sum(row.max_output_tokens for row in asked)) / 1_000_000
    assert Decimal(dry["estimatedCostEur"]) == usd * Decimal("0.9")
    assert list(dry) == ["ok", *COUNTS, "estimatedCostEur", "dryRun"]
    done = retry(engine, "ai_analysis", first, reanalyse=True, dry_run=False)
    assert 0 < Decimal(done["estimatedCostEur"]) < Decimal(dry["estimatedCostEur"])
    assert stage_of(engine, first, "QUESTION_EXTRACTION")["status"] == "PENDING"
    go_on(engine, company, context)
    assert len(rows_of(engine, ai_processing_requests)) == 3
    assert stage_of(engine, first, "AI_ANALYSIS")["status"] == "COMPLETED"
    assert stage_of(engine, first, "QUESTION_EXTRACTION")["status"] == "COMPLETED"
    assert build(engine, company).created == 0
    with engine.begin() as connection:
        set_stage(connection, first, "AI_ANALYSIS", "PENDING")
    report = build(engine, company)
    assert (report.created, report.reapplied) == (0, 1), "the mark is gone with the new answer"


def test_an_answer_from_after_the_wish_is_applied_again(
    engine: Engine, company: Company, context: BatchContext
) -> None:
    (import_id,) = analysed(engine, company, context)
    retry(engine, "ai_analysis", import_id, reanalyse=True, dry_run=False)
    mark = stage_of(engine, import_id, "AI_ANALYSIS")["metadata"]
    go_on(engine, company, context)
    with engine.begin() as connection:
        set_stage(connection, import_id, "AI_ANALYSIS", "PENDING", metadata=mark)
    assert build(engine, company).reapplied == 1


def test_sessions_that_were_never_asked_about_are_measured_for_the_estimate(
    engine: Engine, company: Company, context: BatchContext
) -> None:
    (import_id,) = analysed(engine, company, context)
    known = retry(engine, "ai_analysis", import_id, reanalyse=True)["estimatedCostEur"]
    with engine.begin() as connection:
        connection.execute(update(ai_processing_requests).values(transcript_hash="of a system taken over"))
    assert retry(engine, "ai_analysis", import_id, reanalyse=True)["estimatedCostEur"] == known


def test_an_estimate_without_a_price_is_unknown(engine: Engine, company: Company, context: BatchContext) -> None:
    (import_id,) = analysed(engine, company, context)
    unpriced = Settings(openai_model="unpriced")
    assert retry(engine, "ai_analysis", import_id, settings=unpriced, reanalyse=True)["estimatedCostEur"] is None


def test_what_was_deleted_is_not_asked_about_again(engine: Engine, company: Company, context: BatchContext) -> None:
    erased, pruned = analysed(engine, company, context, number=2)
    failed, _ = failed_analysis(engine, company)
    with engine.begin() as connection:
        connection.execute(update(session_imports).where(session_imports.c.id == erased).values(erased_at=NOW))
        connection.execute(
            update(messages)
            .where(messages.c.session_id.in_(select(sessions.c.id).where(sessions.c.import_id.in_([pruned, failed]))))
            .values(content=None)
        )
    ids = (erased, pruned, failed)
    assert counts(retry(engine, "ai_analysis", *ids, reanalyse=True, dry_run=False)) == [0, 0, 3]


def test_a_stage_that_was_added_as_a_row_is_listed_and_tried_again(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        connection.execute(insert(processing_stages).values(name="TRANSLATION", position=60))
    import_id = add_import(engine, company, None)
    with engine.begin() as connection:
        set_stage(connection, import_id, "TRANSLATION", "FAILED", error_message="no dictionary", retry_count=1)
    (row,) = failed_sessions(engine, stage="translation")["sessions"]
    assert (row["importId"], row["sessionId"], row["stage"]) == (str(import_id), None, "translation")
    assert counts(retry(engine, "translation", import_id)) == [1, 0, 0]
    assert stage_of(engine, import_id, "TRANSLATION")["status"] == "PENDING"


def test_an_analysis_waits_for_a_stage_that_was_added_before_it(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE processing_stages SET position = position * 10"))
        connection.execute(insert(processing_stages).values(name="PII_REMOVAL", position=35))
        (session_id,) = insert_sessions(connection, company, [CHAT])
        import_id = connection.execute(select(sessions.c.import_id).where(sessions.c.id == session_id)).scalar_one()
    assert build(engine, company).created == 0
    with engine.begin() as connection:
        set_stage(connection, import_id, "PII_REMOVAL", "COMPLETED")
    assert build(engine, company).created == 1


def test_stuck_stages_are_freed_after_the_time_of_the_settings(engine: Engine, company: Company) -> None:
    import_id, _ = failed_analysis(engine, company, stages_only=True)
    with engine.begin() as connection:
        set_stage(connection, import_id, "AI_ANALYSIS", "IN_PROGRESS", started_at=NOW)
    assert free_stuck(engine, Settings(livedash_stuck_after=10**9)) == {}
    assert free_stuck(engine, SETTINGS) == {"AI_ANALYSIS": 1}
    assert stage_of(engine, import_id, "AI_ANALYSIS")["status"] == "PENDING"


def test_failed_sessions_are_listed_page_by_page_with_every_stage(engine: Engine, company: Company) -> None:
    ids = sorted(add_import(engine, company, None) for _ in range(2))
    with engine.begin() as connection:
        for import_id in ids:
            for stage in ("CSV_IMPORT", "TRANSCRIPT_FETCH"):
                set_stage(connection, import_id, stage, "FAILED", error_message=f"{stage} broke", retry_count=2)
    seen: list[tuple[str, str]] = []
    cursor = None
    for _ in range(4):
        page = failed_sessions(engine, limit=1, cursor=cursor)
        seen += [(row["importId"], row["stage"]) for row in page["sessions"]]
        cursor = page["nextCursor"]
    assert seen == [(str(one), stage) for one in ids for stage in ("csv_import", "transcript_fetch")]
    assert cursor is None
    assert list(page["sessions"][0]) == ["sessionId", "importId", "stage", "errorMessage", "retryCount"]
    of_stage = failed_sessions(engine, stage="Csv_Import", company="acme", limit=1)
    assert of_stage["nextCursor"]
    with pytest.raises(UsageError, match="is not a cursor of this query"):
        failed_sessions(engine, stage="transcript_fetch", company="acme", cursor=of_stage["nextCursor"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stage": "CLEANING"}, "'CLEANING' is not a stage.*csv_import, transcript_fetch"),
        ({"company": "initech"}, "initech"),
        ({"company": "acme", "session_ids": ["x"]}, "Both ids and a company"),
        ({"stage": "transcript_fetch", "reanalyse": True}, "transcript_fetch cannot be analysed again"),
    ],
)
def test_a_wrong_argument_changes_nothing(engine: Engine, company: Company, options: dict[str, Any], said: str) -> None:
    import_id, _ = failed_analysis(engine, company)
    arguments: dict[str, Any] = {"stage": Stage.AI_ANALYSIS.value, "dry_run": False} | options
    with pytest.raises(UsageError, match=said) as raised:
        retry_stage(engine, SETTINGS, **arguments)
    assert raised.value.remedy
    assert stage_of(engine, import_id, "AI_ANALYSIS")["status"] == "FAILED"
