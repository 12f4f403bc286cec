"""A rate limit seen by one process slows all of them down, and changes the state of no batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import httpx2
import pytest
from sqlalchemy import Engine, select

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_endpoint_pauses, ai_processing_requests
from livedash_pipeline.ledger.steps.admission.pauses import pausing
from livedash_pipeline.ledger.steps.batches.cancel import cancel_batches
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import SubmitReport, submit_pending
from livedash_pipeline.ledger.steps.recovery.reconcile import reconcile_batches
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.services.openai.gateway import connect
from tests.conftest import NOW
from tests.support.batch_service import BASE_URL, KEY, BatchService, answered, refusal
from tests.support.rows import insert_company, insert_requests, rows_of

Process = Callable[[float], BatchContext]


@pytest.fixture
def process(scripted: BatchContext, service: BatchService) -> Iterator[Process]:
    """Makes contexts as separate processes have them, so many seconds after NOW."""
    clients = []

    def start(seconds: float) -> BatchContext:
        def now(_connection: object) -> datetime:
            return NOW + timedelta(seconds=seconds)

        client = httpx2.Client(transport=httpx2.MockTransport(service))
        clients.append(client)
        noting = pausing(scripted.engine, scripted.endpoint, now)
        gateway = connect(BASE_URL, KEY, http_client=client, sleep=lambda _: None, on_failure=noting)
        return replace(scripted, gateway=gateway, now=now)

    yield start
    for client in clients:
        client.close()


def rate_limit(seconds: str | None = None) -> httpx2.Response:
    refused = refusal(429, "rate_limit_exceeded", "Too many requests.")
    return httpx2.Response(429, headers={"retry-after": seconds} if seconds else {}, content=refused.content)


def submit(context: BatchContext) -> SubmitReport:
    return submit_pending(context, ignore_minimum=True)


@pytest.fixture
def submitted(engine: Engine, company: Company, process: Process, service: BatchService) -> str:
    """One batch at the service; the calls are forgotten."""
    with engine.begin() as connection:
        insert_requests(connection, company)
    (batch,) = submit(process(0)).submitted
    service.calls.clear()
    return batch.remote_batch_id or ""


@pytest.fixture
def paused(process: Process, service: BatchService, submitted: str) -> str:
    """Somebody was told to come back in half a minute; the calls are forgotten."""
    service.on |= {"list": rate_limit("30"), "retrieve": rate_limit("30")}
    with pytest.raises(ServiceError):
        poll_batches(process(10))
    service.on.clear()
    service.calls.clear()
    return submitted


def test_a_rate_limit_keeps_every_process_from_polling_until_it_is_over(
    engine: Engine, process: Process, service: BatchService, paused: str
) -> None:
    service.end(paused)
    report = poll_batches(process(39))
    assert (service.calls, report.open, report.changes) == ([], 1, ())
    assert report.paused_until == NOW + timedelta(seconds=40)
    (row,) = rows_of(engine, ai_batch_requests)
    assert (row.status, row.not_found_since) == ("VALIDATING", None)
    assert [change.status for change in poll_batches(process(41)).changes] == ["COMPLETED"]


def test_while_the_endpoint_is_paused_nothing_is_claimed_and_a_submit_says_why(
    engine: Engine, process: Process, service: BatchService, paused: str
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, insert_company(connection, "late"))
    report = submit(process(20))
    assert (report.submitted, service.calls) == ([], [])
    assert any("rate_limited" in reason for reason in report.held)
    waiting = {row.processing_status for row in rows_of(engine, ai_processing_requests)}
    assert waiting == {"PENDING_BATCHING", "BATCHING_IN_PROGRESS"}
    assert len(submit(process(50)).submitted) == 1


def test_a_rate_limit_in_the_middle_of_a_submit_ends_its_claiming(
    engine: Engine, process: Process, service: BatchService, submitted: str
) -> None:
    with engine.begin() as connection:
        for slug in ("a", "b"):
            insert_requests(connection, insert_company(connection, slug))
    # An unknown outcome: recovery looks for it, and nobody claims for the second company meanwhile.
    service.on["create"] = rate_limit()
    report = submit(process(100))
    assert (len(report.submitted), service.calls.count("create")) == (1, 1)
    assert any("fewer calls" in reason for reason in report.held)


def test_results_and_cancels_and_reconciling_wait_as_well(
    engine: Engine, process: Process, service: BatchService, paused: str
) -> None:
    assert cancel_batches(process(20), [paused]).requested == 1
    assert reconcile_batches(process(20)).problems
    (request_id,) = service.requests_of(paused)
    service.end(paused, output=[answered(request_id, "no matter")])
    service.calls.clear()
    poll_batches(process(41))
    service.on["content"] = rate_limit("60")
    with pytest.raises(ServiceError):
        ingest_finished(process(42))
    service.calls.clear()
    report = ingest_finished(process(100))
    assert (report.batches, service.calls) == ([], [])
    assert report.paused_until == NOW + timedelta(seconds=102)
    service.on.clear()
    assert len(ingest_finished(process(103)).batches) == 1


def test_refusals_for_other_reasons_pause_nothing(
    engine: Engine, process: Process, service: BatchService, submitted: str
) -> None:
    for answer in (refusal(503), refusal(429, "insufficient_quota"), refusal(401), httpx2.ConnectError("down")):
        service.on |= {"list": answer, "retrieve": answer}
        with pytest.raises(ServiceError):
            poll_batches(process(10))
    with engine.connect() as connection:
        assert connection.execute(select(ai_endpoint_pauses)).all() == []


def test_somebody_who_insists_ends_the_pause(process: Process, service: BatchService, paused: str) -> None:
    submit_pending(process(20), ignore_minimum=True, unhold=True)
    assert poll_batches(process(20)).paused_until is None
