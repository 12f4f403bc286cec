"""A former key that is gone for good: what it made is given up when an operator says so, and is not bought again by itself."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, update

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_holds,
    ai_processing_requests,
    ai_request_attempts,
    ai_surplus_batches,
)
from livedash_pipeline.ledger.steps.batches.cancel import cancel_batches
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.recovery.reconcile import reconcile_batches, reconcile_document
from livedash_pipeline.ledger.steps.recovery.recover import recover_batches
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.services.errors import ServiceError
from tests.support.batch_round import Begin, Round, at, batch_row
from tests.support.batch_service import BatchService, refusal, refused
from tests.support.rows import insert_requests, rows_of

SHOWN = timedelta(seconds=125)
OVERDUE = timedelta(seconds=185)
HOLD_OVER = timedelta(hours=7)
LOST = httpx2.ReadError("the connection broke")
LEDGER = (ai_batch_requests, ai_processing_requests, ai_request_attempts, ai_surplus_batches, ai_holds)


def ledger(engine: Engine) -> list[list[Any]]:
    return [rows_of(engine, table) for table in LEDGER]


def requests_of(engine: Engine) -> list[tuple[str, str | None]]:
    return [(one.processing_status, one.error_code) for one in rows_of(engine, ai_processing_requests)]


def with_key(context: BatchContext, key: str) -> BatchContext:
    return replace(context, settings=context.settings.model_copy(update={"openai_api_key": key}))


GIVEN_UP = ("PROCESSING_FAILED", "artifact_unavailable")


def ended_out_of_sight(going: Round) -> BatchContext:
    """The batch has ended, and the only key that is left sees neither it nor its files."""
    first, second = going.ids
    going.end(output=[going.answer(first)], error=[refused(second, 400)])
    going.service.batches.clear()
    going.service.files.clear()
    return at(with_key(going.context, "another-key"), SHOWN)


def test_an_ended_batch_that_no_key_sees_waits_until_an_operator_gives_it_up(begin: Begin) -> None:
    going = begin(2)
    stranger = ended_out_of_sight(going)
    assert reconcile_batches(stranger).vanished == 0
    with pytest.raises(ServiceError):
        ingest_finished(stranger)
    assert list(going.outcomes().values()) == [None, None]
    assert reconcile_batches(stranger, accept_vanished=True).vanished == 1
    assert ingest_finished(stranger).outcomes == {"artifact_unavailable": 2}
    assert requests_of(going.engine) == [GIVEN_UP] * 2
    assert batch_row(going.engine).processed_at is not None
    going.service.calls.clear()
    submit_pending(stranger, ignore_minimum=True)
    assert "create" not in going.service.calls


def test_a_completed_batch_without_a_named_file_can_be_given_up_too(begin: Begin) -> None:
    going = begin(1)
    going.end()
    going.service.batches.clear()
    stranger = at(with_key(going.context, "another-key"), SHOWN)
    with pytest.raises(ServiceError):
        ingest_finished(stranger)
    assert reconcile_batches(stranger, accept_vanished=True).vanished == 1
    assert ingest_finished(stranger).outcomes == {"artifact_unavailable": 1}


def test_giving_an_ended_batch_up_again_changes_and_counts_nothing(begin: Begin) -> None:
    going = begin(2)
    stranger = ended_out_of_sight(going)
    assert reconcile_batches(stranger, accept_vanished=True).vanished == 1
    assert reconcile_batches(stranger, accept_vanished=True).vanished == 0
    ingest_finished(stranger)
    before = ledger(going.engine)
    assert reconcile_batches(stranger, accept_vanished=True).vanished == 0
    assert ledger(going.engine) == before


def test_an_ended_batch_that_was_given_up_and_shows_again_stays_closed(begin: Begin) -> None:
    going = begin(2)
    batches = dict(going.service.batches)
    stranger = ended_out_of_sight(going)
    reconcile_batches(stranger, accept_vanished=True)
    ingest_finished(stranger)
    before = ledger(going.engine)
    going.service.batches |= batches
    report = reconcile_batches(going.context)
    assert (report.adopted, report.surplus_cancelled, report.unknown) == (0, 0, 0)
    assert ingest_finished(going.context).outcomes == {}
    assert ledger(going.engine) == before


def test_files_that_can_still_be_had_of_a_vanished_batch_are_taken_in(begin: Begin) -> None:
    going = begin(2)
    first, second = going.ids
    going.end(output=[going.answer(first)], error=[refused(second, 400)])
    going.service.batches.clear()
    del going.service.files[f"file-error-{going.name}"]
    assert reconcile_batches(at(going.context, SHOWN), accept_vanished=True).vanished == 1
    going.ingest(SHOWN)
    assert going.outcomes() == {first: "parsed", second: "artifact_unavailable"}


def test_an_ended_batch_that_this_key_sees_is_not_given_up(begin: Begin) -> None:
    """The listing need not show it: the batch itself is asked for."""
    going = begin(1)
    going.end(output=[going.answer(going.ids[0])])
    going.service.on["list"] = httpx2.Response(200, json={"object": "list", "data": [], "has_more": False})
    assert reconcile_batches(going.context, accept_vanished=True).vanished == 0
    assert going.ingest().outcomes == {"parsed": 1}


def test_an_ended_batch_that_cannot_be_asked_for_now_is_not_given_up(begin: Begin) -> None:
    going = begin(1)
    going.end(output=[going.answer(going.ids[0])])
    kept = going.service.batches.pop(going.name)
    going.service.on["retrieve"] = refusal(503)
    with pytest.raises(ServiceError):
        reconcile_batches(going.context, accept_vanished=True)
    going.service.on.clear()
    going.service.batches[going.name] = kept
    assert going.ingest().outcomes == {"parsed": 1}


def test_an_ended_batch_whose_settlement_needs_no_service_is_released_as_ever(begin: Begin) -> None:
    going = begin(1)
    going.end("cancelled", request_counts={"total": 1, "completed": 0, "failed": 0})
    going.service.batches.clear()
    assert reconcile_batches(going.context, accept_vanished=True).vanished == 0
    assert going.ingest().outcomes == {"not_run": 1}


@pytest.fixture
def stopped(engine: Engine, company: Company, scripted: BatchContext, service: BatchService) -> BatchContext:
    """An unknown create whose input file the present key does not see; recovery has stopped there once."""
    with engine.begin() as connection:
        insert_requests(connection, company)
    service.on["create"] = LOST
    submit_pending(scripted, ignore_minimum=True)
    del service.on["create"]
    service.files.clear()
    stranger = at(with_key(scripted, "another-key"), OVERDUE)
    assert recover_batches(stranger).problems
    return stranger


def test_a_row_at_which_recovery_stops_is_given_up_when_an_operator_says_so(
    engine: Engine, stopped: BatchContext, service: BatchService
) -> None:
    assert reconcile_batches(stopped).vanished == 0
    assert requests_of(engine) == [("BATCHING_IN_PROGRESS", None)]
    document = reconcile_document(reconcile_batches(stopped, accept_vanished=True))
    assert (document["ok"], document["vanished"]) == (True, 1)
    found = batch_row(engine)
    assert (found.status, found.error_code, found.openai_batch_id) == ("FAILED", "batch_vanished", None)
    assert found.processed_at is not None and found.lease_until is None
    assert requests_of(engine) == [GIVEN_UP]
    later = at(stopped, HOLD_OVER)
    holds = rows_of(engine, ai_holds)
    report = recover_batches(later)
    assert (report.problems, report.waiting, rows_of(engine, ai_holds)) == ([], 0, holds)
    submit_pending(later, ignore_minimum=True, unhold=True)
    assert service.calls.count("create") == 1
    before = ledger(engine)
    assert reconcile_batches(later, accept_vanished=True).vanished == 0
    assert ledger(engine) == before


def test_giving_up_at_once_places_no_hold_and_reports_no_problem(
    engine: Engine, stopped: BatchContext, service: BatchService
) -> None:
    """The lease is over, so recovery would stop at the row again before anybody could say anything."""
    with engine.begin() as connection:
        connection.execute(ai_holds.delete())
    report = reconcile_batches(at(stopped, HOLD_OVER), accept_vanished=True)
    assert (report.problems, report.vanished, rows_of(engine, ai_holds)) == ([], 1, [])


def test_a_wish_to_cancel_does_not_release_what_recovery_stops_at(
    engine: Engine, stopped: BatchContext, service: BatchService
) -> None:
    cancel_batches(stopped, [str(batch_row(engine).id)], unfinished="pending")
    assert batch_row(engine).processed_at is None
    assert reconcile_batches(stopped, accept_vanished=True).vanished == 1
    assert requests_of(engine) == [GIVEN_UP]


def test_after_the_fence_another_projects_key_may_give_up_too(
    engine: Engine, company: Company, scripted: BatchContext, service: BatchService
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company)
    service.on["create"] = LOST
    submit_pending(scripted, ignore_minimum=True)
    poll_batches(at(scripted, OVERDUE))
    assert batch_row(engine).input_delete_requested_at is not None
    # The key that deleted the file knows that nothing can have been bought: nothing is given up.
    assert reconcile_batches(at(scripted, OVERDUE), accept_vanished=True).vanished == 0
    stranger = at(with_key(scripted, "another-key"), OVERDUE * 2)
    assert reconcile_batches(stranger, accept_vanished=True).vanished == 1
    assert requests_of(engine) == [GIVEN_UP]


@pytest.mark.parametrize("seen", ["file", "batch", "neither yet"])
def test_a_row_of_which_this_key_sees_anything_or_too_early_is_not_given_up(
    engine: Engine, company: Company, scripted: BatchContext, service: BatchService, seen: str
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company)
    service.on["create"] = LOST
    submit_pending(scripted, ignore_minimum=True)
    when = at(scripted, OVERDUE)
    if seen != "file":
        service.files.clear()
    if seen == "batch":
        plant(service, batch_row(engine).id)
    elif seen == "neither yet":
        when = at(scripted, timedelta(seconds=95))
    assert reconcile_batches(when, accept_vanished=True).vanished == 0
    found = batch_row(engine)
    assert found.processed_at is None
    assert found.openai_batch_id == ("batch_late" if seen == "batch" else None)


def plant(service: BatchService, row_id: object) -> None:
    """A batch on the row's input file shows at the service."""
    service.batches["batch_late"] = {
        "id": "batch_late",
        "object": "batch",
        "status": "in_progress",
        "created_at": int(time.time()),
        "input_file_id": "file-in-0",
        "metadata": {"livedash_batch_id": str(row_id)},
    }


def test_whoever_held_the_row_that_was_given_up_writes_no_more(
    engine: Engine, stopped: BatchContext, service: BatchService
) -> None:
    with engine.begin() as connection:
        before = connection.execute(
            update(ai_batch_requests).values(lease_until=None).returning(ai_batch_requests)
        ).one()
    assert reconcile_batches(stopped, accept_vanished=True).vanished == 1
    assert batch_row(engine).fence > before.fence


def test_what_turns_up_of_a_row_that_was_given_up_is_surplus(
    engine: Engine, stopped: BatchContext, service: BatchService
) -> None:
    reconcile_batches(stopped, accept_vanished=True)
    closed = batch_row(engine)
    plant(service, closed.id)
    report = reconcile_batches(stopped, accept_vanished=True)
    assert (report.adopted, report.surplus_cancelled, report.vanished) == (0, 1, 0)
    assert service.batches["batch_late"]["status"] == "cancelling"
    assert batch_row(engine) == closed
    assert requests_of(engine) == [GIVEN_UP]
    assert reconcile_batches(stopped, accept_vanished=True).surplus_cancelled == 0
