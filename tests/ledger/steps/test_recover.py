"""Batches whose submitter is gone: what was bought is adopted, what was not is fenced before it is bought again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, text, update

from livedash_pipeline.analysis.rules.prompt import prompt_version
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_holds,
    ai_processing_requests,
    ai_request_attempts,
    ai_surplus_batches,
)
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import SubmitReport, submit_pending
from livedash_pipeline.ledger.steps.recovery.recover import recover_batches
from livedash_pipeline.ledger.steps.results.poll import PollReport, poll_batches
from livedash_pipeline.ledger.store.batches import claims
from tests.support.batch_round import at
from tests.support.batch_service import BatchService, refusal
from tests.support.rows import insert_company, insert_requests, rows_of

# Past the create call's lease (60 + 30 s), past deadline and lag (60 + 120 s), and past another lag.
LEASE_OVER = timedelta(seconds=95)
OVERDUE = timedelta(seconds=185)
LAG = timedelta(seconds=125)
LOST = httpx2.ReadError("the connection broke")


@pytest.fixture(autouse=True)
def _one_request(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company)


def submit(context: BatchContext) -> SubmitReport:
    return submit_pending(context, ignore_minimum=True)


def row(engine: Engine) -> Any:
    (found,) = rows_of(engine, ai_batch_requests)
    return found


def request_status(engine: Engine) -> str:
    (found,) = rows_of(engine, ai_processing_requests)
    status: str = found.processing_status
    return status


def losing_the_reply(service: BatchService) -> Callable[[httpx2.Request], httpx2.Response]:
    """The create takes effect, and its answer never arrives."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        service.proceed(request)
        raise LOST

    return answer


def submit_unseen(context: BatchContext, service: BatchService) -> SubmitReport:
    """A submit whose looks after an unknown create find no listing, so that the batch is left to recovery."""
    service.on["list"] = refusal(503)
    report = submit(context)
    del service.on["list"]
    return report


def creates(service: BatchService) -> int:
    return service.calls.count("create")


@pytest.mark.parametrize("step", [submit, poll_batches])
def test_a_batch_whose_answer_was_lost_is_adopted(
    engine: Engine,
    scripted: BatchContext,
    service: BatchService,
    step: Callable[[BatchContext], SubmitReport | PollReport],
) -> None:
    service.on["create"] = losing_the_reply(service)
    assert submit_unseen(scripted, service).awaiting_recovery == 1
    del service.on["create"]
    report = step(at(scripted, LEASE_OVER))
    assert report.recovered == 1
    assert row(engine).openai_batch_id == "batch_0"
    assert (creates(service), len(service.batches)) == (1, 1)
    assert request_status(engine) == "BATCHING_IN_PROGRESS"


def test_whoever_lost_the_answer_looks_at_once(engine: Engine, scripted: BatchContext, service: BatchService) -> None:
    service.on["create"] = losing_the_reply(service)
    report = submit(scripted)
    assert (report.awaiting_recovery, [batch.remote_batch_id for batch in report.submitted]) == (0, ["batch_0"])
    assert (row(engine).openai_batch_id, row(engine).lease_until, creates(service)) == ("batch_0", None, 1)


