"""Reconciling: surplus is cancelled and paid for in the ledger, strangers are left alone, and nothing is concluded from half."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, insert, select, text, update

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_holds,
    ai_model_pricing,
    ai_processing_requests,
    ai_request_attempts,
    ai_surplus_batches,
)
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.recovery.reconcile import FILES_KEPT, reconcile_batches, reconcile_document
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.ledger.store.recovery.surplus import rows_of_files
from livedash_pipeline.services.errors import ServiceError
from tests.support.batch_round import at
from tests.support.batch_service import BatchService, analysis, answered, ok, refusal
from tests.support.rows import insert_company, insert_requests, rows_of

OVERDUE = timedelta(seconds=185)
DAY = timedelta(days=1)
LOST = httpx2.ReadError("the connection broke")
LEDGER = (ai_batch_requests, ai_processing_requests, ai_request_attempts, ai_surplus_batches, ai_holds)
# gpt-5-mini in batches costs 0.125 dollars in and 1 out per million tokens; a dollar is 0.9 euro in these tests.
USAGE = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
COST_EUR = Decimal("0.0002025")


@pytest.fixture(autouse=True)
def _one_request(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company)


def submit(context: BatchContext) -> None:
    submit_pending(context, ignore_minimum=True)


def row(engine: Engine, name: str | None = "batch_0") -> Any:
    (found,) = [batch for batch in rows_of(engine, ai_batch_requests) if batch.openai_batch_id == name]
    return found


def set_rows(engine: Engine, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(update(ai_batch_requests).values(**values))


def settle(context: BatchContext, service: BatchService, name: str = "batch_0") -> None:
    """The batch ends with all its answers, and they are ingested."""
    lines = [answered(request, analysis(session)) for request, session in service.sessions_of(name).items()]
    service.end(
        name, output=lines, error=[], request_counts={"total": len(lines), "completed": len(lines), "failed": 0}
    )
    poll_batches(context)
    assert len(ingest_finished(context).batches) == 1


def plant(
    service: BatchService,
    name: str,
    row_id: object,
    *,
    file: str,
    status: str = "in_progress",
    nonce: str = "a" * 32,
    **more: Any,
) -> None:
    """A batch at the service that carries our mark and the name of a create."""
    service.batches[name] = {
        "id": name,
        "object": "batch",
        "status": status,
        "created_at": int(time.time()),
        "input_file_id": file,
        "metadata": {"livedash_batch_id": str(row_id), "livedash_create": nonce},
        **more,
    }


def surplus(engine: Engine) -> Any:
    (found,) = rows_of(engine, ai_surplus_batches)
    return found


def ledger(engine: Engine) -> list[list[Any]]:
    return [rows_of(engine, table) for table in LEDGER]


def requests_of(engine: Engine) -> set[tuple[str, str | None]]:
    return {(request.processing_status, request.error_code) for request in rows_of(engine, ai_processing_requests)}


def test_a_batch_beside_the_one_that_the_row_names_is_surplus(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    submit(scripted)
    plant(service, "batch_late", row(engine).id, file="file-in-0")
    report = reconcile_batches(scripted)
    assert (report.surplus_cancelled, report.unknown) == (1, 0)
    assert service.batches["batch_late"]["status"] == "cancelling"
    assert service.batches["batch_0"]["status"] == "validating"
    found = surplus(engine)
    assert (found.openai_batch_id, found.batch_id, found.ended_at) == ("batch_late", row(engine).id, None)
    service.end("batch_late", "cancelled", usage=USAGE)
    assert reconcile_batches(scripted).surplus_cancelled == 0, "found before"
    assert surplus(engine).total_cost_eur == COST_EUR


def test_the_whole_listing_is_compared_however_long_it_is(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    submit(scripted)
    plant(service, "batch_oldest", row(engine).id, file="file-in-0", created_at=1_000)
    service.batches = {name: service.batches[name] for name in ("batch_oldest", "batch_0")}
    for number in range(120):
        service.batches[f"other_{number}"] = {"id": f"other_{number}", "status": "in_progress", "created_at": 2_000}
    report = reconcile_batches(scripted)
    assert (report.surplus_cancelled, report.unknown) == (1, 120)
    assert service.batches["batch_oldest"]["status"] == "cancelling"


@pytest.fixture
def unknown_create(engine: Engine, scripted: BatchContext, service: BatchService) -> Any:
    """A row whose create has no known outcome, and whose lease goes on."""
    service.on["create"] = LOST
    submit(scripted)
    del service.on["create"]
    return row(engine, None)


def test_a_batch_on_an_earlier_input_file_is_surplus(
    engine: Engine, scripted: BatchContext, service: BatchService, unknown_create: Any
) -> None:
    plant(service, "batch_early", unknown_create.id, file="file-earlier")
    assert reconcile_batches(scripted).surplus_cancelled == 1
    assert service.batches["batch_early"]["status"] == "cancelling"


def test_a_batch_on_a_file_that_was_given_up_is_surplus_though_nothing_names_it(
    engine: Engine, scripted: BatchContext, service: BatchService, unknown_create: Any
) -> None:
    given_up = unknown_create.input_file_id
    for times in range(1, 5):
        submit_pending(at(scripted, OVERDUE * times), ignore_minimum=True)
    (bought,) = [batch for batch in rows_of(engine, ai_batch_requests) if batch.openai_batch_id is not None]
    assert (bought.id, bought.earlier_input_file_ids) == (unknown_create.id, [given_up])
    assert bought.input_file_id != given_up
    plant(service, "batch_late", None, file=given_up, metadata=None)
    plant(service, "batch_of_others", None, file="file-of-others", metadata=None)
    report = reconcile_batches(at(scripted, OVERDUE * 5))
    assert (report.surplus_cancelled, report.unknown) == (1, 1)
    assert service.batches["batch_late"]["status"] == "cancelling"
    assert (surplus(engine).openai_batch_id, surplus(engine).batch_id) == ("batch_late", bought.id)


def test_a_batch_on_a_file_that_was_given_up_is_surplus_while_the_row_waits(
    engine: Engine, scripted: BatchContext, service: BatchService, unknown_create: Any
) -> None:
    set_rows(engine, earlier_input_file_ids=["file-early"], absence_doubt="waits for a person")
    plant(service, "batch_late", None, file="file-early", metadata=None)
    plant(
        service,
        "batch_odd",
        unknown_create.id,
        file="file-of-whom",
        metadata={"livedash_batch_id": str(unknown_create.id)},
    )
    report = reconcile_batches(scripted)
    assert (report.surplus_cancelled, report.unclear) == (1, 1)
    assert reconcile_document(report)["unclear"] == 1
    assert service.batches["batch_late"]["status"] == "cancelling"
    assert service.batches["batch_odd"]["status"] == "in_progress"


def test_a_file_marks_the_batch_that_has_it_now_before_one_that_had_it(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    submit(scripted)
    set_rows(engine, earlier_input_file_ids=["file-a", "file-b"])
    with engine.begin() as connection:
        found = connection.execute(select(ai_batch_requests)).mappings().one()
        had = {column.key: found[column] for column in ai_batch_requests.c}
        other: dict[str, Any] = {
            "id": uuid.uuid4(),
            "remote_batch_id": None,
            "input_file_id": "file-b",
            "earlier_input_file_ids": [],
        }
        connection.execute(insert(ai_batch_requests).values(had | other))
        marks = rows_of_files(connection, had["endpoint"], ["file-a", "file-b", "file-c"])
        assert marks == {"file-a": had["id"], "file-b": other["id"]}
        assert rows_of_files(connection, "elsewhere/v1", ["file-a", "file-b"]) == {}


def test_marks_of_files_are_looked_up_through_indexes(untouched_engine: Engine) -> None:
    values = {"endpoint": "e", "input_file_ids": ["file-a"]}
    with untouched_engine.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        explained = text(f"EXPLAIN {statement('ledger/find_batches_of_files').text}")
        plan = "\n".join(connection.execute(explained, values).scalars())
    assert "ix_ai_batch_requests_input_file_id" in plan
    assert "ix_ai_batch_requests_earlier_input_file_ids" in plan


def test_a_batch_of_the_create_of_an_open_row_is_adopted_and_no_surplus(
    engine: Engine, scripted: BatchContext, service: BatchService, unknown_create: Any
) -> None:
    plant(service, "batch_mine", unknown_create.id, file="file-in-0", nonce=unknown_create.create_nonce)
    report = reconcile_batches(scripted)
    assert (report.surplus_cancelled, report.adopted, report.unknown) == (0, 1, 0)
    assert service.batches["batch_mine"]["status"] == "in_progress"
    assert rows_of(engine, ai_surplus_batches) == []
    poll_batches(scripted)
    assert row(engine, "batch_mine").status == "IN_PROGRESS"


def test_a_batch_of_a_row_that_was_closed_without_one_is_surplus(
    engine: Engine, scripted: BatchContext, service: BatchService, unknown_create: Any
) -> None:
    poll_batches(at(scripted, OVERDUE))
    poll_batches(at(scripted, OVERDUE * 2))
    closed = row(engine, None)
    assert (closed.status, closed.error_code) == ("FAILED", "create_lost")
    plant(service, "batch_late", closed.id, file="file-in-0")
    assert reconcile_batches(scripted).surplus_cancelled == 1
    assert service.batches["batch_late"]["status"] == "cancelling"
    assert row(engine, None).openai_batch_id is None


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": None},
        {"metadata": {"project": "theirs"}},
        {"metadata": {"livedash_batch_id": "not-a-uuid"}},
        {"metadata": {"livedash_batch_id": str(uuid.uuid4())}},
    ],
)
def test_strangers_are_counted_and_never_touched(
    engine: Engine, scripted: BatchContext, service: BatchService, fields: dict[str, Any]
) -> None:
    submit(scripted)
    service.batches["theirs"] = {"id": "theirs", "status": "in_progress", "input_file_id": "file-theirs", **fields}
    before = dict(service.batches["theirs"])
    report = reconcile_batches(scripted)
    assert (report.unknown, report.surplus_cancelled) == (1, 0)
    assert service.batches["theirs"] == before
    assert "cancel" not in service.calls
    assert rows_of(engine, ai_surplus_batches) == []


@pytest.mark.parametrize(
    ("status", "fields", "cost"),
    [
        ("completed", {"usage": USAGE, "completed_at": 1_000}, COST_EUR),
        # A service that leaves out when it ended, what it used, or how many it ran.
        ("completed", {"usage": USAGE}, COST_EUR),
        ("completed", {}, None),
        ("cancelled", {"request_counts": {"total": 1, "completed": 0, "failed": 0}}, Decimal(0)),
        ("cancelled", {}, None),
        ("failed", {}, Decimal(0)),
        ("expired", {}, None),
    ],
)
def test_surplus_that_has_ended_is_recorded_with_its_cost_and_not_cancelled(
    engine: Engine,
    scripted: BatchContext,
    service: BatchService,
    status: str,
    fields: dict[str, Any],
    cost: Decimal | None,
) -> None:
    submit(scripted)
    plant(service, "batch_late", row(engine).id, file="file-in-0", status=status, **fields)
    assert reconcile_batches(scripted).surplus_cancelled == 1
    found = surplus(engine)
    assert (found.openai_status, found.total_cost_eur) == (status, cost)
    assert found.ended_at is not None
    reconcile_batches(scripted)
    poll_batches(scripted)
    assert "cancel" not in service.calls
    assert surplus(engine) == found


@pytest.mark.parametrize(
    ("more", "cost"),
    # The sum of several says nothing about their lengths; a single one is as long as it is.
    [(1, COST_EUR), (0, Decimal("0.0003150"))],
)
def test_only_a_single_request_of_a_surplus_batch_is_long_by_its_usage(
    engine: Engine, company: Company, scripted: BatchContext, service: BatchService, more: int, cost: Decimal
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, more)
        long = {"batch_long_context_tokens": 500, "batch_long_input_usd": Decimal("0.25")}
        connection.execute(update(ai_model_pricing).values(**long))
    submit(scripted)
    plant(service, "batch_late", row(engine).id, file="file-in-0", status="completed", usage=USAGE)
    reconcile_batches(scripted)
    assert surplus(engine).total_cost_eur == cost


@pytest.mark.parametrize("answer", [refusal(503), refusal(404), LOST])
def test_surplus_whose_cancel_fails_is_cancelled_by_the_next_poll(
    engine: Engine, scripted: BatchContext, service: BatchService, answer: Any
) -> None:
    submit(scripted)
    plant(service, "batch_late", row(engine).id, file="file-in-0")
    service.on["cancel"] = answer
    assert reconcile_batches(scripted).surplus_cancelled == 1
    assert surplus(engine).ended_at is None
    del service.on["cancel"]
    poll_batches(scripted)
    assert service.batches["batch_late"]["status"] == "cancelling"
    assert surplus(engine).openai_status == "cancelling"


def test_surplus_that_the_service_has_forgotten_is_asked_for_no_longer_than_a_day(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    submit(scripted)
    plant(service, "batch_late", row(engine).id, file="file-in-0")
    reconcile_batches(scripted)
    del service.batches["batch_late"]
    stranger = replace(scripted, settings=scripted.settings.model_copy(update={"openai_api_key": "another-key"}))
    for context, waited in ((scripted, 0), (scripted, 23), (stranger, 25)):
        poll_batches(at(context, timedelta(hours=waited)))
        assert surplus(engine).ended_at is None
    poll_batches(at(scripted, timedelta(hours=25)))
    assert (surplus(engine).openai_status, surplus(engine).total_cost_eur) == ("batch_vanished", None)
    assert surplus(engine).ended_at is not None
    service.calls.clear()
    poll_batches(at(scripted, timedelta(hours=26)))
    assert "cancel" not in service.calls


def test_a_live_batch_is_not_asked_twice_in_one_look(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    submit(scripted)
    plant(service, "batch_late", row(engine).id, file="file-in-0")
    service.calls.clear()
    poll_batches(scripted)
    assert service.calls.count("cancel") == 1


def test_surplus_of_a_row_that_takes_its_id_during_the_listing_is_none(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    submit(scripted)
    settle(scripted, service)
    set_rows(engine, remote_batch_id=None)

    def take_id(request: httpx2.Request) -> httpx2.Response:
        answer = service.proceed(request)
        set_rows(engine, remote_batch_id="batch_0")
        return answer

    service.on["list"] = take_id
    assert reconcile_batches(scripted).surplus_cancelled == 0
    assert rows_of(engine, ai_surplus_batches) == []


def test_files_of_settled_batches_are_removed_when_they_have_been_kept_long_enough(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    submit(scripted)
    settle(scripted, service)
    files = {"file-in-0", "file-output-batch_0", "file-error-batch_0"}
    assert reconcile_batches(at(scripted, FILES_KEPT - timedelta(minutes=1))).files_removed == 0
    assert set(service.files) == files
    assert row(engine).files_deleted_at is None
    report = reconcile_batches(at(scripted, FILES_KEPT + timedelta(minutes=1)))
    assert (report.files_removed, service.files) == (3, {})
    assert row(engine).files_deleted_at is not None


def test_files_of_open_batches_and_of_others_are_never_removed(
    engine: Engine, scripted: BatchContext, service: BatchService, company: Company
) -> None:
    submit(scripted)
    settle(scripted, service)
    with engine.begin() as connection:
        insert_requests(connection, company)
    submit(scripted)
    for name, filename in {
        "file-theirs": "training.jsonl",
        "file-unknown": f"livedash-{uuid.uuid4()}.jsonl",
        "file-alike": f"my-livedash-{row(engine).id}.jsonl",
        "file-copy": f"livedash-{row(engine).id}.jsonl.bak",
    }.items():
        service.files[name], service.names[name] = b"", filename
    set_rows(engine, not_found_since=None)
    report = reconcile_batches(at(scripted, FILES_KEPT * 2))
    assert report.files_removed == 3
    assert set(service.files) == {"file-in-1", "file-theirs", "file-unknown", "file-alike", "file-copy"}


@pytest.mark.parametrize("lease_over", [False, True])
def test_an_older_upload_is_removed_once_its_batch_names_another_file_and_nobody_holds_it(
    engine: Engine, scripted: BatchContext, service: BatchService, lease_over: bool
) -> None:
    submit(scripted)
    service.files["file-older"] = b""
    service.names["file-older"] = f"livedash-{row(engine).id}.jsonl"
    with engine.begin() as connection:
        lease = database_now(connection) + timedelta(minutes=-1 if lease_over else 1)
    set_rows(engine, lease_until=lease)
    report = reconcile_batches(scripted)
    assert report.files_removed == lease_over
    assert set(service.files) == {"file-in-0"} | (set() if lease_over else {"file-older"})


def test_an_upload_of_a_row_that_names_none_yet_is_left(
    engine: Engine, scripted: BatchContext, service: BatchService
) -> None:
    submit(scripted)
    set_rows(engine, input_file_id=None)
    assert reconcile_batches(at(scripted, FILES_KEPT * 2)).files_removed == 0
    assert "file-in-0" in service.files


def breaking_off(service: BatchService) -> Any:
    """The first page of the listing shows nothing of ours, and no further page can be had."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.params.get("after"):
            return refusal(500)
        return ok({"object": "list", "data": [{"id": "theirs", "status": "in_progress"}], "has_more": True})

    return answer


