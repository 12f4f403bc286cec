"""Polling: what is listed is not asked for again, what fails changes nothing, and a change is reported once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, select, text

from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_processing_requests, endpoint_traits
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.poll import PollReport, poll_batches
from livedash_pipeline.services.errors import ServiceError
from tests.support.batch_round import at
from tests.support.batch_service import BatchService, ok, refusal
from tests.support.rows import insert_company, insert_requests, rows_of

EMPTY = ok({"object": "list", "data": [], "has_more": False})


@pytest.fixture
def submitted(engine: Engine, company: Company, scripted: BatchContext, service: BatchService) -> list[str]:
    """Three batches at the service, of three companies; the calls are forgotten."""
    with engine.begin() as connection:
        for slug in ("a", "b", "c"):
            insert_requests(connection, insert_company(connection, slug))
    report = submit_pending(scripted, ignore_minimum=True)
    service.calls.clear()
    return [batch.remote_batch_id or "" for batch in report.submitted]


def states(engine: Engine) -> dict[str, tuple[str, str]]:
    return {row.openai_batch_id: (row.status, row.openai_status) for row in rows_of(engine, ai_batch_requests)}


def test_batches_are_seen_in_the_listing_without_further_calls(
    engine: Engine, scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    service.batches[submitted[0]]["status"] = "in_progress"
    service.end(submitted[1], request_counts={"total": 1, "completed": 1, "failed": 0})
    report = poll_batches(scripted)
    assert service.calls == ["list"]
    assert (report.open, report.finished, report.looked_up, report.failed) == (2, 1, 0, 0)
    changes = {(change.company, change.status_before, change.status) for change in report.changes}
    assert changes == {
        ("a", BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS),
        ("b", BatchStatus.VALIDATING, BatchStatus.COMPLETED),
    }
    assert states(engine)[submitted[2]] == ("VALIDATING", "validating")
    assert poll_batches(scripted).changes == ()


def test_without_open_batches_nothing_is_asked(scripted: BatchContext, service: BatchService) -> None:
    assert poll_batches(scripted) == PollReport(0, 0)
    assert service.calls == []


def test_the_listing_is_read_page_by_page_no_further_than_the_oldest_open_batch(
    scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    ours = dict(service.batches)
    created = ours[submitted[0]]["created_at"]
    strangers = {
        f"old_{n}": {"id": f"old_{n}", "status": "completed", "created_at": created - 7200} for n in range(500)
    }
    newer = {f"new_{n}": {"id": f"new_{n}", "status": "completed", "created_at": created} for n in range(250)}
    service.batches = strangers | ours | newer
    for name in submitted:
        ours[name]["status"] = "in_progress"
    report = poll_batches(scripted)
    assert len(report.changes) == 3
    assert service.calls == ["list"] * 3
    # One of ours is not listed: the listing still ends at what is older than it.
    service.calls.clear()
    del service.batches[submitted[0]]
    poll_batches(scripted)
    assert service.calls == ["list"] * 3 + ["retrieve"]


def test_what_the_listing_does_not_show_is_looked_up(
    engine: Engine, scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    service.on["list"] = EMPTY
    service.end(submitted[0], "expired")
    report = poll_batches(scripted)
    assert service.calls == ["list"] + ["retrieve"] * 3
    assert (report.looked_up, len(report.changes)) == (3, 1)
    assert states(engine)[submitted[0]] == ("FAILED", "expired")


def test_a_batch_that_the_service_does_not_know_stays_as_it_is(
    engine: Engine, scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    before = rows_of(engine, ai_batch_requests)
    del service.batches[submitted[0]]
    poll_batches(scripted)
    after = rows_of(engine, ai_batch_requests)
    missing = next(row for row in after if row.openai_batch_id == submitted[0])
    assert missing.not_found_since is not None
    assert [dict(row._mapping) | {"not_found_since": None} for row in after] == [dict(row._mapping) for row in before]
    assert {row.processing_status for row in rows_of(engine, ai_processing_requests)} == {"BATCHING_IN_PROGRESS"}
    first = missing.not_found_since
    poll_batches(scripted)
    again = next(row for row in rows_of(engine, ai_batch_requests) if row.openai_batch_id == submitted[0])
    assert again.not_found_since == first


def test_all_batches_unknown_is_no_failure_of_the_poll(
    scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    service.batches.clear()
    assert poll_batches(scripted).looked_up == len(submitted)


@pytest.mark.parametrize("answer", [refusal(500), refusal(404), httpx2.ReadTimeout("late")])
def test_a_failed_listing_falls_back_to_look_ups(
    scripted: BatchContext, service: BatchService, submitted: list[str], answer: Any
) -> None:
    service.on["list"] = answer
    service.end(submitted[2])
    report = poll_batches(scripted)
    assert service.calls == ["list"] + ["retrieve"] * 3
    assert (report.failed, report.looked_up, report.finished) == (1, 3, 1)


def test_a_listing_that_breaks_off_keeps_what_it_showed(
    scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    newer = {f"new_{n}": {"id": f"new_{n}", "status": "completed"} for n in range(99)}
    service.batches |= newer
    service.on["list"] = lambda request: refusal(500) if "after" in request.url.params else service.proceed(request)
    service.end(submitted[2])
    report = poll_batches(scripted)
    assert service.calls == ["list"] * 2 + ["retrieve"] * 2
    assert (report.failed, report.looked_up, report.finished) == (1, 2, 1)


def test_a_poll_that_could_ask_nothing_raises_and_changes_nothing(
    engine: Engine, scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    before = rows_of(engine, ai_batch_requests)
    service.on |= {"list": refusal(500), "retrieve": httpx2.ConnectError("down")}
    with pytest.raises(ServiceError, match="Listing batches"):
        poll_batches(scripted)
    service.on["list"] = EMPTY
    with pytest.raises(ServiceError, match="Looking up"):
        poll_batches(scripted)
    assert rows_of(engine, ai_batch_requests) == before


def test_some_failed_look_ups_do_not_keep_the_others_from_being_written(
    engine: Engine, scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    service.on["list"] = EMPTY
    service.end(submitted[2])
    service.on["retrieve"] = lambda request: (
        service.proceed(request) if request.url.path.endswith(submitted[2]) else refusal(500)
    )
    report = poll_batches(scripted)
    assert (report.failed, report.looked_up, report.finished) == (2, 1, 1)
    assert states(engine)[submitted[0]] == ("VALIDATING", "validating")


def ticking(step: float) -> Callable[[], float]:
    """A clock that goes on by `step` at each look."""
    moments = iter(range(10_000))
    return lambda: next(moments) * step


def test_look_ups_end_with_the_budget_and_the_next_poll_begins_elsewhere(
    scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    service.on["list"] = EMPTY
    asked: list[str] = []

    def retrieve(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path.rpartition("/")[2])
        return service.proceed(request)

    service.on["retrieve"] = retrieve
    for rotation in range(3):
        report = poll_batches(scripted, budget=15, rotation=rotation, monotonic=ticking(10))
        assert report.looked_up == 1
    assert asked == submitted
    poll_batches(scripted, rotation=4)
    assert asked[3:] == [submitted[1], submitted[2], submitted[0]]


def test_a_long_listing_leaves_time_for_look_ups(
    scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    ours = dict(service.batches)
    newer = {f"new_{n}": {"id": f"new_{n}", "status": "completed"} for n in range(900)}
    service.batches = ours | newer
    # Each batch of a page that is looked at costs a second: half of the budget is over within the second page.
    report = poll_batches(scripted, budget=300, monotonic=ticking(1))
    assert service.calls == ["list"] * 2 + ["retrieve"] * 3
    assert report.looked_up == 3


def test_an_observation_of_the_past_is_ignored(
    engine: Engine, scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    service.batches[submitted[0]]["status"] = "finalizing"
    poll_batches(scripted)
    service.batches[submitted[0]]["status"] = "in_progress"
    assert poll_batches(scripted).changes == ()
    assert states(engine)[submitted[0]] == ("FINALIZING", "finalizing")


def test_unknown_words_and_nulls_are_accepted(
    engine: Engine, scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    service.batches[submitted[0]] |= {"status": "Suspended", "metadata": None, "created_at": None}
    report = poll_batches(scripted)
    assert states(engine)[submitted[0]] == ("VALIDATING", "Suspended")
    (change,) = report.changes
    assert (change.status_before, change.status, change.remote_status) == ("VALIDATING", "VALIDATING", "Suspended")


def test_of_two_polls_at_once_only_one_reports_the_change(
    scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    for name in submitted:
        service.end(name)
    together = Barrier(2)

    def listing(request: httpx2.Request) -> httpx2.Response:
        together.wait()
        return service.proceed(request)

    service.on["list"] = listing
    reports: list[PollReport] = []
    polls = [Thread(target=lambda: reports.append(poll_batches(scripted))) for _ in range(2)]
    for poll in polls:
        poll.start()
    for poll in polls:
        poll.join()
    names = [change.remote_batch_id for report in reports for change in report.changes]
    assert sorted(names) == sorted(submitted)


def test_rows_without_an_id_count_as_open_and_other_endpoints_do_not(
    engine: Engine, scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE ai_batch_requests SET endpoint = 'other/v1' WHERE openai_batch_id = :id"), {"id": submitted[0]}
        )
        connection.execute(
            text(
                "UPDATE ai_batch_requests SET openai_batch_id = NULL, create_started_at = NULL, status = 'UPLOADING'"
                " WHERE openai_batch_id = :id"
            ),
            {"id": submitted[1]},
        )
    assert poll_batches(scripted).open == 2
    assert service.calls == ["list"]


@pytest.fixture
def frozen(service: BatchService, submitted: list[str]) -> None:
    """From now on the listing shows every batch as it is, for ever."""
    answer = service.proceed(httpx2.Request("GET", "https://api.example.org/v1/batches?limit=100")).content
    service.on["list"] = httpx2.Response(200, content=answer)


@pytest.mark.usefixtures("frozen")
def test_a_batch_that_the_listing_shows_unchanged_is_asked_for_after_a_while(
    engine: Engine, scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    service.end(submitted[0], request_counts={"total": 1, "completed": 1, "failed": 0})
    early = poll_batches(at(scripted, timedelta(minutes=4)))
    assert (early.finished, service.calls) == (0, ["list"])
    report = poll_batches(at(scripted, timedelta(minutes=6)))
    assert (report.finished, report.looked_up) == (1, 3)
    assert states(engine)[submitted[0]] == ("COMPLETED", "completed")


@pytest.mark.usefixtures("frozen")
def test_a_listing_that_lags_behind_is_learned_and_no_longer_waited_for(
    engine: Engine, scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    service.end(submitted[0], request_counts={"total": 1, "completed": 1, "failed": 0})
    poll_batches(at(scripted, timedelta(minutes=6)))
    with engine.connect() as connection:
        assert connection.execute(select(endpoint_traits.c.listing_lags)).scalar_one()
    service.end(submitted[1], request_counts={"total": 1, "completed": 1, "failed": 0})
    assert poll_batches(at(scripted, timedelta(minutes=7))).finished == 2


def test_a_batch_that_moves_on_between_listing_and_look_up_teaches_nothing(
    engine: Engine, scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    def list_and_move(request: httpx2.Request) -> httpx2.Response:
        answer = service.proceed(request)
        service.batches[submitted[0]]["status"] = "in_progress"
        return answer

    service.on["list"] = list_and_move
    poll_batches(at(scripted, timedelta(minutes=6)))
    assert states(engine)[submitted[0]][0] == "IN_PROGRESS"
    with engine.connect() as connection:
        assert connection.execute(select(endpoint_traits)).all() == []


def test_an_end_in_an_unknown_word_is_not_believed_of_the_listing_alone(
    engine: Engine, scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    service.batches[submitted[0]] |= {"status": "resting", "completed_at": 5}
    service.on["retrieve"] = refusal(503)
    assert poll_batches(scripted).finished == 0
    del service.on["retrieve"]
    assert poll_batches(scripted).finished == 1


def test_a_listing_that_cannot_be_read_leaves_the_batches_to_be_asked_for(
    engine: Engine, scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    service.end(submitted[0], request_counts={"total": 1, "completed": 1, "failed": 0})
    for answer in (ok({"object": "list", "data": [], "has_more": True}), ok({"data": "none"}), refusal(405)):
        service.on["list"] = answer
        report = poll_batches(scripted)
        assert (report.finished, report.failed) == (1, 1)


def test_a_change_that_only_asking_showed_is_followed_by_asking_again(
    scripted: BatchContext, service: BatchService, submitted: list[str]
) -> None:
    words = iter(("in_progress", "finalizing", "completed"))

    def move(request: httpx2.Request) -> httpx2.Response:
        name = request.url.path.rpartition("/")[2]
        if name == submitted[0]:
            service.batches[name]["status"] = next(words)
        return service.proceed(request)

    service.on["retrieve"] = move
    later = [poll_batches(at(scripted, timedelta(minutes=6, seconds=seconds))).looked_up for seconds in (0, 30, 60, 90)]
    assert later == [3, 1, 1, 0]
