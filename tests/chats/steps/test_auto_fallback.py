"""`auto` with a time: what the Batch API cannot answer by then goes on by calls, and is never asked by both."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.chats.rules.slices import StopReason
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.chats.store.figures import batches_with_work
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.local.batch_api.faults.script import parse_script
from livedash_pipeline.local.batch_api.server import RunningServer
from tests.support.chat_rounds import column, make_batch, states

pytest_plugins = ["tests.support.fixtures"]


@pytest.fixture
def chats(context: BatchContext) -> ChatContext:
    """Chat batches beside the ledger's steps, with the same server."""
    return ChatContext(context.engine, context.settings, {})


def _make(chats: ChatContext, company: Company, rows: int | list[dict[str, str]], *, hours: float) -> UUID:
    with chats.engine.connect() as connection:
        due_at = database_now(connection) + timedelta(hours=hours)
    return make_batch(chats, company.slug, rows, mode="auto", due_at=due_at)


def _pass_time(engine: Engine, batch_id: UUID, *, hours: float) -> None:
    """The time at which the answers are wanted comes so much nearer."""
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE chat_batches SET due_at = due_at - CAST(:passed AS interval) WHERE id = :id"),
            {"id": batch_id, "passed": timedelta(hours=hours)},
        )


def _has_work(engine: Engine, batch_id: UUID) -> bool:
    with engine.connect() as connection:
        return batch_id in [each.id for each in batches_with_work(connection, now=database_now(connection))]


def _outcomes(engine: Engine) -> dict[tuple[bool, str | None], int]:
    """Tries by whether they were calls, and by their ends."""
    query = text("SELECT is_call, outcome, count(*) AS tries FROM ai_request_attempts GROUP BY is_call, outcome")
    with engine.connect() as connection:
        return {(row.is_call, row.outcome): row.tries for row in connection.execute(query)}


def _settle(context: BatchContext) -> None:
    for _ in range(4):
        poll_batches(context)
    ingest_finished(context)


def test_what_no_batch_has_claimed_goes_on_by_calls(
    engine: Engine, company: Company, context: BatchContext, chats: ChatContext
) -> None:
    batch_id = _make(chats, company, 3, hours=27)
    assert process_for_duration(chats, batch_id, seconds=5).stop is StopReason.PAUSED
    assert states(engine, batch_id) == {"PROCESSING": 3}
    _pass_time(engine, batch_id, hours=2.5)
    assert process_for_duration(chats, batch_id, seconds=5).stop is StopReason.PAUSED
    assert not _has_work(engine, batch_id)
    _pass_time(engine, batch_id, hours=1)
    assert _has_work(engine, batch_id)
    report = process_for_duration(chats, batch_id, seconds=30)
    assert (report.processed, report.status) == (3, ChatBatchStatus.COMPLETED)
    assert submit_pending(context, ignore_minimum=True).submitted == []
    assert _outcomes(engine) == {(True, "parsed"): 3}
    assert column(engine, batch_id, "tier", "chats") == ["slices"] * 3


def test_what_is_at_the_service_is_cancelled_and_settled_before_it_is_asked(
    engine: Engine, company: Company, context: BatchContext, chats: ChatContext, batch_api: RunningServer
) -> None:
    batch_id = _make(chats, company, 3, hours=27)
    process_for_duration(chats, batch_id, seconds=5)
    batch_api.service.install_faults(
        parse_script(json.dumps([{"kind": "stuck", "state": "in_progress"}])), replace=True
    )
    submit_pending(context, ignore_minimum=True)
    _pass_time(engine, batch_id, hours=10)
    report = process_for_duration(chats, batch_id, seconds=5)
    assert (report.processed, report.stop, states(engine, batch_id)) == (0, StopReason.PAUSED, {"PROCESSING": 3})
    assert not _has_work(engine, batch_id)
    _pass_time(engine, batch_id, hours=15.5)
    assert _has_work(engine, batch_id)
    assert process_for_duration(chats, batch_id, seconds=5).processed == 0
    with engine.connect() as connection:
        wishes = connection.execute(text("SELECT cancel_requested_at FROM ai_batch_requests")).scalars().all()
    assert [wish is not None for wish in wishes] == [True]
    assert not _has_work(engine, batch_id)
    _settle(context)
    process_for_duration(chats, batch_id, seconds=30)
    assert states(engine, batch_id) == {"COMPLETED": 3}
    outcomes = _outcomes(engine)
    assert outcomes.get((True, "parsed"), 0) + outcomes.get((False, "parsed"), 0) == 3
    assert all(column(engine, batch_id, "answer"))


def test_a_batch_that_asks_about_others_is_not_cancelled(
    engine: Engine, company: Company, context: BatchContext, chats: ChatContext
) -> None:
    batch_id = _make(chats, company, 2, hours=27)
    patient = make_batch(chats, company.slug, 1, mode="batch")
    for each in (batch_id, patient):
        process_for_duration(chats, each, seconds=5)
    submit_pending(context, ignore_minimum=True)
    _pass_time(engine, batch_id, hours=26.5)
    process_for_duration(chats, batch_id, seconds=5)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT cancel_requested_at FROM ai_batch_requests")).scalars().all() == [None]
    assert not _has_work(engine, batch_id)
    _settle(context)
    assert states(engine, batch_id) == {"COMPLETED": 2}


def test_an_expired_batch_leaves_its_questions_to_calls(
    engine: Engine, company: Company, context: BatchContext, chats: ChatContext, batch_api: RunningServer
) -> None:
    batch_id = _make(chats, company, 4, hours=27)
    process_for_duration(chats, batch_id, seconds=5)
    batch_api.service.install_faults(parse_script(json.dumps([{"kind": "expire", "share": 0.5}])), replace=True)
    submit_pending(context, ignore_minimum=True)
    _settle(context)
    batch_api.service.install_faults(parse_script("[]"), replace=True)
    _pass_time(engine, batch_id, hours=25)
    report = process_for_duration(chats, batch_id, seconds=30)
    assert report.status is ChatBatchStatus.COMPLETED
    outcomes = _outcomes(engine)
    assert outcomes[False, "not_run"] == outcomes[True, "parsed"] > 0


def test_turns_that_are_left_need_a_window_each(
    engine: Engine, company: Company, context: BatchContext, chats: ChatContext
) -> None:
    rows = [{"chatId": "a", "question": f"Turn {turn} of it?"} for turn in range(2)]
    batch_id = _make(chats, company, rows, hours=51)
    process_for_duration(chats, batch_id, seconds=5)
    submit_pending(context, ignore_minimum=True)
    _settle(context)
    assert column(engine, batch_id, "outcome_code") == ["answered", None]
    _pass_time(engine, batch_id, hours=28)
    assert process_for_duration(chats, batch_id, seconds=30).status is ChatBatchStatus.COMPLETED
    assert _outcomes(engine) == {(False, "parsed"): 1, (True, "parsed"): 1}
    assert "This is turn 2; 1 earlier answer" in column(engine, batch_id, "answer")[1]


def test_without_a_time_nothing_changes_its_way(engine: Engine, company: Company, chats: ChatContext) -> None:
    batch_id = make_batch(chats, company.slug, 2, mode="auto")
    for _ in range(2):
        assert process_for_duration(chats, batch_id, seconds=5).stop is StopReason.PAUSED
    assert states(engine, batch_id) == {"PROCESSING": 2}
    assert not _has_work(engine, batch_id)
