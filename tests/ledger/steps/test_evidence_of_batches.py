"""Ids that change, pages that begin again, and batches that cannot be looked up: one bad row keeps no other from going on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, select, update

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_surplus_batches, endpoint_traits
from livedash_pipeline.ledger.rules.service.listing import CONTRADICTION
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.recovery.listings import read_listing
from livedash_pipeline.ledger.steps.recovery.reconcile import reconcile_batches
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.services.errors import ServiceError
from tests.support.batch_round import at, batch_row
from tests.support.batch_service import BatchService, ok, refusal
from tests.support.rows import insert_company, insert_requests, rows_of

LOST = httpx2.ReadError("the connection broke")
OVERDUE = timedelta(seconds=185)


@pytest.fixture(autouse=True)
def _one_request(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company)


def submit(context: BatchContext) -> None:
    submit_pending(context, ignore_minimum=True)


def unanswered(context: BatchContext, service: BatchService) -> None:
    """A submit whose create is never made and never answered."""
    service.on["create"] = LOST
    submit(context)
    del service.on["create"]


def renaming(service: BatchService, prefix: str = "up_") -> None:
    """Look-ups and the listing show every batch under another id than create answered."""

    def renamed(request: httpx2.Request) -> httpx2.Response:
        answer = service.proceed(request)
        document = answer.json()
        if "error" in document:
            return answer
        for item in document.get("data", [document]):
            item["id"] = f"{prefix}{item['id']}"
        return ok(document)

    service.on |= {"retrieve": renamed, "list": renamed}


def test_a_batch_whose_look_up_answers_with_another_id_is_followed(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    submit(scripted)
    renaming(service)
    service.end("batch_0", request_counts={"total": 1, "completed": 1, "failed": 0})
    poll_batches(scripted)
    assert (batch_row(engine).status, rows_of(engine, ai_surplus_batches)) == ("COMPLETED", [])


def test_a_batch_that_is_listed_under_another_id_costs_no_look_up_once_that_is_known(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    submit(scripted)
    renaming(service)
    poll_batches(scripted)
    assert batch_row(engine).listed_batch_id == "up_batch_0"
    service.calls.clear()
    service.batches["batch_0"]["status"] = "in_progress"
    poll_batches(scripted)
    assert (service.calls, batch_row(engine).status) == (["list"], "IN_PROGRESS")


def test_a_batch_whose_id_is_not_known_any_more_is_followed_under_the_one_that_is_listed(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    submit(scripted)
    renaming(service)
    poll_batches(scripted)
    service.on.clear()
    # From now on the gateway knows it by the name alone that it used to list.
    service.batches = {"up_batch_0": service.batches.pop("batch_0") | {"id": "up_batch_0"}}
    with engine.begin() as connection:
        connection.execute(update(ai_batch_requests).values(not_found_since=batch_row(engine).created_at))
    poll_batches(at(scripted, timedelta(days=2)))
    reconcile_batches(at(scripted, timedelta(days=2)))
    row = batch_row(engine)
    assert (row.openai_batch_id, row.error_code, row.not_found_since) == ("up_batch_0", None, None)


def test_a_twin_taken_for_the_tracked_batch_is_found_out_when_both_are_listed(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    def twice(request: httpx2.Request) -> httpx2.Response:
        service.proceed(request)
        return service.proceed(request)

    service.on["create"] = twice
    submit(scripted)
    with engine.begin() as connection:
        connection.execute(update(ai_batch_requests).values(listed_batch_id="batch_0"))
    reconcile_batches(scripted)
    (surplus,) = rows_of(engine, ai_surplus_batches)
    assert (surplus.openai_batch_id, batch_row(engine).openai_batch_id) == ("batch_0", "batch_1")
    assert (service.batches["batch_0"]["status"], service.batches["batch_1"]["status"]) == ("cancelling", "validating")


@pytest.mark.parametrize("more", [{"has_more": True}, {}])
def test_a_listing_that_begins_again_ends(scripted: BatchContext, service: BatchService, more: dict[str, Any]) -> None:
    pages = [[{"id": "b1", "created_at": 9}, {"id": "b2", "created_at": 8}], [{"id": "b3", "created_at": 7}]]

    def begin_again(request: httpx2.Request) -> httpx2.Response:
        return ok({"data": pages[1] if request.url.params.get("after") == "b2" else pages[0], **more})

    service.on["list"] = begin_again
    listing = read_listing(scripted, datetime.fromtimestamp(0, UTC))
    assert listing.flaw == "shows batch b1 twice"
    with pytest.raises(ServiceError) as raised:
        list(scripted.gateway.list_batches())
    assert raised.value.failure.code == CONTRADICTION


@pytest.mark.parametrize("status", [400, 409, 422, 500, 501])
@pytest.mark.parametrize("call", ["file", "delete"])
def test_a_row_that_cannot_be_looked_at_keeps_no_other_waiting(
    engine: Engine, scripted: BatchContext, service: BatchService, status: int, call: str
) -> None:
    unanswered(scripted, service)
    with engine.begin() as connection:
        insert_requests(connection, insert_company(connection, "globex"))
    service.on[call] = refusal(status)
    submit(at(scripted, OVERDUE))
    first, second = rows_of(engine, ai_batch_requests)
    assert (first.openai_batch_id, second.openai_batch_id) == (None, "batch_0")
    if (call, status) in (("delete", 400), ("delete", 501)):
        assert first.input_deleted_at is not None, "a service without deletion has no fence"
    else:
        assert first.absence_doubt and first.input_deleted_at is None


def test_a_batch_that_by_its_look_up_is_another_waits_for_a_person_and_says_so(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    unanswered(scripted, service)
    row = batch_row(engine)
    marks = {"livedash_batch_id": str(row.id), "livedash_create": row.create_nonce}
    service.batches["other"] = {"id": "other", "status": "in_progress", "input_file_id": "file-x", "metadata": marks}
    other = service.batches["other"] | {"metadata": marks | {"livedash_create": "a" * 32}}
    service.on["retrieve"] = ok(other)
    service.calls.clear()
    submit(at(scripted, OVERDUE))
    assert "which by a look-up is another one" in batch_row(engine).absence_doubt
    assert service.calls.count("list") == 1, "it is taken up once a recovery"


def test_a_probe_that_cannot_be_written_keeps_no_poll_from_looking(
    engine: Engine, scripted: BatchContext, service: BatchService, tmp_path: Path
) -> None:
    unanswered(scripted, service)
    occupied = tmp_path / "occupied"
    occupied.write_text("no directory")
    report = poll_batches(at(replace(scripted, spool_dir=occupied / "spool"), OVERDUE))
    assert report.open == 1
    assert "No probe could be made" in batch_row(engine).absence_doubt


def test_a_probe_that_the_service_forgets_is_replaced_after_an_hour(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    unanswered(scripted, service)
    service.on["list"] = ok({"data": [], "has_more": False})
    submit(at(scripted, OVERDUE))
    del service.on["list"]
    for name in [name for name in service.batches if name.startswith("probe_")]:
        del service.batches[name]
    submit(at(scripted, timedelta(minutes=40)))
    assert (service.probes, batch_row(engine).input_deleted_at) == (1, None)
    assert "shows no batch of ours" in batch_row(engine).absence_doubt
    submit(at(scripted, timedelta(minutes=70)))
    assert batch_row(engine).input_deleted_at is not None, "the second probe is shown"
    submit(at(scripted, timedelta(minutes=100)))
    assert batch_row(engine).openai_batch_id is not None, "it is bought anew behind its fence"


def test_a_cut_listing_costs_one_look_up_however_many_batches_it_leaves_out(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    unanswered(scripted, service)
    with engine.begin() as connection:
        for number in range(8):
            insert_requests(connection, insert_company(connection, f"company-{number}"))
    submit(at(scripted, timedelta(seconds=1)))
    service.on["list"] = ok({"data": [], "has_more": False})
    service.calls.clear()
    submit(at(scripted, timedelta(seconds=400)))
    assert service.calls.count("retrieve") == 1
    assert "does not show batch" in rows_of(engine, ai_batch_requests)[0].absence_doubt


def test_a_listing_that_catches_up_is_trusted_again(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    submit(scripted)
    frozen = service.proceed(httpx2.Request("GET", "https://api.example.org/v1/batches?limit=100")).content
    service.batches["batch_0"]["status"] = "in_progress"
    service.on["list"] = httpx2.Response(200, content=frozen)
    poll_batches(at(scripted, timedelta(minutes=6)))
    assert lags(engine)
    del service.on["list"]
    service.batches["batch_0"]["status"] = "finalizing"
    poll_batches(at(scripted, timedelta(minutes=7)))
    assert not lags(engine)


def lags(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(connection.execute(select(endpoint_traits.c.listing_lags)).scalar_one())


def test_nothing_is_given_up_on_a_listing_that_contradicts_itself(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    unanswered(scripted, service)
    service.files.clear()
    service.on["list"] = ok({"data": [], "has_more": True})
    assert reconcile_batches(at(scripted, OVERDUE), accept_vanished=True).vanished == 0
    assert batch_row(engine).processed_at is None


def test_input_files_of_probes_are_removed(engine: Engine, scripted: BatchContext, service: BatchService) -> None:
    unanswered(scripted, service)
    service.on["probe"] = refusal(400, message="Unknown model.")
    submit(at(scripted, OVERDUE))
    assert [name for name in service.files if name.startswith("file-probe")]
    reconcile_batches(at(scripted, OVERDUE))
    assert not [name for name in service.files if name.startswith("file-probe")]
