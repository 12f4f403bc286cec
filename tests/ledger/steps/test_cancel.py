"""Cancelling: the wish is written first and never lost, what was finished is kept, and a requeue never meets a live batch."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Thread
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, update

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_processing_requests, ai_request_attempts
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.cancel import CancelReport, Unfinished, cancel_batches, cancel_document
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import SubmitReport, submit_pending
from livedash_pipeline.ledger.steps.recovery.recover import recover_batches
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.ledger.store.batches import requests
from tests.support.batch_service import BatchService, analysis, answered, not_run, refusal
from tests.support.rows import insert_company, insert_requests, rows_of, stage_counts

# Past the create call's lease (60 + 30 s), past deadline and lag (60 + 120 s), and past another lag.
LEASE_OVER = timedelta(seconds=95)
OVERDUE = timedelta(seconds=185)
LAG = timedelta(seconds=125)
LOST = httpx2.ReadError("the connection broke")
NONE_RAN = {"total": 3, "completed": 0, "failed": 0}
CHOICES: list[Unfinished] = ["pending", "failed"]


@pytest.fixture(autouse=True)
def _requests(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 3)


def at(context: BatchContext, by: timedelta) -> BatchContext:
    return replace(context, now=lambda connection: database_now(connection) + by)


def submit(context: BatchContext) -> SubmitReport:
    return submit_pending(context, ignore_minimum=True)


def row(engine: Engine) -> Any:
    (found,) = rows_of(engine, ai_batch_requests)
    return found


def cancel(context: BatchContext, engine: Engine, unfinished: Unfinished = "pending") -> CancelReport:
    return cancel_batches(context, [str(row(engine).id)], unfinished=unfinished)


def set_row(engine: Engine, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(update(ai_batch_requests).values(**values))


def unbought(engine: Engine, context: BatchContext, service: BatchService, status: str) -> None:
    """A batch whose submitter is at work and has not begun to create it."""
    submit(context)
    service.batches.clear()
    service.calls.clear()
    undone = {"remote_batch_id": None, "remote_status": None, "submitted_at": None, "create_started_at": None}
    with engine.begin() as connection:
        lease = database_now(connection) + timedelta(minutes=15)
    set_row(engine, status=status, lease_until=lease, **undone)


def assert_chosen(engine: Engine, unfinished: Unfinished, requests: int = 3) -> None:
    """Unfinished requests became what the caller chose, and no try and no release was counted."""
    wanted = {
        "pending": ("PENDING_BATCHING", None, "not_run"),
        "failed": ("PROCESSING_FAILED", row(engine).id, "cancelled"),
    }[unfinished]
    found = [
        (request.processing_status, request.batch_id, request.error_code, request.attempts, request.releases)
        for request in rows_of(engine, ai_processing_requests)
        if request.processing_status != "PROCESSING_COMPLETE"
    ]
    assert found == [(*wanted, 0, 0)] * requests


def in_progress(engine: Engine) -> int:
    requests = rows_of(engine, ai_processing_requests)
    return sum(request.processing_status == "BATCHING_IN_PROGRESS" for request in requests)


@pytest.mark.parametrize("unfinished", CHOICES)
@pytest.mark.parametrize("status", ["PENDING", "UPLOADING"])
def test_what_nothing_was_bought_for_is_cancelled_at_once(
    engine: Engine, scripted: BatchContext, service: BatchService, status: str, unfinished: Unfinished
) -> None:
    unbought(engine, scripted, service, status)
    assert cancel(scripted, engine, unfinished) == CancelReport(1, 0, 0)
    found = row(engine)
    assert (found.status, found.error_code, found.openai_batch_id) == ("CANCELLED", "cancelled", None)
    assert found.processed_at is not None
    assert_chosen(engine, unfinished)
    assert service.calls == [], "nothing at the service to be cancelled"
    assert {attempt.outcome for attempt in rows_of(engine, ai_request_attempts)} == {"not_run"}
    with engine.connect() as connection:
        assert stage_counts(connection, "AI_ANALYSIS") == {"PENDING" if unfinished == "pending" else "FAILED": 3}


def test_released_requests_go_out_again_with_the_next_submit(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    unbought(engine, scripted, service, "UPLOADING")
    cancel(scripted, engine)
    assert submit(scripted).submitted[0].requests == 3
    assert in_progress(engine) == 3


@pytest.mark.parametrize("unfinished", CHOICES)
def test_a_batch_with_an_unknown_answer_is_adopted_and_then_cancelled(
    engine: Engine, scripted: BatchContext, service: BatchService, unfinished: Unfinished
) -> None:
    def lose_the_reply(request: httpx2.Request) -> httpx2.Response:
        service.proceed(request)
        raise LOST

    service.on |= {"create": lose_the_reply, "list": refusal(503)}
    submit(scripted)
    del service.on["list"]
    assert cancel(scripted, engine, unfinished).requested == 1
    assert (row(engine).status, in_progress(engine)) == ("UPLOADING", 3), "it may have been bought"
    poll_batches(at(scripted, LEASE_OVER))
    assert (row(engine).openai_batch_id, row(engine).openai_status) == ("batch_0", "cancelling")
    service.end("batch_0", "cancelled", request_counts=NONE_RAN)
    poll_batches(scripted)
    ingest_finished(scripted)
    assert (row(engine).status, service.calls.count("create")) == ("CANCELLED", 1)
    statuses = {request.processing_status for request in rows_of(engine, ai_processing_requests)}
    assert statuses == {"PENDING_BATCHING" if unfinished == "pending" else "PROCESSING_FAILED"}


def recover_to_buy(context: BatchContext) -> None:
    assert recover_batches(context, may_buy=lambda _: True).released == 1


@pytest.mark.parametrize("unfinished", CHOICES)
@pytest.mark.parametrize("last", [recover_to_buy, poll_batches])
def test_a_batch_that_the_service_never_made_is_fenced_and_then_cancelled(
    engine: Engine,
    scripted: BatchContext,
    service: BatchService,
    unfinished: Unfinished,
    last: Callable[[BatchContext], Any],
) -> None:
    service.on["create"] = LOST
    submit(scripted)
    del service.on["create"]
    cancel(scripted, engine, unfinished)
    poll_batches(at(scripted, LEASE_OVER))
    assert "file-in-0" in service.files, "the file must stay while a create may still show"
    poll_batches(at(scripted, OVERDUE))
    assert "file-in-0" not in service.files, "the fence"
    assert (row(engine).status, in_progress(engine)) == ("UPLOADING", 3), "another lag has to pass"
    service.calls.clear()
    last(at(scripted, OVERDUE + LAG))
    found = row(engine)
    assert (found.status, found.error_code) == ("CANCELLED", "cancelled")
    assert found.processed_at is not None
    assert_chosen(engine, unfinished)
    assert not {"create", "upload"} & set(service.calls)


def test_a_wish_that_comes_during_the_last_look_is_respected(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    service.on["create"] = LOST
    submit(scripted)
    del service.on["create"]
    poll_batches(at(scripted, OVERDUE))

    def wish_and_list(request: httpx2.Request) -> httpx2.Response:
        with engine.begin() as connection:
            wished = {"cancel_requested_at": database_now(connection), "cancel_unfinished": "failed"}
            connection.execute(update(ai_batch_requests).values(**wished))
        return service.proceed(request)

    service.on["list"] = wish_and_list
    submit(at(scripted, OVERDUE + LAG))
    assert (row(engine).status, service.calls.count("create")) == ("CANCELLED", 1)
    assert_chosen(engine, "failed")


@pytest.mark.parametrize("unfinished", CHOICES)
def test_a_live_batch_is_asked_again_by_every_poll_and_keeps_what_it_finished(
    engine: Engine, scripted: BatchContext, service: BatchService, unfinished: Unfinished
) -> None:
    submit(scripted)
    service.calls.clear()
    assert cancel(scripted, engine, unfinished) == CancelReport(1, 0, 0)
    found = row(engine)
    assert (found.status, found.openai_status) == ("VALIDATING", "cancelling")
    for _ in range(2):
        report = poll_batches(scripted)
        assert (report.open, report.failed, in_progress(engine)) == (1, 0, 3)
    assert service.calls.count("cancel") == 3
    done, *rest = service.requests_of("batch_0")
    line = answered(done, analysis(service.sessions_of("batch_0")[done]))
    counts = {"total": 3, "completed": 1, "failed": 2}
    lost = [not_run(name, "batch_cancelled") for name in rest]
    service.end("batch_0", "cancelled", output=[line], error=lost, request_counts=counts)
    assert poll_batches(scripted).finished == 1
    assert in_progress(engine) == 3, "until its files are settled"
    assert ingest_finished(scripted).outcomes == {"parsed": 1, "not_run": 2}
    service.calls.clear()
    poll_batches(scripted)
    assert service.calls == [], "it has ended"
    by_id = {str(request.id): request for request in rows_of(engine, ai_processing_requests)}
    assert (by_id[done].processing_status, by_id[done].attempts) == ("PROCESSING_COMPLETE", 1)
    paid = {str(attempt.request_id): attempt.total_cost_eur for attempt in rows_of(engine, ai_request_attempts)}
    assert paid[done] > 0
    status, code = {"pending": ("PENDING_BATCHING", "not_run"), "failed": ("PROCESSING_FAILED", "cancelled")}[
        unfinished
    ]
    assert [(by_id[name].processing_status, by_id[name].error_code) for name in rest] == [(status, code)] * 2
    assert row(engine).status == "CANCELLED"


def test_a_requeue_never_meets_a_live_batch(engine: Engine, scripted: BatchContext, service: BatchService) -> None:
    submit(scripted)
    cancel(scripted, engine, "failed")
    ids = [request.id for request in rows_of(engine, ai_processing_requests)]

    def requeue() -> int:
        with engine.begin() as connection:
            return requests.requeue(connection, ids, KINDS, now=database_now(connection), dry_run=False).requeued

    assert requeue() == 0, "the service may still answer them"
    service.end("batch_0", "cancelled", request_counts=NONE_RAN)
    poll_batches(scripted)
    assert requeue() == 0, "what it answered is not ingested yet"
    ingest_finished(scripted)
    assert requeue() == 3


@pytest.mark.parametrize("ingested", [False, True])
def test_a_batch_that_has_ended_is_already_ended(
    engine: Engine, scripted: BatchContext, service: BatchService, ingested: bool
) -> None:
    submit(scripted)
    service.end("batch_0", output=[])
    poll_batches(scripted)
    if ingested:
        ingest_finished(scripted)
    service.calls.clear()
    assert cancel(scripted, engine) == CancelReport(0, 1, 0)
    assert (row(engine).cancel_requested_at, service.calls) == (None, [])


def test_a_conflict_is_an_answer(engine: Engine, scripted: BatchContext, service: BatchService) -> None:
    submit(scripted)
    names = service.sessions_of("batch_0")
    lines = [answered(name, analysis(session)) for name, session in names.items()]
    service.end("batch_0", output=lines, request_counts={"total": 3, "completed": 3, "failed": 0})
    service.calls.clear()
    assert cancel(scripted, engine, "failed") == CancelReport(1, 0, 0), "our row had not seen its end"
    assert service.calls == ["cancel", "retrieve"]
    assert row(engine).status == "COMPLETED"
    ingest_finished(scripted)
    statuses = {request.processing_status for request in rows_of(engine, ai_processing_requests)}
    assert statuses == {"PROCESSING_COMPLETE"}, "what was finished is kept, whatever was chosen for the rest"


def test_counts_sum_to_the_distinct_batches_named(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, insert_company(connection, "globex"))
        insert_requests(connection, insert_company(connection, "initech"))
    submit(scripted)
    service.end("batch_2", output=[])
    poll_batches(scripted)
    ids = {found.openai_batch_id: str(found.id) for found in rows_of(engine, ai_batch_requests)}
    unknown = [str(uuid.uuid4()), "batch_unknown", "batch_unknown", ""]
    named = [ids["batch_0"], "batch_0", ids["batch_1"], ids["batch_1"].upper(), "batch_2", *unknown]
    report = cancel_batches(scripted, named)
    assert report == CancelReport(2, 1, 3)
    document = {"ok": True, "cancelRequestedCount": 2, "alreadyEndedCount": 1, "notFoundCount": 3}
    assert cancel_document(report) == document
    assert list(cancel_document(report)) == list(document)
    assert cancel_batches(scripted, []) == CancelReport(0, 0, 0)


def test_asking_again_changes_nothing_and_the_first_choice_stands(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    submit(scripted)
    cancel(scripted, engine, "failed")
    before = row(engine)
    assert cancel(at(scripted, LAG), engine, "pending") == CancelReport(1, 0, 0)
    assert row(engine) == before
    assert before.cancel_unfinished == "failed"


@pytest.mark.parametrize("answer", [refusal(503), refusal(404), LOST])
def test_a_wish_that_the_service_does_not_take_stays_and_is_repeated(
    engine: Engine, scripted: BatchContext, service: BatchService, answer: Any
) -> None:
    submit(scripted)
    service.on["cancel"] = answer
    assert cancel(scripted, engine, "failed").requested == 1
    found = row(engine)
    assert (found.openai_status, found.cancel_unfinished, in_progress(engine)) == ("validating", "failed", 3)
    report = poll_batches(scripted)
    assert (report.open, report.failed) == (1, 1)
    del service.on["cancel"]
    assert poll_batches(scripted).failed == 0
    assert row(engine).openai_status == "cancelling"


def test_a_slow_service_leaves_time_for_looking(engine: Engine, scripted: BatchContext, service: BatchService) -> None:
    with engine.begin() as connection:
        for name in ("globex", "initech", "umbrella"):
            insert_requests(connection, insert_company(connection, name))
    submit(scripted)
    service.on["cancel"] = refusal(503)
    cancel_batches(scripted, list(service.batches))
    service.on.clear()
    seconds = [0.0]

    def slow(request: httpx2.Request) -> httpx2.Response:
        seconds[0] += 10
        return service.proceed(request)

    service.on["cancel"] = slow
    service.calls.clear()
    poll_batches(scripted, monotonic=lambda: seconds[0])
    assert (service.calls.count("cancel"), service.calls.count("list")) == (2, 1)
    service.calls.clear()
    seconds[0] = 0
    poll_batches(scripted, monotonic=lambda: seconds[0])
    words = {batch.openai_status for batch in rows_of(engine, ai_batch_requests)}
    assert words == {"cancelling"}, "those that have not been taken come first"


def test_a_cancel_between_claim_and_create_never_buys(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    reports = []

    def cancel_and_upload(request: httpx2.Request) -> httpx2.Response:
        asking = Thread(target=lambda: reports.append(cancel(scripted, engine, "failed")))
        asking.start()
        asking.join()
        return service.proceed(request)

    service.on["upload"] = cancel_and_upload
    report = submit(scripted)
    assert reports == [CancelReport(1, 0, 0)]
    assert (report.submitted, service.calls.count("create")) == ([], 0)
    assert row(engine).status == "CANCELLED"
    assert_chosen(engine, "failed")


def test_a_cancel_during_create_reaches_what_was_bought(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    def cancel_and_create(request: httpx2.Request) -> httpx2.Response:
        assert cancel(scripted, engine) == CancelReport(1, 0, 0)
        return service.proceed(request)

    service.on["create"] = cancel_and_create
    submit(scripted)
    assert (row(engine).openai_batch_id, row(engine).status) == ("batch_0", "VALIDATING")
    poll_batches(scripted)
    assert row(engine).openai_status == "cancelling"


def test_a_batch_of_another_endpoint_is_cancelled_by_who_polls_it(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    submit(scripted)
    set_row(engine, endpoint="elsewhere.example.org/v1")
    service.calls.clear()
    assert cancel(scripted, engine).requested == 1
    assert service.calls == []
    set_row(engine, endpoint=scripted.endpoint)
    poll_batches(scripted)
    assert row(engine).openai_status == "cancelling"
