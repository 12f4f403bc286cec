"""Kept answers judged again: what the present reader takes is written as a settlement writes it, and nothing is bought."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, select, text, update

from livedash_pipeline.analysis.steps.reread import reread_answers
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_processing_requests, ai_request_attempts, session_questions, sessions
from livedash_pipeline.errors import UsageError
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.store.batches import requests
from tests.support import batch_service
from tests.support.batch_round import Begin, Round
from tests.support.batch_service import answered
from tests.support.broken_rules import rows_against
from tests.support.races import race
from tests.support.rows import rows_of, stage_counts

Wrap = Callable[[str], str]
COUNTS = ("readCount", "acceptedCount", "stillRefusedCount", "withoutTextCount", "outdatedCount")


@pytest.fixture
def failed(begin: Begin) -> Callable[..., Round]:
    """A batch whose answers nobody could read when they came, though they are good ones in a fence."""

    def make(count: int = 1) -> Round:
        going = begin(count)
        going.end(output=[answered(request_id, "no json") for request_id in going.ids]).ingest()
        for request_id, session_id in going.service.sessions_of(going.name).items():
            keep(going.engine, request_id, f"```json\n{analysis(session_id)}\n```")
        return going

    return make


def analysis(session_id: str) -> str:
    return json.dumps(batch_service.analysis(session_id))


def keep(engine: Engine, request_id: str, kept: str | None, **values: Any) -> None:
    table = ai_processing_requests
    with engine.begin() as connection:
        connection.execute(update(table).where(table.c.id == UUID(request_id)).values(raw_answer=kept, **values))


def counts(document: dict[str, Any]) -> list[int]:
    return [document[name] for name in COUNTS]


def reread(engine: Engine, **options: Any) -> list[int]:
    return counts(reread_answers(engine, dry_run=False, **options))


def whole(engine: Engine) -> list[Any]:
    return [rows_of(engine, table) for table in (ai_processing_requests, ai_request_attempts, sessions)]


def test_a_dry_run_counts_and_changes_nothing(failed: Callable[..., Round]) -> None:
    going = failed(2)
    keep(going.engine, going.ids[1], "Sorry.")
    before = whole(going.engine)
    document = reread_answers(going.engine)
    assert document == {"ok": True, **dict(zip(COUNTS, [2, 1, 1, 0, 0], strict=True)), "dryRun": True}
    assert whole(going.engine) == before


def test_an_accepted_answer_is_written_as_a_settlement_writes_it(failed: Callable[..., Round], begin: Begin) -> None:
    going = failed(3)
    attempts = rows_of(going.engine, ai_request_attempts)
    assert reread(going.engine, chunk_size=2) == [3, 3, 0, 0, 0]
    rows = going.requests()
    assert {(row.processing_status, row.error_code, row.error_message) for row in rows} == {
        ("PROCESSING_COMPLETE", None, None)
    }
    assert {tuple(row.answer_flags) for row in rows} == {("code_fence", "reread")}
    assert {row.attempts for row in rows} == {1}
    assert rows_of(going.engine, ai_request_attempts) == attempts
    later = begin()
    later.end(output=[later.answer(later.ids[0])]).ingest()
    with going.engine.connect() as connection:
        assert stage_counts(connection, "AI_ANALYSIS") == {"COMPLETED": 4}
        assert stage_counts(connection, "QUESTION_EXTRACTION") == {"COMPLETED": 4}
        columns = (
            sessions.c.language,
            sessions.c.category,
            sessions.c.summary,
            sessions.c.escalated,
            sessions.c.sentiment,
        )
        assert len(connection.execute(select(*columns).distinct()).all()) == 1
        assert len(connection.execute(select(session_questions.c.question_id).distinct()).all()) == 1
        assert rows_against(connection, "every_submitted_request_has_one_outcome") == []
        assert rows_against(connection, "cost_agrees_with_batch_usage") == []


def test_a_second_run_changes_nothing(failed: Callable[..., Round]) -> None:
    going = failed(2)
    keep(going.engine, going.ids[0], "Sorry.")
    assert reread(going.engine) == [2, 1, 1, 0, 0]
    before = whole(going.engine)
    assert reread(going.engine) == [1, 0, 1, 0, 0]
    assert whole(going.engine) == before


def test_only_texts_that_are_there_and_sessions_that_wait_are_read(failed: Callable[..., Round]) -> None:
    going = failed(9)
    ids = going.ids
    keep(going.engine, ids[0], None)
    keep(going.engine, ids[1], analysis(str(UUID(int=0))))
    keep(going.engine, ids[2], "{")
    statements = {
        ids[3]: "UPDATE sessions SET transcript_hash = 'other' WHERE id = :session",
        ids[
            4
        ]: "UPDATE session_processing_status SET status = 'SKIPPED' WHERE import_id = :import AND stage = 'AI_ANALYSIS'",
        ids[5]: "UPDATE session_imports SET erased_at = created_at WHERE id = :import",
        ids[
            6
        ]: 'UPDATE session_processing_status SET metadata = \'{"reanalyseAfter": "2999-01-01"}\' WHERE import_id = :import'
        " AND stage = 'AI_ANALYSIS'",
    }
    keep(going.engine, ids[7], "```", error_code="transient")
    with going.engine.begin() as connection:
        for request_id, statement in statements.items():
            session = going.service.sessions_of(going.name)[request_id]
            owner = connection.execute(select(sessions.c.import_id).where(sessions.c.id == UUID(session))).scalar_one()
            connection.execute(text(statement.replace(":session", f"'{session}'").replace(":import", f"'{owner}'")))
    assert reread(going.engine) == [3, 1, 2, 2, 3]
    assert [row.processing_status == "PROCESSING_COMPLETE" for row in going.requests()] == [False] * 8 + [True]


def test_a_session_with_a_newer_request_is_left_alone(failed: Callable[..., Round]) -> None:
    going = failed()
    (row,) = going.requests()
    newer = {key: value for key, value in row._asdict().items() if key not in ("id", "subject_id", "openai_request_id")}
    newer |= {"processing_status": "PENDING_BATCHING", "batch_id": None, "completed_at": None, "raw_answer": None}
    with going.engine.begin() as connection:
        connection.execute(ai_processing_requests.insert().values(**newer))
    assert reread(going.engine) == [0, 0, 0, 0, 1]


def test_company_and_outcome_choose_what_is_read(failed: Callable[..., Round]) -> None:
    going = failed(2)
    keep(
        going.engine,
        going.ids[0],
        analysis(going.service.sessions_of(going.name)[going.ids[0]]),
        error_code="truncated",
    )
    assert counts(reread_answers(going.engine, outcome="Truncated")) == [1, 1, 0, 0, 0]
    assert counts(reread_answers(going.engine, outcome="refused")) == [0, 0, 0, 0, 0]
    with going.engine.connect() as connection:
        slug = connection.execute(text("SELECT slug FROM companies")).scalar_one()
    assert counts(reread_answers(going.engine, company=slug)) == [2, 2, 0, 0, 0]
    wrongs: tuple[dict[str, Any], ...] = ({"outcome": "parsed"}, {"outcome": "transient"}, {"company": "nobody"})
    for wrong in wrongs:
        with pytest.raises(UsageError):
            reread_answers(going.engine, **wrong)


@pytest.mark.parametrize("first", ["requeue", "reread"])
def test_reading_again_and_requeueing_at_once_have_one_winner(failed: Callable[..., Round], first: str) -> None:
    going = failed(3)
    ids = [UUID(request_id) for request_id in going.ids]

    def requeue() -> int:
        with going.engine.begin() as connection:
            return requests.requeue(connection, ids, KINDS, now=database_now(connection), dry_run=False).requeued

    def read() -> int:
        return int(reread_answers(going.engine, dry_run=False)["acceptedCount"])

    mine, others = (requeue, read) if first == "requeue" else (read, requeue)
    with race(going.engine) as threads, going.engine.begin() as blocker:
        # Both wait for the first request; who came first goes first.
        blocker.execute(text("SELECT 1 FROM ai_processing_requests WHERE id = :id FOR UPDATE"), {"id": min(ids)})
        ahead = threads.begin(mine, waiting=1)
        behind = threads.begin(others, waiting=2)
        blocker.rollback()
        assert (ahead.result(), behind.result()) == (3, 0)
    statuses = {row.processing_status for row in going.requests()}
    assert statuses == {"PENDING_BATCHING" if first == "requeue" else "PROCESSING_COMPLETE"}


def test_a_kept_body_is_read_as_a_line_would_be(failed: Callable[..., Round]) -> None:
    going = failed()
    answer = analysis(going.service.sessions_of(going.name)[going.ids[0]])
    call = {"choices": [{"message": {"tool_calls": [{"function": {"arguments": answer}}]}}]}
    keep(going.engine, going.ids[0], json.dumps(call))
    assert reread(going.engine) == [1, 1, 0, 0, 0]
    assert going.requests()[0].answer_flags == ["answer_in_call", "reread"]