def test_nothing_is_concluded_from_half_a_listing(
    engine: Engine, scripted: BatchContext, service: BatchService, company: Company
) -> None:
    submit(scripted)
    settle(scripted, service)
    with engine.begin() as connection:
        insert_requests(connection, company)
    submit(scripted)
    set_rows(engine, not_found_since=row(engine).created_at - 2 * DAY)
    plant(service, "batch_late", row(engine).id, file="file-in-0")
    service.on["list"] = breaking_off(service)
    service.on["retrieve"] = refusal(404)
    before = ledger(engine)
    with pytest.raises(ServiceError):
        reconcile_batches(at(scripted, FILES_KEPT * 2), accept_vanished=True)
    assert ledger(engine) == before
    assert {"file-in-0", "file-in-1", "file-output-batch_0"} <= set(service.files)
    assert service.batches["batch_late"]["status"] == "in_progress"


@pytest.fixture
def vanished(engine: Engine, scripted: BatchContext, service: BatchService) -> str:
    """Two batches made with one key, of which the service has lost the second."""
    with engine.begin() as connection:
        insert_requests(connection, insert_company(connection, "globex"))
    submit(scripted)
    del service.batches["batch_1"]
    return "batch_1"


def take_in(context: BatchContext, engine: Engine, name: str) -> tuple[str, str | None]:
    """What the requests of a batch become."""
    ingest_finished(context)
    (request,) = [one for one in rows_of(engine, ai_processing_requests) if one.batch_id == row(engine, name).id]
    return request.processing_status, request.error_code


