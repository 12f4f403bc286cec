"""Result files that come short, late or not at all: nothing is believed too early, and no answer is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import ai_batch_requests
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.services.errors import ServiceError
from tests.support.batch_round import Begin, Round, at, batch_row
from tests.support.batch_service import refusal, refused
from tests.support.rows import insert_company, rows_of


def batch_rows_that_wait(going: Round) -> set[str | None]:
    return {row.short_reason for row in rows_of(going.engine, ai_batch_requests) if row.processed_at is None}


# Past LIVEDASH_VISIBILITY_LAG (120 s): what is not there by now is gone.
SHOWN = timedelta(seconds=125)
# The second and the third look after one at SHOWN, when they are due.
SECOND, THIRD = SHOWN + timedelta(minutes=6), SHOWN + timedelta(minutes=67)


def test_a_download_of_another_size_is_never_believed(begin: Begin) -> None:
    going = begin(2)
    going.end(output=[going.answer(going.ids[0])])
    name = f"file-output-{going.name}"
    for days in range(8):
        # Another count at each look is the same fault: the looks add up, so that the waits grow.
        going.service.stated_bytes[name] = 10**6 + days
        report = going.ingest(timedelta(days=days))
        assert (report.batches, report.outcomes) == ([], {}) and len(report.short) == 1
    row = batch_row(going.engine)
    assert row.processed_at is None and "the service states 1000007" in row.short_reason
    assert row.short_downloads == 8
    going.service.files[name] += json.dumps(going.answer(going.ids[1])).encode() + b"\n"
    del going.service.stated_bytes[name]
    assert going.ingest(timedelta(days=9)).outcomes == {"parsed": 2}


def test_looks_at_once_are_no_looks(begin: Begin) -> None:
    going = begin(2)
    going.end(output=[going.answer(going.ids[0])], request_counts={"total": 2, "completed": 2, "failed": 0})
    assert len(going.ingest(SHOWN).short) == 1
    going.service.calls.clear()
    for _ in range(3):
        report = going.ingest(SHOWN)
        assert (report.short, report.waiting) == ([], 1)
        assert report.next_look_at == batch_row(going.engine).next_ingest_at
    assert going.service.calls == []
    assert batch_row(going.engine).short_downloads == 1


def test_fewer_lines_than_the_service_answered_are_never_bought_again(begin: Begin) -> None:
    going = begin(2)
    going.end(output=[going.answer(going.ids[0])], request_counts={"total": 2, "completed": 2, "failed": 0})
    for later in (SHOWN, SECOND):
        assert len(going.ingest(later).short) == 1
        assert going.outcomes() == dict.fromkeys(going.ids)
    assert going.ingest(THIRD).outcomes == {"parsed": 1, "missing": 1}
    assert [row.processing_status for row in going.requests()] == ["PROCESSING_COMPLETE", "PROCESSING_FAILED"]


def test_lines_that_differ_begin_the_count_anew(begin: Begin) -> None:
    going = begin(3)
    first, second, _third = going.ids
    counts = {"total": 3, "completed": 3, "failed": 0}
    going.end(output=[going.answer(first)], request_counts=counts)
    for later in (SHOWN, SECOND):
        assert len(going.ingest(later).short) == 1
    going.service.files[f"file-output-{going.name}"] += json.dumps(going.answer(second)).encode() + b"\n"
    assert len(going.ingest(THIRD).short) == 1
    assert batch_row(going.engine).short_downloads == 1


def test_a_file_of_the_stated_size_whose_last_line_is_cut_is_asked_for_again(begin: Begin) -> None:
    going = begin(2)
    going.end(output=[going.answer(going.ids[0]), b'{"custom_id": "' + going.ids[1].encode()])
    for later in (SHOWN, SECOND):
        assert len(going.ingest(later).short) == 1
        assert going.outcomes() == dict.fromkeys(going.ids)
    assert going.ingest(THIRD).outcomes == {"parsed": 1, "invalid_output": 1}


def no_file_named(going: Round) -> None:
    going.end(request_counts={"total": 2, "completed": 2, "failed": 0})


def expired_with_answers(going: Round) -> None:
    going.end("expired", request_counts={"total": 2, "completed": 1, "failed": 0})


def cancelled_with_answers(going: Round) -> None:
    going.end("cancelled", request_counts={"total": 2, "completed": 1, "failed": 0})


@pytest.mark.parametrize("end", [no_file_named, expired_with_answers, cancelled_with_answers])
def test_a_missing_file_is_not_believed_while_the_service_may_still_name_it(
    begin: Begin, end: Callable[[Round], None]
) -> None:
    """Looks before that do not count; what the service says it answered is not bought again."""
    going = begin(2)
    end(going)
    assert len(going.ingest().short) == 1
    assert going.ingest().waiting == 1
    assert batch_row(going.engine).short_downloads == 0
    for later in (SHOWN, SECOND):
        assert len(going.ingest(later).short) == 1
        assert going.outcomes() == dict.fromkeys(going.ids)
    assert going.ingest(THIRD).outcomes == {"missing": 2}
    assert {row.processing_status for row in going.requests()} == {"PROCESSING_FAILED"}


UNKNOWN_COUNTS = (None, {"total": 2, "completed": 0, "failed": 0}, {"total": 2, "completed": 0, "failed": 2})


@pytest.mark.parametrize("counts", UNKNOWN_COUNTS)
@pytest.mark.parametrize("absent", [None, ""])
def test_a_completed_batch_that_names_no_file_yet_is_asked_for_again_whatever_it_counts(
    begin: Begin, counts: dict[str, int] | None, absent: str | None
) -> None:
    going = begin(2)
    going.end(request_counts=counts, output_file_id=absent, error_file_id=absent)
    assert len(going.ingest().short) == 1
    assert going.outcomes() == dict.fromkeys(going.ids)
    going.service.end(going.name, output=[going.answer(each) for each in going.ids])
    assert going.ingest(SHOWN).outcomes == {"parsed": 2}


def test_a_completed_batch_without_counts_that_names_its_error_file_first_is_asked_for_again(begin: Begin) -> None:
    going = begin(2)
    first, second = going.ids
    going.end(error=[refused(second, 400)])
    assert len(going.ingest().short) == 1
    going.service.end(going.name, output=[going.answer(first)])
    assert going.ingest(SHOWN).outcomes == {"parsed": 1, "rejected": 1}


@pytest.mark.parametrize("counts", UNKNOWN_COUNTS)
def test_a_completed_batch_that_never_names_a_file_is_settled_after_three_looks(
    begin: Begin, counts: dict[str, int] | None
) -> None:
    going = begin(2)
    going.end(request_counts=counts)
    for later in (SHOWN, SECOND):
        assert len(going.ingest(later).short) == 1
    assert going.ingest(THIRD).outcomes == {"missing": 2}
    assert {row.processing_status for row in going.requests()} == {"PENDING_BATCHING"}


@pytest.mark.parametrize(
    ("status", "counts", "outcome"),
    [
        ("completed", {"total": 0, "completed": 0, "failed": 0}, "missing"),
        ("failed", None, "transient"),
        ("failed", {"total": 0, "completed": 0, "failed": 0}, "transient"),
        ("expired", {"total": 2, "completed": 0, "failed": 0}, "not_run"),
        ("cancelled", {"total": 2, "completed": 0, "failed": 0}, "not_run"),
    ],
)
def test_a_batch_that_ran_nothing_is_settled_at_the_first_look(
    begin: Begin, status: str, counts: dict[str, int] | None, outcome: str
) -> None:
    going = begin(2)
    going.end(status, request_counts=counts)
    going.service.calls.clear()
    assert going.ingest().outcomes == {outcome: 2}
    assert going.service.calls == []


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_a_batch_that_ended_early_and_counts_nothing_may_name_its_answers_late(begin: Begin, status: str) -> None:
    going, other = begin(2), begin(2)
    for each in (going, other):
        each.end(status)
    for later in (timedelta(0), SHOWN, SECOND):
        assert going.ingest(later).outcomes == {}
    assert batch_rows_that_wait(going) == {"the service names no file with answers"}
    # One names its file now.
    going.service.end(going.name, status, output=[going.answer(each) for each in going.ids])
    assert going.ingest(THIRD).outcomes == {"parsed": 2, "not_run": 2}
    waiting = {row.processing_status for row in going.requests() if str(row.id) in other.ids}
    assert waiting == {"PENDING_BATCHING"}


def test_a_batch_whose_every_line_was_refused_is_not_looked_up_again(begin: Begin) -> None:
    going = begin(2)
    going.end(
        error=[refused(each, 400) for each in going.ids], request_counts={"total": 2, "completed": 0, "failed": 2}
    )
    going.service.calls.clear()
    assert going.ingest().outcomes == {"rejected": 2}
    assert "retrieve" not in going.service.calls


def test_answers_whose_file_is_not_named_yet_are_waited_for(begin: Begin) -> None:
    """What was answered was paid for: it must not go out again because its file is named a moment later."""
    going = begin(2)
    going.end(request_counts={"total": 2, "completed": 2, "failed": 0})
    assert len(going.ingest().short) == 1
    assert going.outcomes() == dict.fromkeys(going.ids)
    going.service.end(going.name, output=[going.answer(each) for each in going.ids])
    assert going.ingest(SHOWN).outcomes == {"parsed": 2}


def test_missing_lines_that_the_batch_was_charged_for_fail(begin: Begin) -> None:
    going = begin(2)
    usage = {"input_tokens": 2000, "output_tokens": 200, "total_tokens": 2200}
    going.end(output=[going.answer(going.ids[0])], usage=usage).ingest()
    assert [(row.processing_status, row.error_code) for row in going.requests()] == [
        ("PROCESSING_COMPLETE", None),
        ("PROCESSING_FAILED", "missing"),
    ]


def test_without_its_output_file_only_requests_without_a_line_are_unavailable(begin: Begin) -> None:
    going = begin(3)
    first, second, third = going.ids
    going.end(output=[going.answer(first), going.answer(second)], error=[refused(third, 400)])
    del going.service.files[f"file-output-{going.name}"]
    report = going.ingest(SHOWN)
    assert going.outcomes() == {first: "artifact_unavailable", second: "artifact_unavailable", third: "rejected"}
    assert report.short == []
    assert {row.processing_status for row in going.requests()} == {"PROCESSING_FAILED"}
    assert "output file is gone" in going.requests()[0].error_message


def test_without_its_error_file_answers_are_still_taken_in(begin: Begin) -> None:
    going = begin(2)
    first, second = going.ids
    going.end(output=[going.answer(first)], error=[refused(second, 400)])
    del going.service.files[f"file-error-{going.name}"]
    going.ingest(SHOWN)
    assert going.outcomes() == {first: "parsed", second: "artifact_unavailable"}


def test_files_that_another_projects_key_does_not_see_are_not_gone(begin: Begin) -> None:
    going = begin()
    going.end(output=[going.answer(going.ids[0])])
    stranger = replace(
        going.context, settings=going.context.settings.model_copy(update={"openai_api_key": "another-key"})
    )
    going.service.on |= {"content": refusal(404), "retrieve": refusal(404)}
    stranger = at(stranger, SHOWN)
    with pytest.raises(ServiceError):
        ingest_finished(stranger)
    assert going.outcomes() == dict.fromkeys(going.ids)
    # A key that sees the batch may be believed.
    del going.service.on["retrieve"]
    assert ingest_finished(stranger).outcomes == {"artifact_unavailable": 1}


def test_a_failed_fetch_leaves_its_batch_for_later_and_the_others_go_on(begin: Begin, company: Company) -> None:
    going = begin()
    with going.engine.begin() as connection:
        other_company = insert_company(connection, "other")
    other = begin(1, other_company)
    for each in (going, other):
        each.end(output=[each.answer(each.ids[0])])
    broken = f"/v1/files/file-output-{going.name}/content"
    going.service.on["content"] = lambda request: (
        refusal(503) if request.url.path == broken else going.service.proceed(request)
    )
    report = going.ingest()
    assert (len(report.batches), len(report.failures)) == (1, 1)
    with pytest.raises(ServiceError):
        going.ingest()
    going.service.on.clear()
    assert going.ingest().outcomes == {"parsed": 1}
    assert list(going.context.spool_dir.iterdir()) == []


def test_a_file_that_the_service_does_not_show_yet_is_asked_for_again(begin: Begin) -> None:
    going = begin()
    going.end(output=[going.answer(going.ids[0])])
    hidden = going.service.files.pop(f"file-output-{going.name}")
    with pytest.raises(ServiceError):
        going.ingest()
    assert going.outcomes() == dict.fromkeys(going.ids)
    going.service.files[f"file-output-{going.name}"] = hidden
    assert going.ingest().outcomes == {"parsed": 1}


def test_a_batch_that_claims_answers_without_a_file_and_is_forgotten_is_settled_after_a_day(begin: Begin) -> None:
    going = begin()
    going.end(request_counts={"total": 1, "completed": 1, "failed": 0})
    going.service.on["retrieve"] = refusal(404)
    for waited in (timedelta(0), timedelta(hours=23)):
        with pytest.raises(ServiceError):
            going.ingest(waited)
    assert going.outcomes() == dict.fromkeys(going.ids)
    assert going.ingest(timedelta(hours=25)).outcomes == {"artifact_unavailable": 1}
    assert {row.processing_status for row in going.requests()} == {"PROCESSING_FAILED"}
