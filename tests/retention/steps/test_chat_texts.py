"""Texts of chat batches go by age and on request, from every place; rows, counts, codes and costs stay."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.chats.steps.cancel import cancel, resume
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.chats.steps.results import open_results
from livedash_pipeline.errors import UsageError
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.rules.calls.call_ends import CallEnd, end_of_failure
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.retention.rules.retention import PruneRequest
from livedash_pipeline.retention.steps.erase_chats import erase_chats
from livedash_pipeline.retention.steps.prune import prune
from livedash_pipeline.retention.store.retention import TextCounts
from tests.support.chat_rounds import ScriptedChats, answered, chat_context, make_batch

pytest_plugins = ["tests.support.fixtures"]

SECRET = "xylophone"
ROWS = [
    {"chatId": "a", "question": f"Where is my {SECRET} kept?", "context": f"The {SECRET} room", "note": SECRET,
     "url": f"https://example.com/{SECRET}", "expectedAnswer": f"Behind the {SECRET}."},
    {"chatId": "b", "question": f"Who plays the {SECRET} badly?"},
    {"chatId": "c", "question": "Who plays the trumpet?"},
]  # fmt: skip
_TABLES = ("chat_batches", "chats", "chat_interactions", "ai_processing_requests", "ai_request_attempts")


def _answer(question: str) -> CallEnd:
    if "badly" in question:
        return end_of_failure(ApiFailure(FailureKind.REFUSED, 400, None, f"The {SECRET} is not allowed."))
    return answered(f"About: {question}")


def _places(engine: Engine) -> set[str]:
    """Tables that hold the word."""
    with engine.connect() as connection:
        return {
            table
            for table in _TABLES
            if connection.execute(
                text(f"SELECT 1 FROM {table} AS t WHERE t::text LIKE :word LIMIT 1"), {"word": f"%{SECRET}%"}
            ).first()
        }


def _kept(engine: Engine) -> dict[str, list[Any]]:
    """What no deletion may touch."""
    queries = {
        "batches": "SELECT id, name, status, total_items, processed_items, failed_items, cost_eur, ended_at FROM chat_batches",
        "chats": "SELECT id, chat_id, state, outcome_code FROM chats",
        "turns": "SELECT id, outcome_code, input_hash, input_tokens, cost_eur, completed_at FROM chat_interactions",
        "requests": "SELECT id, processing_status, error_code, attempts, input_hash FROM ai_processing_requests",
        "attempts": "SELECT id, outcome, error_code, total_cost_eur, prompt_tokens FROM ai_request_attempts",
    }
    with engine.connect() as connection:
        return {name: list(connection.execute(text(f"{query} ORDER BY id"))) for name, query in queries.items()}


def _results(engine: Engine, batch_id: UUID) -> list[Mapping[str, Any]]:
    out = BytesIO()
    with open_results(engine, batch_id) as found:
        found.write(out, file_format="json")
    rows: list[Mapping[str, Any]] = json.loads(out.getvalue())["rows"]
    return rows


@pytest.fixture
def asked(engine: Engine, company: Company) -> UUID:
    """A batch that has ended: two answers, and a failure whose message quotes the question."""
    context = chat_context(engine, ScriptedChats(_answer))
    batch_id = make_batch(context, company.slug, ROWS, apply_overrides=True, override_text=f"Mind the {SECRET}.")
    process_for_duration(context, batch_id, seconds=300)
    assert _places(engine) >= {"chat_batches", "chats", "chat_interactions", "ai_request_attempts"}
    return batch_id


def _keep(engine: Engine, **days: int) -> None:
    with engine.begin() as connection:
        for kind, value in days.items():
            connection.execute(text(f"UPDATE companies SET {kind}_retention_days = :days"), {"days": value})


def _prune(engine: Engine, *, after: float, dry_run: bool = False) -> TextCounts:
    """A deletion so many days from now."""
    with engine.connect() as connection:
        now = connection.execute(text("SELECT clock_timestamp()")).scalar_one() + timedelta(days=after)
    report = prune(engine, PruneRequest(dry_run=dry_run), clock=lambda _: now)
    return sum(report.companies.values(), TextCounts())


def test_questions_and_answers_go_at_their_time_and_everything_else_stays(engine: Engine, asked: UUID) -> None:
    _keep(engine, message=60, answer=30)
    before = _kept(engine)
    assert _prune(engine, after=29) == TextCounts()
    assert _prune(engine, after=31, dry_run=True) == TextCounts(answers=2)
    assert _prune(engine, after=31) == TextCounts(answers=2)
    assert [row["answer"] for row in _results(engine, asked)] == [None] * 3
    assert _results(engine, asked)[0]["question"] == ROWS[0]["question"]
    assert _results(engine, asked)[0]["error"] == "The answer was deleted by age."
    assert _prune(engine, after=61, dry_run=True) == TextCounts(messages=3)
    assert _prune(engine, after=61) == TextCounts(messages=3)
    assert _places(engine) <= {"ai_request_attempts", "ai_processing_requests"}
    rows = _results(engine, asked)
    assert [row["error"] for row in rows] == ["Question and answer were deleted by age."] * 3
    assert [row["status"] for row in rows] == ["completed", "failed", "completed"]
    assert _prune(engine, after=90) == TextCounts()
    assert _kept(engine) == before


def test_a_batch_that_has_not_ended_or_is_kept_for_good_loses_nothing(
    engine: Engine, company: Company, asked: UUID
) -> None:
    _keep(engine, message=10)
    running = make_batch(chat_context(engine, ScriptedChats()), company.slug, 2)
    assert _prune(engine, after=20) == TextCounts(messages=3)
    assert _results(engine, asked)[0]["answer"] is not None
    assert [row["error"] for row in _results(engine, asked)] == ["The question was deleted by age."] * 3
    assert _results(engine, running)[0]["question"] == "What is question 0?"


def test_what_lost_its_question_is_not_asked_again(engine: Engine, company: Company, asked: UUID) -> None:
    context = chat_context(engine, ScriptedChats())
    assert resume(context, asked, failed_too=True, dry_run=True).items == 1
    _keep(engine, message=10)
    _prune(engine, after=20)
    assert resume(context, asked, failed_too=True).items == 0
    with engine.connect() as connection:
        failed = [str(each) for each in connection.execute(text("SELECT id FROM ai_processing_requests")).scalars()]
    assert requeue_requests(engine, KINDS, request_ids=failed)["requeuedCount"] == 0


def test_one_conversation_is_erased_from_every_place(engine: Engine, company: Company, asked: UUID) -> None:
    context = chat_context(engine, ScriptedChats(_answer))
    rows = [{"question": f"Where is the {SECRET} again?"}]
    later = make_batch(context, company.slug, rows, search_provider="postgres", page_language=None)
    process_for_duration(context, later, seconds=300)
    before = _kept(engine)
    foreseen = erase_chats(engine, asked, chat="a")
    assert (foreseen["chats"], foreseen["questions"], foreseen["answers"], foreseen["copies"]) == (1, 1, 1, 1)
    assert _results(engine, asked)[0]["answer"] is not None
    assert erase_chats(engine, asked, chat="a", dry_run=False) == {**foreseen, "dryRun": False}
    erased, other, third = _results(engine, asked)
    assert (erased["question"], erased["answer"], erased["error"]) == (
        "",
        None,
        "Question and answer were erased on request.",
    )
    assert SECRET in other["question"]
    assert third["answer"] is not None
    with engine.connect() as connection:
        shown = connection.execute(
            text("SELECT sources::text FROM chat_interactions WHERE batch_id = :id"), {"id": later}
        ).scalar_one()
        recorded = connection.execute(text("SELECT counts FROM prune_runs WHERE kind = 'erasure'")).scalars().all()
    assert "kept?" not in shown
    assert recorded == [{"chats": 1, "questions": 1, "answers": 1, "copies": 1}]
    assert _kept(engine) == before
    again = erase_chats(engine, asked, chat="a", dry_run=False)
    assert (again["questions"], again["answers"]) == (0, 0)


def test_a_whole_batch_is_erased_with_its_prompts_and_never_resumed(engine: Engine, asked: UUID) -> None:
    before = _kept(engine)
    done = erase_chats(engine, asked, dry_run=False)
    assert (done["chats"], done["questions"], done["answers"]) == (3, 3, 2)
    assert _places(engine) == set()
    assert _kept(engine) == before
    assert resume(chat_context(engine, ScriptedChats()), asked, failed_too=True).items == 0


def test_what_runs_is_cancelled_before_it_is_erased(engine: Engine, company: Company) -> None:
    context = chat_context(engine, ScriptedChats())
    batch_id = make_batch(context, company.slug, 2)
    with pytest.raises(UsageError, match="2 conversations .* may still be asked"):
        erase_chats(engine, batch_id)
    with pytest.raises(UsageError, match="has no conversation 'nobody'"):
        erase_chats(engine, batch_id, chat="nobody")
    cancel(context, batch_id, by="a test")
    assert erase_chats(engine, batch_id, dry_run=False)["questions"] == 2
    assert resume(context, batch_id).items == 0


def test_answers_of_the_batch_api_go_from_the_ledger_too(
    engine: Engine, company: Company, context: BatchContext
) -> None:
    chats = ChatContext(context.engine, context.settings, {})
    batch_id = make_batch(chats, company.slug, ROWS[:1], mode="batch")
    process_for_duration(chats, batch_id, seconds=1)
    submit_pending(context, ignore_minimum=True)
    for _ in range(3):
        poll_batches(context)
    ingest_finished(context)
    assert "ai_processing_requests" in _places(engine)
    erase_chats(engine, batch_id, dry_run=False)
    assert _places(engine) == set()
