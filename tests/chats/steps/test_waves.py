"""Turns through the ledger's batches: waves, what came of them, cancel, requeue, and the same counts as in slices."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.chats.rules.slices import StopReason
from livedash_pipeline.chats.steps.cancel import cancel, resume
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.process import SliceReport, process_for_duration
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests
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


def _round(context: BatchContext, chats: ChatContext, batch_id: UUID) -> SliceReport:
    """A slice that makes requests, and everything that the ledger does with them."""
    process_for_duration(chats, batch_id, seconds=1)
    submit_pending(context, ignore_minimum=True)
    for _ in range(3):
        poll_batches(context)
    ingest_finished(context)
    return process_for_duration(chats, batch_id, seconds=1)


def _script(server: RunningServer, *faults: dict[str, Any]) -> None:
    server.service.install_faults(parse_script(json.dumps(faults)), replace=True)


def test_questions_go_out_in_one_batch_and_come_back(
    engine: Engine, company: Company, context: BatchContext, chats: ChatContext
) -> None:
    batch_id = make_batch(chats, company.slug, 12, mode="batch")
    first = process_for_duration(chats, batch_id, seconds=1)
    assert (first.stop, first.remaining, states(engine, batch_id)) == (StopReason.PAUSED, 12, {"PROCESSING": 12})
    report = _round(context, chats, batch_id)
    assert (report.remaining, report.status) == (0, ChatBatchStatus.COMPLETED)
    assert column(engine, batch_id, "outcome_code") == ["answered"] * 12
    assert all(column(engine, batch_id, "answer"))
    with engine.connect() as connection:
        batches, cost, turns = connection.execute(
            text(
                "SELECT (SELECT count(*) FROM ai_batch_requests), (SELECT cost_eur FROM chat_batches),"
                " (SELECT sum(cost_eur) FROM chat_interactions)"
            )
        ).one()
    assert batches == 1
    assert cost == turns > 0


def test_turns_go_out_in_waves(engine: Engine, company: Company, context: BatchContext, chats: ChatContext) -> None:
    rows = [{"chatId": each, "question": f"Turn {turn} of {each}?"} for turn in range(3) for each in ("a", "b")]
    batch_id = make_batch(chats, company.slug, [*rows, {"chatId": "c", "question": "Only one?"}], mode="batch")
    remaining = [_round(context, chats, batch_id).remaining for _ in range(3)]
    assert remaining == [2, 2, 0]
    assert column(engine, batch_id, "outcome_code") == ["answered"] * 7
    with engine.connect() as connection:
        kinds = connection.execute(text("SELECT DISTINCT processing_type FROM ai_batch_requests")).scalars().all()
    assert kinds == ["chat_turn"]


def test_a_failed_turn_fails_its_conversation_and_can_be_requeued(
    engine: Engine, company: Company, context: BatchContext, chats: ChatContext, batch_api: RunningServer
) -> None:
    rows = [{"chatId": "a", "question": f"Turn {turn} of it?"} for turn in range(2)]
    batch_id = make_batch(chats, company.slug, rows, mode="batch")
    _script(batch_api, {"kind": "length"})
    report = _round(context, chats, batch_id)
    assert (report.status, column(engine, batch_id, "outcome_code")) == (
        ChatBatchStatus.FAILED,
        ["truncated", "earlier_turn_failed"],
    )
    _script(batch_api)
    with engine.connect() as connection:
        failed = [str(each) for each in connection.execute(text("SELECT id FROM ai_processing_requests")).scalars()]
    assert requeue_requests(engine, KINDS, request_ids=failed)["requeuedCount"] == 1
    assert states(engine, batch_id) == {"PROCESSING": 1}
    reports = [_round(context, chats, batch_id) for _ in range(2)]
    assert reports[-1].status is ChatBatchStatus.COMPLETED


def test_failed_turns_of_one_conversation_are_requeued_one_after_the_other(
    engine: Engine, company: Company, context: BatchContext, chats: ChatContext, batch_api: RunningServer
) -> None:
    rows = [{"chatId": "a", "question": f"Turn {turn} of it?"} for turn in range(3)]
    batch_id = make_batch(chats, company.slug, rows, mode="batch", turn_policy="continue")
    _script(batch_api, {"kind": "length"})
    assert [_round(context, chats, batch_id).remaining for _ in range(3)] == [1, 1, 0]
    assert column(engine, batch_id, "outcome_code") == ["truncated"] * 3
    _script(batch_api)
    with engine.connect() as connection:
        failed = [str(each) for each in connection.execute(text("SELECT id FROM ai_processing_requests")).scalars()]
    assert requeue_requests(engine, KINDS, request_ids=failed)["requeuedCount"] == 3
    assert column(engine, batch_id, "outcome_code") == [None] * 3
    assert [_round(context, chats, batch_id).remaining for _ in range(3)] == [1, 1, 0]
    assert column(engine, batch_id, "outcome_code") == ["answered"] * 3
    assert "This is turn 3; 2 earlier answers were shown." in column(engine, batch_id, "answer")[2]
    with engine.connect() as connection:
        statuses = connection.execute(text("SELECT DISTINCT processing_status FROM ai_processing_requests")).scalars()
        assert sorted(statuses) == ["PROCESSING_COMPLETE", "PROCESSING_FAILED"]


def test_a_cancel_takes_back_what_no_batch_has_claimed(
    engine: Engine, company: Company, context: BatchContext, chats: ChatContext
) -> None:
    batch_id = make_batch(chats, company.slug, 3, mode="batch")
    process_for_duration(chats, batch_id, seconds=1)
    done = cancel(chats, batch_id, by="a test")
    assert (done.status, done.under_way, states(engine, batch_id)) == (ChatBatchStatus.CANCELLED, 0, {"CANCELLED": 3})
    assert submit_pending(context, ignore_minimum=True).submitted == []
    assert resume(chats, batch_id).items == 3
    assert _round(context, chats, batch_id).status is ChatBatchStatus.COMPLETED


def test_what_was_answered_late_has_nothing_left_to_ask(
    engine: Engine, company: Company, context: BatchContext, chats: ChatContext
) -> None:
    batch_id = make_batch(chats, company.slug, 3, mode="batch")
    process_for_duration(chats, batch_id, seconds=1)
    assert cancel(chats, batch_id, by="a test").status is ChatBatchStatus.CANCELLED
    assert resume(chats, batch_id).items == 3
    with engine.begin() as connection:
        # As a line that shows after its batch has ended leaves a turn.
        connection.execute(text("UPDATE chat_interactions SET outcome_code = 'answered' WHERE turn = 0"))
    report = process_for_duration(chats, batch_id, seconds=1)
    assert (report.status, states(engine, batch_id)) == (ChatBatchStatus.COMPLETED, {"COMPLETED": 3})
    assert submit_pending(context, ignore_minimum=True).submitted == []


def test_a_cancel_waits_for_what_is_at_the_service(
    engine: Engine, company: Company, context: BatchContext, chats: ChatContext
) -> None:
    batch_id = make_batch(chats, company.slug, 3, mode="batch")
    process_for_duration(chats, batch_id, seconds=1)
    submit_pending(context, ignore_minimum=True)
    assert cancel(chats, batch_id, by="a test").status is ChatBatchStatus.CANCELLING
    for _ in range(3):
        poll_batches(context)
    ingest_finished(context)
    assert states(engine, batch_id) == {"COMPLETED": 3}
    assert process_for_duration(chats, batch_id, seconds=1).status is ChatBatchStatus.CANCELLED


def test_auto_takes_slices_for_what_is_due_sooner(engine: Engine, company: Company, chats: ChatContext) -> None:
    from datetime import UTC, datetime, timedelta

    soon = make_batch(chats, company.slug, 2, mode="auto", due_at=datetime.now(UTC) + timedelta(hours=3))
    report = process_for_duration(chats, soon, seconds=30)
    assert (report.processed, report.status) == (2, ChatBatchStatus.COMPLETED)
    later = make_batch(chats, company.slug, 2, mode="auto", due_at=datetime.now(UTC) + timedelta(hours=72))
    report = process_for_duration(chats, later, seconds=5)
    assert (report.processed, report.stop, report.remaining) == (0, StopReason.PAUSED, 2)
    assert "Batch API" in (report.reason or "")
    assert column(engine, later, "tier", "chats") == ["batch", "batch"]


def test_a_search_adds_its_sources(engine: Engine, company: Company, chats: ChatContext, tmp_path: Any) -> None:
    from livedash_pipeline.chats.steps.load_documents import load_files

    path = tmp_path / "holidays.txt"
    path.write_text("Employees have thirty days of holiday in a year.", encoding="utf-8")
    assert load_files(engine, company.slug, [path], language="en")["loaded"] == 1
    assert load_files(engine, company.slug, [path], language="en")["known"] == 1
    rows = [{"question": "How many holidays does an employee have?"}, {"question": "Something else entirely?"}]
    batch_id = make_batch(chats, company.slug, rows, search_provider="postgres", page_language="en")
    assert process_for_duration(chats, batch_id, seconds=30).processed == 2
    sources = column(engine, batch_id, "sources")
    assert [[each["title"] for each in found] for found in sources] == [["holidays"], []]
    again = make_batch(replace(chats), company.slug, rows[:1], search_provider="postgres", page_language="en")
    assert process_for_duration(chats, again, seconds=30).processed == 1
    kinds = [each["kind"] for each in column(engine, again, "sources")[0]]
    assert sorted(kinds) == ["answer", "document"]
