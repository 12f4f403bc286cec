"""Submitting: nothing is claimed in vain, nothing is bought twice, and a refusal leaves everything as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection, Engine, func, select, text, update

from livedash_pipeline.base.store.companies import Company, update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_holds,
    ai_model_pricing,
    ai_processing_requests,
    ai_request_attempts,
    ai_surplus_batches,
    database_properties,
    exchange_rates,
    session_processing_status,
)
from livedash_pipeline.errors import LivedashError, SettingsError
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.rules.admission.admission import HoldRule, HoldScope
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests
from livedash_pipeline.ledger.steps.batches.submit import SubmitReport, submit_pending
from livedash_pipeline.ledger.store.admission import holds
from livedash_pipeline.local.batch_api.server import RunningServer
from livedash_pipeline.services.errors import ServiceError
from tests.support.batch_service import Answer, BatchService, ok, refusal
from tests.support.rows import insert_company, insert_requests, insert_sessions, rows_of, stage_counts

MODEL = "gpt-5-mini"
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _one_request(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company)


def submit(context: BatchContext, **options: Any) -> SubmitReport:
    return submit_pending(context, ignore_minimum=True, **options)


def with_settings(context: BatchContext, **changes: Any) -> BatchContext:
    return replace(context, settings=context.settings.model_copy(update=changes))


def later(context: BatchContext, by: timedelta) -> BatchContext:
    return replace(context, now=lambda connection: database_now(connection) + by)


def take_model(connection: Connection, company: Company, model: str) -> Company:
    """What `company set --model` does."""
    return update_company(connection, company.slug, CompanyChanges(model=model), now=database_now(connection))


def batch_row(engine: Engine) -> Any:
    (row,) = rows_of(engine, ai_batch_requests)
    return row


def request_row(engine: Engine) -> Any:
    (row,) = rows_of(engine, ai_processing_requests)
    return row


def assert_released(engine: Engine) -> None:
    request = request_row(engine)
    assert (request.processing_status, request.batch_id) == ("PENDING_BATCHING", None)
    assert (request.attempts, request.releases) == (0, 0)
    with engine.connect() as connection:
        assert stage_counts(connection, "AI_ANALYSIS") == {"PENDING": 1}


def test_a_batch_is_made_of_an_uploaded_file_and_carries_our_id(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    report = submit(replace(scripted, run_id="run-1"))
    assert service.calls == ["model", "upload", "create"]
    row = batch_row(engine)
    assert (row.status, row.openai_status, row.openai_batch_id) == ("VALIDATING", "validating", "batch_0")
    assert (row.input_file_id, row.dagster_run_id, row.endpoint) == ("file-in-0", "run-1", "api.example.org/v1")
    assert row.create_started_at <= row.submitted_at and row.lease_until is None
    marks = {"livedash_batch_id": str(row.id), "livedash_company": "acme", "livedash_create": row.create_nonce}
    assert service.batches["batch_0"]["metadata"] == marks
    assert row.purchase_guard == "tag", "no probe has shown that a deleted file stops a create"
    assert service.requests_of("batch_0") == [str(request_row(engine).id)]
    assert [batch.remote_batch_id for batch in report.submitted] == ["batch_0"]
    assert list(scripted.spool_dir.iterdir()) == []


def test_a_failed_model_check_claims_nothing_and_holds_nothing(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    refusals: list[Answer] = [
        refusal(401),
        refusal(403),
        refusal(404, "model_not_found"),
        refusal(429, "insufficient_quota"),
    ]
    for answer in [*refusals, refusal(500), httpx2.ConnectError("down")]:
        service.on["model"] = answer
        with pytest.raises(ServiceError):
            submit(scripted)
    assert not {"upload", "create"} & set(service.calls)
    assert rows_of(engine, ai_batch_requests) == rows_of(engine, ai_holds) == []
    assert_pending(engine)


def assert_pending(engine: Engine) -> None:
    assert {row.processing_status for row in rows_of(engine, ai_processing_requests)} == {"PENDING_BATCHING"}


@pytest.mark.parametrize("answer", [httpx2.Response(404, text="Not Found"), httpx2.Response(405)])
def test_a_service_without_a_route_for_models_is_no_obstacle(
    scripted: BatchContext, service: BatchService, answer: httpx2.Response
) -> None:
    service.on["model"] = answer
    assert len(submit(scripted).submitted) == 1


def test_one_unknown_model_keeps_no_other_group_waiting(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    with engine.begin() as connection:
        other = insert_company(connection, "other")
        insert_requests(connection, take_model(connection, other, "gpt-4o-mini"), model="gpt-4o-mini")

    def check(request: httpx2.Request) -> httpx2.Response:
        return refusal(404, "model_not_found") if request.url.path.endswith(MODEL) else service.proceed(request)

    service.on["model"] = check
    with pytest.raises(ServiceError, match="gpt-5-mini"):
        submit(scripted)
    assert batch_row(engine).model == "gpt-4o-mini"
    assert rows_of(engine, ai_holds) == []


# The refusal, the hold's scope, and how many minutes it lasts (None: until somebody lifts it).
REFUSALS = [
    (refusal(400, "invalid_value"), MODEL, 15),
    (refusal(401, "invalid_api_key"), None, 15),
    (refusal(403), None, 15),
    (refusal(404), MODEL, 15),
    (refusal(413), MODEL, 15),
    (refusal(422), MODEL, 15),
    (refusal(429, "insufficient_quota"), None, 15),
    (refusal(400, "billing_hard_limit_reached"), None, None),
    (refusal(404, "model_not_found"), MODEL, None),
]


@pytest.mark.parametrize(("answer", "scope", "minutes"), REFUSALS)
def test_a_definite_refusal_fails_the_batch_releases_its_requests_and_holds(
    engine: Engine,
    scripted: BatchContext,
    service: BatchService,
    answer: httpx2.Response,
    scope: str | None,
    minutes: int | None,
) -> None:
    service.on["create"] = answer
    with pytest.raises(ServiceError, match="No\\."):
        submit(scripted)
    assert service.calls.count("create") == 1
    row = batch_row(engine)
    assert (row.status, row.openai_batch_id) == ("FAILED", None)
    assert row.processed_at is not None and row.error_code is not None and "No." in row.error_message
    (attempt,) = rows_of(engine, ai_request_attempts)
    assert (attempt.outcome, attempt.total_cost_eur) == ("not_run", None)
    assert_released(engine)
    (hold,) = rows_of(engine, ai_holds)
    assert hold.model == scope and "No." in hold.message
    assert hold.not_before == (None if minutes is None else hold.held_at + minutes * MINUTE)

    # The next submit passes over without a call, until the hold is over or lifted.
    service.on.clear()
    service.calls.clear()
    report = submit(scripted)
    assert (report.submitted, service.calls) == ([], [])
    assert len(report.held) == 1 and "No." in report.held[0]
    patient = later(scripted, timedelta(minutes=minutes or 0, seconds=1))
    again = submit(patient, unhold=minutes is None)
    assert len(again.submitted) == 1


def test_a_hold_on_the_key_ends_with_another_key(scripted: BatchContext, service: BatchService) -> None:
    service.on["create"] = refusal(401, "invalid_api_key")
    with pytest.raises(ServiceError):
        submit(scripted)
    service.on.clear()
    assert submit(scripted).submitted == []
    assert len(submit(with_settings(scripted, openai_api_key="another-key")).submitted) == 1


def test_a_hold_on_one_model_lets_others_through(engine: Engine, scripted: BatchContext) -> None:
    with engine.begin() as connection:
        other = take_model(connection, insert_company(connection, "other"), "gpt-4o-mini")
        insert_requests(connection, other, model="gpt-4o-mini")
        holds.place_hold(
            connection,
            endpoint=scripted.endpoint,
            model=MODEL,
            rule=HoldRule(HoldScope.MODEL, timed=False),
            reason="model_not_found",
            message="No such model.",
            key_fingerprint="k",
            now=database_now(connection),
        )
    report = submit(scripted)
    assert [batch.model for batch in report.submitted] == ["gpt-4o-mini"]
    assert report.held == ["gpt-5-mini is on hold until `livedash submit --unhold` (model_not_found): No such model."]


UNKNOWN: list[Any] = [
    httpx2.ReadError("lost"),
    httpx2.ReadTimeout("late"),
    refusal(408),
    refusal(409),
    refusal(429, "rate_limit_exceeded"),
    refusal(500),
    refusal(503),
    httpx2.Response(200, text="not json"),
    httpx2.Response(200, json={"object": "batch"}),
]


@pytest.mark.parametrize("answer", UNKNOWN)
def test_a_create_without_a_known_outcome_is_sent_once_and_left_for_recovery(
    engine: Engine, scripted: BatchContext, service: BatchService, answer: Any
) -> None:
    def lose(request: httpx2.Request) -> httpx2.Response:
        service.proceed(request)
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)

    service.on |= {"create": lose, "list": refusal(503)}
    report = submit(scripted)
    assert service.calls.count("create") == 1 and len(service.batches) == 1
    row = batch_row(engine)
    assert (row.status, row.openai_batch_id, row.processed_at) == ("UPLOADING", None, None)
    assert row.create_started_at is not None
    assert row.lease_until == row.create_started_at + timedelta(seconds=60 + 30)
    assert request_row(engine).processing_status == "BATCHING_IN_PROGRESS"
    assert (report.awaiting_recovery, report.next_recovery_at) == (1, row.lease_until)
    assert rows_of(engine, ai_holds) == []


@pytest.mark.parametrize(("answer", "held"), [(refusal(500), 0), (httpx2.ReadError("lost"), 0), (refusal(401), 1)])
def test_a_failed_upload_releases_at_once(
    engine: Engine, scripted: BatchContext, service: BatchService, answer: Any, held: int
) -> None:
    service.on["upload"] = answer
    with pytest.raises(ServiceError):
        submit(scripted)
    assert "create" not in service.calls
    assert batch_row(engine).status == "FAILED"
    assert_released(engine)
    assert len(rows_of(engine, ai_holds)) == held
    assert list(scripted.spool_dir.iterdir()) == []


def during_upload(service: BatchService, engine: Engine, change: Callable[[Connection], Any]) -> None:
    def upload(request: httpx2.Request) -> httpx2.Response:
        with engine.begin() as connection:
            change(connection)
        return service.proceed(request)

    service.on["upload"] = upload


def test_a_submitter_that_lost_its_lease_creates_nothing_and_changes_nothing(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    during_upload(service, engine, lambda c: c.execute(update(ai_batch_requests).values(fence=2)))
    report = submit(scripted)
    assert "create" not in service.calls and report.submitted == []
    row = batch_row(engine)
    assert (row.status, row.fence, row.input_file_id, row.create_started_at) == ("UPLOADING", 2, None, None)
    assert request_row(engine).processing_status == "BATCHING_IN_PROGRESS"


def test_a_lease_that_ran_out_before_create_ends_the_batch_unbought(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    over = text("UPDATE ai_batch_requests SET lease_until = created_at")
    during_upload(service, engine, lambda c: c.execute(over))
    assert submit(scripted).submitted == []
    assert "create" not in service.calls
    assert batch_row(engine).status == "FAILED"
    assert_released(engine)


@pytest.mark.parametrize(
    ("choice", "status", "code"),
    [("pending", "PENDING_BATCHING", "not_run"), ("failed", "PROCESSING_FAILED", "cancelled")],
)
def test_a_batch_cancelled_before_create_is_not_created(
    engine: Engine, scripted: BatchContext, service: BatchService, choice: str, status: str, code: str
) -> None:
    wish = text("UPDATE ai_batch_requests SET cancel_requested_at = created_at, cancel_unfinished = :choice")
    during_upload(service, engine, lambda c: c.execute(wish, {"choice": choice}))
    report = submit(scripted)
    assert "create" not in service.calls and report.submitted == []
    row = batch_row(engine)
    assert (row.status, row.create_started_at) == ("CANCELLED", None) and row.processed_at is not None
    request = request_row(engine)
    assert (request.processing_status, request.error_code, request.attempts) == (status, code, 0)


@pytest.mark.parametrize("change", ["UPDATE messages SET content = 'Something else'", "DELETE FROM messages"])
def test_messages_that_changed_since_the_claim_are_not_sent(
    engine: Engine, scripted: BatchContext, service: BatchService, change: str
) -> None:
    with engine.begin() as connection:
        other = insert_company(connection, "other")
        insert_requests(connection, other)
        session = select(ai_processing_requests.c.session_id).where(ai_processing_requests.c.company_id != other.id)
        connection.execute(text(f"{change} WHERE session_id = :id"), {"id": connection.execute(session).scalar_one()})
    with pytest.raises(LivedashError) as caught:
        submit(scripted)
    assert caught.value.code == "input_changed"
    # The other company's batch went out all the same.
    assert {row.status: row.error_code for row in rows_of(engine, ai_batch_requests)} == {
        "FAILED": "input_changed",
        "VALIDATING": None,
    }
    assert sorted(row.processing_status for row in rows_of(engine, ai_processing_requests)) == [
        "BATCHING_IN_PROGRESS",
        "PROCESSING_FAILED",
    ], "nothing newer could take the place of the messages, so asking again would go on for ever"
    assert rows_of(engine, ai_holds) == []


def test_a_batch_whose_submitter_died_before_create_goes_out_once_when_its_lease_is_over(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    class KilledError(Exception):
        """Nothing in the program catches it."""

    def die(_: httpx2.Request) -> httpx2.Response:
        raise KilledError

    service.on["upload"] = die
    with pytest.raises(KilledError):
        submit(scripted)
    assert batch_row(engine).status == "UPLOADING"
    service.on.clear()
    assert submit(scripted).submitted == []
    late = submit(later(scripted, timedelta(seconds=901)))
    assert [batch.requests for batch in late.submitted] == [1]
    assert len(service.batches) == 1
    request = request_row(engine)
    assert (request.processing_status, request.attempts) == ("BATCHING_IN_PROGRESS", 0)
    going = [row for row in rows_of(engine, ai_request_attempts) if row.outcome is None]
    assert [row.batch_id for row in going] == [request.batch_id]


def test_a_real_endpoint_is_refused_by_a_database_of_the_stand_in(
    engine: Engine, scripted: BatchContext, context: BatchContext, batch_api: RunningServer
) -> None:
    assert len(submit(context).submitted) == 1
    with engine.begin() as connection:
        kept = connection.execute(
            select(database_properties.c.value).where(database_properties.c.name == "endpoint_kind")
        ).scalar_one()
        insert_requests(connection, insert_company(connection, "other"))
    assert kept == "stand-in"
    with pytest.raises(SettingsError, match="belongs to a stand-in one"):
        submit(scripted)
    assert len(rows_of(engine, ai_batch_requests)) == 1


def test_every_group_gets_one_batch_before_any_gets_a_second(
    engine: Engine, scripted: BatchContext, service: BatchService, company: Company
) -> None:
    with engine.begin() as connection:
        other = insert_company(connection, "other")
        insert_requests(connection, company, 3)
        insert_requests(connection, other, 2)
        # The limit of a batch's size is that of the file.
        connection.execute(update(ai_processing_requests).values(body_bytes=150_000_000))
    report = submit(scripted)
    assert [batch.company for batch in report.submitted] == ["acme", "other", "acme", "other", "acme", "acme"]
    assert service.calls.count("model") == 1


def test_only_one_company_is_submitted_for_if_it_is_named(
    engine: Engine, scripted: BatchContext, company: Company
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, insert_company(connection, "other"))
    assert [batch.company for batch in submit(scripted, company_id=company.id).submitted] == ["acme"]


def test_a_batch_stays_within_the_free_share_of_enqueued_tokens(
    engine: Engine, scripted: BatchContext, company: Company
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 9)
    limited = with_settings(scripted, livedash_enqueued_tokens="350")
    assert [batch.requests for batch in submit(limited).submitted] == [3]
    assert submit(limited).submitted == []
    with engine.begin() as connection:
        holds.learn_limit(connection, scripted.endpoint, MODEL, limit=450, now=database_now(connection))
    assert [batch.requests for batch in submit(scripted).submitted] == [1]


def test_creating_a_batch_does_not_raise_a_learned_limit(
    engine: Engine, scripted: BatchContext, company: Company
) -> None:
    """The service refuses for its token queue only at validation, long after create."""
    with engine.begin() as connection:
        insert_requests(connection, company, 9)
        holds.learn_limit(connection, scripted.endpoint, MODEL, limit=400, now=database_now(connection))
    assert [batch.requests for batch in submit(scripted).submitted] == [4]


def test_a_learned_limit_below_every_request_is_tried_with_one(
    engine: Engine, scripted: BatchContext, company: Company
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 2)
        holds.learn_limit(connection, scripted.endpoint, MODEL, limit=50, now=database_now(connection))
    assert [batch.requests for batch in submit(scripted).submitted] == [1]


def test_a_request_above_the_set_limit_fails_unbought(engine: Engine, scripted: BatchContext, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, token_estimate=351)
    report = submit(with_settings(scripted, livedash_enqueued_tokens="350"))
    assert (report.too_long, len(report.submitted)) == (1, 1)


def test_a_spending_cap_counts_what_is_in_flight(engine: Engine, scripted: BatchContext, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 9)
    # 100 tokens by estimate, 109 at most, at 0.125 and 4,000 out at 1.00 dollars per million, at 0.9 euro.
    each = Decimal("0.0036122625")
    capped = with_settings(scripted, livedash_monthly_cap_eur=each * 4)
    report = submit(capped)
    assert [batch.requests for batch in report.submitted] == [4]
    assert report.estimated_cost_eur == each * 4
    assert submit(capped).submitted == []
    assert [batch.requests for batch in submit(with_settings(capped, livedash_monthly_cap_eur=each * 5)).submitted] == [
        1
    ]


@pytest.mark.parametrize("unknown", ["price", "rate"])
def test_with_a_cap_and_an_unknown_price_nothing_is_claimed_and_said_so(
    engine: Engine, scripted: BatchContext, service: BatchService, unknown: str
) -> None:
    with engine.begin() as connection:
        connection.execute((ai_model_pricing if unknown == "price" else exchange_rates).delete())
    report = submit(with_settings(scripted, livedash_monthly_cap_eur=Decimal(100)))
    assert report.submitted == []
    assert report.held == ["acme has a spending cap, and the price of gpt-5-mini or the exchange rate is unknown"]
    assert "create" not in service.calls
    assert submit(scripted).estimated_cost_eur is None


def test_the_input_file_is_what_was_claimed(
    engine: Engine, scripted: BatchContext, service: BatchService, company: Company
) -> None:
    with engine.begin() as connection:
        insert_sessions(connection, company, [()])
        insert_requests(connection, company, 3)
    submit(scripted)
    ids = [str(row.id) for row in rows_of(engine, ai_processing_requests)]
    assert service.requests_of("batch_0") == ids
    content = service.files["file-in-0"]
    assert content.endswith(b"}\n") and content.count(b"\n") == 4
    assert {json.loads(line)["body"]["model"] for line in content.splitlines()} == {MODEL}


ANOTHER_CREATE = {"create_nonce": "b" * 32, "input_file_id": "file-b", "earlier_input_file_ids": ["file-in-0"]}


@pytest.mark.parametrize("answer", ["whole", "without metadata"])
@pytest.mark.parametrize("meanwhile", ["taken over", "bought again", "released"])
def test_a_claim_of_the_past_cannot_record_its_batch_over_what_came_after(
    engine: Engine, scripted: BatchContext, service: BatchService, meanwhile: str, answer: str
) -> None:
    """The create of a submitter that was thought dead takes effect: it alone knows the id, and the ledger has it all the same."""
    after: dict[str, dict[str, Any]] = {
        "taken over": {},
        "bought again": ANOTHER_CREATE | {"remote_batch_id": "batch_again", "status": "VALIDATING"},
        "released": {"status": "FAILED", "processed_at": func.now()},
    }

    def create(request: httpx2.Request) -> httpx2.Response:
        with engine.begin() as connection:
            connection.execute(update(ai_batch_requests).values({"fence": 2} | after[meanwhile]))
        made = service.proceed(request)
        service.batches["batch_again"] = service.batches["batch_0"] | {
            "id": "batch_again",
            "input_file_id": "file-b",
            "metadata": None,
        }
        return made if answer == "whole" else ok({**made.json(), "metadata": None})

    service.on["create"] = create
    report = submit(scripted)
    row, is_ours = batch_row(engine), meanwhile == "taken over"
    assert row.openai_batch_id == {"taken over": "batch_0", "bought again": "batch_again", "released": None}[meanwhile]
    assert row.fence == 2
    assert [batch.remote_batch_id for batch in report.submitted] == ["batch_0" if is_ours else None]
    assert [each.openai_batch_id for each in rows_of(engine, ai_surplus_batches)] == ([] if is_ours else ["batch_0"])
    assert service.batches["batch_0"]["status"] == ("validating" if is_ours else "cancelling")


def test_a_withdrawn_request_is_not_put_back_and_nothing_of_it_is_claimed(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    with engine.begin() as connection:
        connection.execute(
            update(session_processing_status)
            .where(session_processing_status.c.stage == "TRANSCRIPT_FETCH")
            .values(status="FAILED")
        )
    # An import that was killed between its fetches and its requests has left one behind.
    assert submit(scripted).submitted == []
    assert "create" not in service.calls
    request = request_row(engine)
    assert (request.processing_status, request.error_code) == ("PROCESSING_FAILED", "input_outdated")
    refused = {"ok": True, "requeuedCount": 0, "notFoundCount": 0, "notFailedCount": 1}
    assert requeue_requests(engine, KINDS, request_ids=[str(request.id)]) == refused
    assert requeue_requests(engine, KINDS, error_code="input_outdated", dry_run=False) == refused
    assert submit(scripted).submitted == []