def test_whoever_lost_the_answer_looks_again_every_few_seconds(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    hidden: dict[str, Any] = {}

    def make_and_hide(request: httpx2.Request) -> httpx2.Response:
        service.proceed(request)
        hidden.update(service.batches)
        service.batches.clear()
        raise LOST

    pauses: list[float] = []

    def show_at_the_third(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            service.batches.update(hidden)

    service.on["create"] = make_and_hide
    submit(replace(scripted, sleep=show_at_the_third))
    assert (pauses, row(engine).openai_batch_id) == ([0, 2, 4], "batch_0")


def test_a_poll_adopts_what_its_listing_shows_before_the_lease_is_over(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    service.on["create"] = losing_the_reply(service)
    submit_unseen(scripted, service)
    assert row(engine).lease_until is not None
    report = poll_batches(scripted)
    assert (report.recovered, report.adopted) == (1, 1)
    assert (row(engine).openai_batch_id, creates(service)) == ("batch_0", 1)


def test_a_submitter_whose_batch_a_poll_adopted_meanwhile_has_it_too(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    def adopt_meanwhile(request: httpx2.Request) -> httpx2.Response:
        answer = service.proceed(request)
        assert poll_batches(scripted).adopted == 1
        return answer

    service.on["create"] = adopt_meanwhile
    (sent,) = submit(scripted).submitted
    assert (sent.remote_batch_id, row(engine).remote_batch_id, creates(service)) == ("batch_0", "batch_0", 1)


def test_what_the_service_never_made_is_fenced_and_then_bought_once(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    service.on["create"] = LOST
    first = submit(scripted)
    del service.on["create"]
    early = submit(at(scripted, LEASE_OVER))
    assert (early.recovered, early.awaiting_recovery) == (0, 1)
    assert "file-in-0" in service.files, "the file must stay while a create may still show"
    submit(at(scripted, OVERDUE))
    assert "file-in-0" not in service.files, "the fence"
    assert (creates(service), row(engine).openai_batch_id) == (1, None)
    between = submit(at(scripted, OVERDUE + timedelta(seconds=60)))
    assert (between.recovered, creates(service)) == (0, 1), "another lag has to pass"
    last = submit(at(scripted, OVERDUE + LAG))
    assert last.recovered == 1
    assert last.estimated_cost_eur == first.estimated_cost_eur != 0
    assert (creates(service), row(engine).input_file_id, row(engine).openai_batch_id) == (2, "file-in-1", "batch_0")
    assert len(rows_of(engine, ai_request_attempts)) == 1


def test_a_create_that_shows_late_is_adopted_even_after_the_fence(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    hidden: dict[str, Any] = {}

    def make_and_hide(request: httpx2.Request) -> httpx2.Response:
        service.proceed(request)
        hidden.update(service.batches)
        service.batches.clear()
        raise LOST

    service.on["create"] = make_and_hide
    submit(scripted)
    del service.on["create"]
    poll_batches(at(scripted, OVERDUE))
    assert "file-in-0" not in service.files
    service.batches.update(hidden)
    poll_batches(at(scripted, OVERDUE + LAG))
    assert row(engine).openai_batch_id == "batch_0"
    assert creates(service) == 1


def test_a_poll_never_buys_and_releases_what_is_fenced(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    service.on["create"] = LOST
    submit(scripted)
    poll_batches(at(scripted, OVERDUE))
    poll_batches(at(scripted, OVERDUE + LAG))
    found = row(engine)
    assert (found.status, found.error_code) == ("FAILED", "create_lost")
    assert found.processed_at is not None
    with engine.connect() as connection:
        (group,) = claims.pending_groups(connection)
    assert group.returned, "it has waited once, and goes out by the next tick of the sensor"
    assert request_status(engine) == "PENDING_BATCHING"
    assert creates(service) == 1


def test_three_lost_answers_in_a_row_leave_one_batch(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    service.on["create"] = losing_the_reply(service)
    submit_unseen(scripted, service)
    for step in (1, 2):
        submit(at(scripted, LEASE_OVER * step))
    assert len([batch for batch in service.batches.values() if batch["status"] == "validating"]) == 1
    assert row(engine).openai_batch_id == "batch_0"


def test_of_several_on_one_file_the_one_with_results_is_adopted_and_the_rest_cancelled(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    def twice(request: httpx2.Request) -> httpx2.Response:
        service.proceed(request)
        service.proceed(request)
        raise LOST

    service.on["create"] = twice
    submit_unseen(scripted, service)
    service.end("batch_1", output=[], usage=None)
    poll_batches(at(scripted, LEASE_OVER))
    assert row(engine).openai_batch_id == "batch_1"
    assert service.batches["batch_0"]["status"] == "cancelling"
    (surplus,) = rows_of(engine, ai_surplus_batches)
    assert (surplus.openai_batch_id, surplus.batch_id, surplus.ended_at) == ("batch_0", row(engine).id, None)
    usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    service.end("batch_0", "cancelled", usage=usage)
    poll_batches(at(scripted, LEASE_OVER))
    (surplus,) = rows_of(engine, ai_surplus_batches)
    assert surplus.ended_at is not None
    # gpt-5-mini in batches costs 0.125 dollars in and 1 out per million tokens; a dollar is 0.9 euro in these tests.
    assert surplus.total_cost_usd == Decimal("0.000225")
    assert surplus.total_cost_eur == Decimal("0.0002025")


def test_a_key_that_does_not_see_the_file_proves_nothing(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    service.on["create"] = LOST
    submit(scripted)
    service.files.clear()
    report = recover_batches(at(scripted, OVERDUE))
    assert (report.recovered, report.waiting) == (0, 1)
    assert "another project" in report.problems[0]
    (hold,) = rows_of(engine, ai_holds)
    assert hold.reason == "input_file_not_visible"
    assert row(engine).input_delete_requested_at is None
    assert request_status(engine) == "BATCHING_IN_PROGRESS"


def test_another_key_after_the_fence_proves_nothing_either(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    service.on["create"] = LOST
    submit(scripted)
    poll_batches(at(scripted, OVERDUE))
    other = replace(scripted, settings=scripted.settings.model_copy(update={"openai_api_key": "another-key"}))
    report = recover_batches(at(other, OVERDUE + LAG), may_buy=lambda _: True)
    assert (report.recovered, creates(service)) == (0, 1)
    assert report.problems


def test_another_key_of_the_same_project_goes_on_after_the_fence(
    engine: Engine, company: Company, scripted: BatchContext, service: BatchService
) -> None:
    submit(scripted)
    with engine.begin() as connection:
        insert_requests(connection, company)
    service.on["create"] = LOST
    submit(scripted)
    del service.on["create"]
    poll_batches(at(scripted, OVERDUE))
    rotated = replace(scripted, settings=scripted.settings.model_copy(update={"openai_api_key": "new-key"}))
    report = recover_batches(at(rotated, OVERDUE + LAG), may_buy=lambda _: True)
    assert (report.problems, len(report.resubmitted)) == ([], 1)
    assert {found.openai_batch_id for found in rows_of(engine, ai_batch_requests)} == {"batch_0", "batch_1"}


def _abandon(engine: Engine, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(update(ai_batch_requests).values(**values))


@pytest.mark.parametrize("file_is_there", [True, False])
def test_a_submit_goes_on_from_the_uploaded_file(
    engine: Engine, scripted: BatchContext, service: BatchService, file_is_there: bool
) -> None:
    submit(scripted)
    service.batches.clear()
    undone = {"remote_batch_id": None, "remote_status": None, "submitted_at": None, "create_started_at": None}
    with engine.begin() as connection:
        now = database_now(connection)
    _abandon(engine, status="UPLOADING", lease_until=now, **undone)
    if not file_is_there:
        service.files.clear()
    service.calls.clear()
    report = submit(at(scripted, timedelta(seconds=5)))
    assert report.recovered == 1
    assert service.calls.count("upload") == (0 if file_is_there else 1)
    assert (creates(service), row(engine).status) == (1, "VALIDATING")
    assert row(engine).fence == 2


def test_a_poll_releases_what_was_never_created(engine: Engine, scripted: BatchContext, service: BatchService) -> None:
    service.on["create"] = LOST
    submit(scripted)
    with engine.begin() as connection:
        now = database_now(connection)
    _abandon(engine, create_started_at=None, lease_until=now)
    poll_batches(at(scripted, timedelta(seconds=5)))
    assert (row(engine).status, row(engine).error_code) == ("FAILED", "abandoned")
    assert request_status(engine) == "PENDING_BATCHING"


def test_a_suspended_company_is_recovered_and_not_bought_for(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    service.on["create"] = LOST
    submit(scripted)
    del service.on["create"]
    with engine.begin() as connection:
        connection.execute(text("UPDATE companies SET status = 'SUSPENDED'"))
    submit(at(scripted, OVERDUE))
    submit(at(scripted, OVERDUE + LAG))
    assert (row(engine).status, creates(service)) == ("FAILED", 1)
    assert request_status(engine) == "PENDING_BATCHING"


def test_a_service_that_cannot_be_asked_changes_nothing(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    service.on["create"] = losing_the_reply(service)
    service.on["list"] = refusal(503)
    submit(scripted)
    report = poll_batches(at(scripted, OVERDUE))
    assert report.failed == 2, "recovery, and the poll's own listing"
    assert (row(engine).openai_batch_id, row(engine).input_delete_requested_at) == (None, None)


def test_what_a_slow_recovery_leaves_is_adopted_from_the_listing_of_the_poll(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, insert_company(connection, "globex"))
    service.on["create"] = losing_the_reply(service)
    submit_unseen(scripted, service)
    seconds = [0.0]

    def slow(request: httpx2.Request) -> httpx2.Response:
        seconds[0] += 15
        return service.proceed(request)

    service.on["file"] = slow
    report = poll_batches(at(scripted, LEASE_OVER), monotonic=lambda: seconds[0])
    assert (report.recovered, report.adopted) == (2, 1)
    assert service.calls.count("file") == 1, "recovery had time for one of them"
    assert all(found.openai_batch_id is not None for found in rows_of(engine, ai_batch_requests))


def test_a_body_that_cannot_be_rebuilt_is_released_and_not_uploaded(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    service.on["create"] = LOST
    submit(scripted)
    del service.on["create"]
    submit(at(scripted, OVERDUE))
    with engine.begin() as connection:
        connection.execute(
            update(ai_processing_requests).values(input_hash="of an older prompt", prompt_version="older")
        )
    report = submit(at(scripted, OVERDUE + LAG))
    assert report.recovered == 1
    # Nothing is built from the old hash; the request goes out in a batch of its own, with the present prompt.
    old, new = rows_of(engine, ai_batch_requests)
    assert (old.status, old.error_code, old.openai_batch_id) == ("FAILED", "input_changed", None)
    assert (new.status, creates(service)) == ("VALIDATING", 2)
    (request,) = rows_of(engine, ai_processing_requests)
    assert (request.batch_id, request.prompt_version) == (new.id, prompt_version())