def test_a_batch_vanishes_after_a_day_and_is_never_bought_again_by_itself(
    engine: Engine, scripted: BatchContext, service: BatchService, vanished: str
) -> None:
    assert reconcile_batches(scripted).vanished == 0
    assert reconcile_batches(at(scripted, DAY - timedelta(minutes=1))).vanished == 0
    assert row(engine, vanished).status == "VALIDATING"
    assert reconcile_batches(at(scripted, DAY + timedelta(minutes=1))).vanished == 1
    found = row(engine, vanished)
    assert (found.status, found.error_code) == ("FAILED", "batch_vanished")
    assert take_in(scripted, engine, vanished) == ("PROCESSING_FAILED", "artifact_unavailable")
    assert row(engine, "batch_0").status == "VALIDATING"
    service.calls.clear()
    submit(scripted)
    assert "create" not in service.calls


def test_an_operator_can_accept_at_once_that_a_batch_has_vanished(
    engine: Engine, scripted: BatchContext, service: BatchService, vanished: str
) -> None:
    assert reconcile_batches(scripted, accept_vanished=True).vanished == 1
    assert take_in(scripted, engine, vanished) == ("PROCESSING_FAILED", "artifact_unavailable")
    assert row(engine, "batch_0").status == "VALIDATING"


def test_a_wish_to_cancel_does_not_release_what_has_vanished(
    engine: Engine, scripted: BatchContext, service: BatchService, vanished: str
) -> None:
    from livedash_pipeline.ledger.steps.batches.cancel import cancel_batches

    cancel_batches(scripted, [vanished])
    reconcile_batches(scripted, accept_vanished=True)
    assert take_in(scripted, engine, vanished) == ("PROCESSING_FAILED", "artifact_unavailable")


