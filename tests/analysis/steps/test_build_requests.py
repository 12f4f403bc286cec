"""Making requests: once per input, for sessions that wait, and never for what was answered before."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, event, func, select, text, update

from livedash_pipeline.analysis.rules.prompt import prompt_version, transcript_data
from livedash_pipeline.analysis.rules.request_lines import line_frame
from livedash_pipeline.analysis.steps.build_requests import RequestReport, build_requests
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import ai_processing_requests, messages, session_processing_status, sessions
from livedash_pipeline.intake.rules.messages import Message, transcript_hash
from livedash_pipeline.services.openai.tokens import count_tokens
from tests.conftest import NOW
from tests.support.rows import CHAT, insert_requests, insert_sessions, rows_of, session_values, stage_counts

OTHER_CHAT = (Message("user", "I want to report sick.", NOW),)


def build(
    engine: Engine, company: Company, *, default_model: str = "gpt-5-mini", chunk_size: int = 1000
) -> RequestReport:
    return build_requests(
        engine, company, default_model=default_model, count_tokens=count_tokens, chunk_size=chunk_size
    )


def change_messages(engine: Engine, session_id: UUID, chat: tuple[Message, ...]) -> None:
    """What deriving a session anew does to it."""
    with engine.begin() as connection:
        connection.execute(messages.delete().where(messages.c.session_id == session_id))
        for position, message in enumerate(chat):
            connection.execute(
                messages.insert().values(
                    session_id=session_id,
                    position=position,
                    role=message.role,
                    content=message.content,
                    sent_at=message.sent_at,
                )
            )
        connection.execute(
            update(sessions).where(sessions.c.id == session_id).values(transcript_hash=transcript_hash(chat))
        )


def set_stage(engine: Engine, status: str, stage: str = "AI_ANALYSIS") -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO session_processing_status (import_id, stage, status) SELECT import_id, :stage, :status"
                " FROM sessions ON CONFLICT (import_id, stage) DO UPDATE SET status = :status"
            ),
            {"stage": stage, "status": status},
        )


def complete(engine: Engine, **answer: Any) -> None:
    """Every request is answered."""
    parsed = {
        "language": "en",
        "sentiment": "NEUTRAL",
        "escalated": False,
        "forwarded_hr": False,
        "category": "SCHEDULE_HOURS",
        "questions": ["Where?"],
        "summary": "It was answered.",
    }
    with engine.begin() as connection:
        connection.execute(
            update(ai_processing_requests).values(
                processing_status="PROCESSING_COMPLETE", parsed_answer=parsed | answer, completed_at=func.now()
            )
        )


def test_a_request_names_its_input_and_its_true_size(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        (session_id,) = insert_sessions(connection, company, [CHAT])
    build(engine, company)
    (request,) = rows_of(engine, ai_processing_requests)
    assert (request.transcript_hash, request.prompt_version) == (transcript_hash(CHAT), prompt_version())
    assert request.body_bytes == len(line_frame("gpt-5-mini").line(request.id, transcript_data(session_id, CHAT))) + 1
    assert 300 < request.token_estimate < 2000
    assert (request.processing_status, request.attempts) == ("PENDING_BATCHING", 0)


def test_requests_are_made_in_chunks_and_once(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_sessions(connection, company, [CHAT, (), CHAT, CHAT, CHAT])
    assert build(engine, company, chunk_size=2) == RequestReport("acme", created=4, skipped=1)
    assert build(engine, company, chunk_size=2) == RequestReport("acme")


def test_only_sessions_that_wait_for_their_analysis_get_a_request(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_sessions(connection, company, [CHAT])
    for status in ("IN_PROGRESS", "COMPLETED", "FAILED", "SKIPPED"):
        set_stage(engine, status)
        assert build(engine, company).created == 0
    set_stage(engine, "PENDING")
    with engine.begin() as connection:
        connection.execute(update(sessions).values(stale=True))
    assert build(engine, company).created == 0
    with engine.begin() as connection:
        connection.execute(update(sessions).values(stale=False))
    set_stage(engine, "FAILED", "SESSION_CREATION")
    assert build(engine, company).created == 0
    set_stage(engine, "COMPLETED", "SESSION_CREATION")
    assert build(engine, company).created == 1


@pytest.mark.parametrize("status", ["PENDING", "IN_PROGRESS", "FAILED"])
def test_a_session_whose_transcript_is_not_there_is_not_asked_about(
    engine: Engine, company: Company, status: str
) -> None:
    with engine.begin() as connection:
        insert_sessions(connection, company, [CHAT])
    set_stage(engine, status, "TRANSCRIPT_FETCH")
    assert build(engine, company).created == 0, "its messages may be older than the chat"
    set_stage(engine, "SKIPPED", "TRANSCRIPT_FETCH")
    assert build(engine, company).created == 1


def test_an_answer_that_was_kept_waits_for_the_transcript_as_well(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_sessions(connection, company, [CHAT])
    build(engine, company)
    complete(engine)
    set_stage(engine, "PENDING")
    set_stage(engine, "FAILED", "TRANSCRIPT_FETCH")
    assert build(engine, company) == RequestReport("acme")
    set_stage(engine, "COMPLETED", "TRANSCRIPT_FETCH")
    assert build(engine, company) == RequestReport("acme", reapplied=1)


@pytest.mark.parametrize("stage", ["TRANSCRIPT_FETCH", "SESSION_CREATION"])
def test_an_unclaimed_request_behind_a_stage_that_failed_is_withdrawn_and_made_anew(
    engine: Engine, company: Company, stage: str
) -> None:
    with engine.begin() as connection:
        insert_sessions(connection, company, [CHAT])
    build(engine, company)
    set_stage(engine, "PENDING", stage)
    assert build(engine, company) == RequestReport("acme"), "it may come out the same"
    set_stage(engine, "FAILED", stage)
    assert build(engine, company, default_model="gpt-4o-mini") == RequestReport("acme", withdrawn=1)
    (request,) = rows_of(engine, ai_processing_requests)
    assert (request.processing_status, request.error_code) == ("PROCESSING_FAILED", "input_outdated")
    with engine.connect() as connection:
        assert stage_counts(connection, "AI_ANALYSIS") == {"PENDING": 1}, "it waits behind the failure"
    assert build(engine, company) == RequestReport("acme")
    set_stage(engine, "COMPLETED", stage)
    assert build(engine, company) == RequestReport("acme", created=1)


def test_a_claimed_request_behind_a_stage_that_failed_is_left_to_its_batch(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company)
    set_stage(engine, "FAILED", "TRANSCRIPT_FETCH")
    with engine.begin() as holder:
        # Somebody is claiming it right now.
        holder.execute(select(ai_processing_requests).with_for_update())
        assert build(engine, company).withdrawn == 0
    complete(engine)
    assert build(engine, company).withdrawn == 0


def test_unclaimed_requests_follow_their_sessions_messages(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        (session_id,) = insert_sessions(connection, company, [CHAT])
    build(engine, company)
    change_messages(engine, session_id, OTHER_CHAT)
    assert build(engine, company) == RequestReport("acme", rewritten=1)
    (request,) = rows_of(engine, ai_processing_requests)
    assert request.transcript_hash == transcript_hash(OTHER_CHAT)
    assert (
        request.body_bytes
        == len(line_frame("gpt-5-mini").line(request.id, transcript_data(session_id, OTHER_CHAT))) + 1
    )


def test_claimed_requests_are_not_rewritten(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company)
    before = rows_of(engine, ai_processing_requests)
    with engine.begin() as holder:
        # Somebody is claiming it right now.
        holder.execute(select(ai_processing_requests).with_for_update())
        assert build(engine, company, default_model="gpt-4o-mini").rewritten == 0
    complete(engine)
    assert build(engine, company, default_model="gpt-4o-mini").rewritten == 0
    assert rows_of(engine, ai_processing_requests)[0].model == before[0].model


def test_an_unclaimed_request_about_a_session_that_lost_its_messages_is_closed(
    engine: Engine, company: Company
) -> None:
    with engine.begin() as connection:
        (session_id,) = insert_sessions(connection, company, [CHAT])
    build(engine, company)
    change_messages(engine, session_id, ())
    assert build(engine, company).skipped == 1
    (request,) = rows_of(engine, ai_processing_requests)
    assert (request.processing_status, request.error_code) == ("PROCESSING_FAILED", "no_messages")
    with engine.connect() as connection:
        assert stage_counts(connection, "AI_ANALYSIS") == {"SKIPPED": 1}
        assert stage_counts(connection, "QUESTION_EXTRACTION") == {"SKIPPED": 1}


def test_neither_another_prompt_nor_another_model_asks_again(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_sessions(connection, company, [CHAT])
    build(engine, company)
    complete(engine)
    set_stage(engine, "PENDING")
    with engine.begin() as connection:
        connection.execute(update(ai_processing_requests).values(prompt_version="an older one"))
    assert build(engine, company, default_model="gpt-4o-mini") == RequestReport("acme", reapplied=1)


def test_a_reanalysis_that_was_asked_for_is_asked_again(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_sessions(connection, company, [CHAT])
    build(engine, company)
    complete(engine)
    set_stage(engine, "PENDING")
    with engine.begin() as connection:
        connection.execute(
            update(session_processing_status)
            .where(session_processing_status.c.stage == "AI_ANALYSIS")
            .values(metadata={"reanalyseAfter": "2199-01-01T00:00:00+00:00"})
        )
    assert build(engine, company) == RequestReport("acme", created=1)


def test_an_input_that_returns_before_its_new_request_is_claimed_is_not_bought_again(
    engine: Engine, company: Company
) -> None:
    with engine.begin() as connection:
        (session_id,) = insert_sessions(connection, company, [CHAT])
    build(engine, company)
    complete(engine)
    change_messages(engine, session_id, OTHER_CHAT)
    set_stage(engine, "PENDING")
    assert build(engine, company).created == 1
    change_messages(engine, session_id, CHAT)
    assert build(engine, company) == RequestReport("acme", reapplied=1)
    first, second = rows_of(engine, ai_processing_requests)
    assert first.processing_status == "PROCESSING_COMPLETE"
    assert (second.processing_status, second.error_code, second.attempts) == (
        "PROCESSING_FAILED",
        "answered_before",
        0,
    )
    with engine.connect() as connection:
        assert session_values(connection, session_id)["summary"] == "It was answered."
        assert stage_counts(connection, "AI_ANALYSIS") == {"COMPLETED": 1}


def test_messages_that_change_after_they_were_measured_are_measured_again(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        (session_id,) = insert_sessions(connection, company, [CHAT])
    measured: list[str] = []

    def counted(said: str) -> int:
        measured.append(said)
        return count_tokens(said)

    @event.listens_for(engine, "begin")
    def _between(_connection: Connection) -> None:
        # The transaction that measures has ended, the one that creates has found nothing yet.
        if any("messages" in said for said in measured) and not changed:
            changed.append(session_id)
            change_messages(engine, session_id, OTHER_CHAT)

    changed: list[UUID] = []
    report = build_requests(engine, company, default_model="gpt-5-mini", count_tokens=counted)
    assert (report.created, changed) == (1, [session_id])
    (request,) = rows_of(engine, ai_processing_requests)
    assert request.transcript_hash == transcript_hash(OTHER_CHAT)
    line = line_frame("gpt-5-mini").line(request.id, transcript_data(session_id, OTHER_CHAT))
    assert request.body_bytes == len(line) + 1