def test_a_404_of_a_key_that_sees_no_batch_of_the_same_key_proves_nothing(
    engine: Engine, scripted: BatchContext, service: BatchService, vanished: str
) -> None:
    with engine.begin() as connection:
        other = update(ai_batch_requests).where(ai_batch_requests.c.remote_batch_id == "batch_0")
        connection.execute(other.values(key_fingerprint="of another project"))
    reconcile_batches(scripted)
    assert reconcile_batches(at(scripted, 2 * DAY)).vanished == 0
    service.batches.clear()
    assert reconcile_batches(at(scripted, 2 * DAY)).vanished == 0
    assert {batch.status for batch in rows_of(engine, ai_batch_requests)} == {"VALIDATING"}
    assert reconcile_batches(at(scripted, 2 * DAY), accept_vanished=True).vanished == 2, "an operator may know better"


def test_a_batch_that_shows_again_has_not_vanished(
    engine: Engine, scripted: BatchContext, service: BatchService, vanished: str
) -> None:
    reconcile_batches(scripted)
    plant(service, vanished, row(engine, vanished).id, file="file-in-1")
    poll_batches(scripted)
    assert row(engine, vanished).not_found_since is None
    del service.batches[vanished]
    assert reconcile_batches(at(scripted, DAY + timedelta(minutes=1))).vanished == 0, "the day begins anew"


def test_reconciling_twice_changes_nothing(
    engine: Engine, scripted: BatchContext, service: BatchService, vanished: str
) -> None:
    plant(service, "batch_late", row(engine).id, file="file-in-0", status="completed", usage=USAGE)
    service.files["file-older"], service.names["file-older"] = b"", f"livedash-{row(engine).id}.jsonl"
    first = reconcile_batches(scripted, accept_vanished=True)
    assert (first.surplus_cancelled, first.files_removed, first.vanished) == (1, 1, 1)
    before, files, batches = ledger(engine), dict(service.files), str(service.batches)
    again = reconcile_document(reconcile_batches(scripted, accept_vanished=True))
    assert again == {
        "ok": True,
        "adopted": 0,
        "surplusCancelled": 0,
        "strangers": 0,
        "filesRemoved": 0,
        "vanished": 0,
        "unclear": 0,
    }
    assert (ledger(engine), dict(service.files), str(service.batches)) == (before, files, batches)


def test_a_key_that_cannot_see_what_was_uploaded_makes_the_answer_a_failure(
    engine: Engine, scripted: BatchContext, service: BatchService, unknown_create: Any
) -> None:
    service.files.clear()
    document = reconcile_document(reconcile_batches(at(scripted, OVERDUE)))
    assert document["ok"] is False
    assert document["error"]["code"] == "input_file_not_visible"
    assert str(unknown_create.id) in document["error"]["message"]
    assert document["error"]["remedy"]
    assert document["adopted"] == 0
