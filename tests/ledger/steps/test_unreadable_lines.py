"""Lines that name a request and cannot be read, and lines that come twice: neither is final too early or hides any other."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_request_attempts
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.named_batch import accept_files, ingest_again
from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import IngestReport
from livedash_pipeline.ledger.store.admission.committed import committed_eur
from livedash_pipeline.overview.store.spending import company_spending
from tests.support.batch_round import Begin, Round, at, batch_row
from tests.support.batch_service import refusal, refused
from tests.support.broken_rules import rows_against
from tests.support.rows import rows_of

SHOWN = timedelta(minutes=3)
# The second and the third look after one at SHOWN, when they are due.
LOOKS = (SHOWN, SHOWN + timedelta(minutes=6), SHOWN + timedelta(minutes=67))
LATER = timedelta(days=1)


def lines(going: Round) -> list[bytes]:
    return [json.dumps(going.answer(request_id)).encode() for request_id in going.ids]


def joined(of: list[bytes]) -> list[bytes]:
    """Two lines that became one, and neither is whole."""
    return [of[0][: len(of[0]) // 2] + of[1][:-5], *of[2:]]


def prefixed(of: list[bytes]) -> list[bytes]:
    return [*(b"data: " + line for line in of[:-1]), of[-1]]


def cut(of: list[bytes]) -> list[bytes]:
    return [*of[:-1], of[-1][: len(of[-1]) // 2]]


def again(going: Round) -> IngestReport:
    return ingest_again(at(going.context, LATER), going.name)


def serve(going: Round, output: list[bytes], *, lost_end: bytes = b"\n") -> None:
    going.service.files[f"file-output-{going.name}"] = b"\n".join(output) + lost_end


DAMAGES = [joined, prefixed]


@pytest.mark.parametrize("damage", DAMAGES)
def test_without_a_size_no_line_that_cannot_be_read_is_final(
    begin: Begin, damage: Callable[[list[bytes]], list[bytes]]
) -> None:
    going = begin(4)
    going.service.on["file"] = refusal(404)
    going.end(output=damage(lines(going)))
    for later in (*LOOKS, timedelta(days=3)):
        assert len(going.ingest(later).short) == 1
    assert "are no JSON, and the service states no size" in batch_row(going.engine).short_reason
    assert going.outcomes() == dict.fromkeys(going.ids)
    serve(going, lines(going))
    assert going.ingest(timedelta(days=4)).outcomes == {"parsed": 4}


def test_a_damaged_line_that_names_the_only_request_is_settled_where_the_size_is_right(begin: Begin) -> None:
    going = begin(1)
    (line,) = lines(going)
    going.end(output=[b"data: " + line[:-5]])
    for later in LOOKS:
        going.ingest(later)
    assert list(going.outcomes().values()) == ["invalid_output"]
    assert len(going.service.batches) == 1, "it may have been paid, and is not bought again"


def test_a_cut_line_is_waited_for_though_the_other_file_is_gone(begin: Begin) -> None:
    going = begin(2)
    going.end(output=lines(going), error=[])
    serve(going, cut(lines(going)), lost_end=b"")
    del going.service.files[f"file-error-{going.name}"]
    for later in LOOKS[:2]:
        assert len(going.ingest(later).short) == 1
    assert batch_row(going.engine).short_reason == "a file ends within a line"
    serve(going, lines(going))
    assert going.ingest(LOOKS[2]).outcomes == {"parsed": 2}


def test_a_line_that_no_request_waits_for_is_no_reason_to_wait(begin: Begin) -> None:
    going = begin(2)
    going.service.on["file"] = refusal(404)
    going.end(output=[*lines(going), b"<html></html>", lines(going)[0][:-5], lines(going)[1]])
    assert going.ingest().outcomes == {"parsed": 2}


def believed(going: Round) -> None:
    for later in LOOKS:
        going.ingest(later)


def accepted(going: Round) -> None:
    accept_files(at(going.context, SHOWN), going.name)


def committed(going: Round) -> Any:
    with going.engine.begin() as connection:
        start = database_now(connection) - timedelta(days=40)
        return committed_eur(connection, batch_row(going.engine).company_id, since=start)


@pytest.mark.parametrize("settle", [believed, accepted])
def test_a_line_that_can_be_read_later_is_taken_in_then(begin: Begin, settle: Callable[[Round], None]) -> None:
    going = begin(2)
    going.end(output=lines(going), request_counts={"total": 2, "completed": 2, "failed": 0})
    serve(going, cut(lines(going)), lost_end=b"")
    settle(going)
    assert sorted(map(str, going.outcomes().values())) == ["invalid_output", "parsed"]
    set_aside = committed(going)
    serve(going, lines(going))
    report = again(going)
    assert (report.outcomes, report.late) == ({"parsed": 1}, 1)
    assert {row.processing_status for row in going.requests()} == {"PROCESSING_COMPLETE"}
    late = [row for row in rows_of(going.engine, ai_request_attempts) if row.is_late]
    assert [row.total_cost_eur for row in late] == [report.cost_eur] and report.cost_eur
    assert report.cost_eur < committed(going) < set_aside
    row = batch_row(going.engine)
    assert (row.lines_succeeded, row.lines_failed) == (2, 0)
    with going.engine.connect() as connection:
        (company,) = company_spending(connection, now=database_now(connection), company_id=None)
        assert company.month.spent == committed(going) and not company.month.in_flight
        assert rows_against(connection, "every_submitted_request_has_one_outcome") == []
        assert rows_against(connection, "cost_agrees_with_batch_usage") == []


def test_a_good_answer_takes_the_place_of_a_line_that_could_not_be_read(begin: Begin) -> None:
    going = begin(1)
    going.end(output=lines(going))
    whole = lines(going)
    serve(going, cut(whole), lost_end=b"")
    accepted(going)
    requeue_requests(going.engine, KINDS, request_ids=going.ids, dry_run=False)
    (sent,) = submit_pending(going.context, ignore_minimum=True).submitted
    assert sent.requests == 1
    serve(going, whole)
    assert (again(going).outcomes, again(going).outcomes) == ({"parsed": 1}, {})
    (row,) = going.requests()
    assert row.processing_status == "BATCHING_IN_PROGRESS"
    assert json.loads(row.raw_answer)["category"] == "SCHEDULE_HOURS"


def given_up(begin: Begin, count: int) -> tuple[Round, list[bytes]]:
    """A batch that was settled without any line, and the lines that it shows later."""
    going = begin(count)
    going.end(output=[], request_counts={"total": count, "completed": count, "failed": 0})
    believed(going)
    assert set(going.outcomes().values()) == {"missing"}
    return going, lines(going)


def test_taking_in_again_refuses_bytes_that_are_not_whole(begin: Begin) -> None:
    going, whole = given_up(begin, 2)
    name = f"file-output-{going.name}"
    before = rows_of(going.engine, ai_request_attempts)

    def refuses(reason: str) -> None:
        with pytest.raises(LivedashError, match=reason) as raised:
            again(going)
        assert raised.value.remedy and rows_of(going.engine, ai_request_attempts) == before

    serve(going, whole)
    going.service.stated_bytes[name] = 10**6
    refuses("the service states 1000000")
    del going.service.stated_bytes[name]
    serve(going, cut(whole), lost_end=b"")
    refuses("ends within a line")
    going.service.on["file"] = refusal(404)
    refuses("ends within a line")
    serve(going, whole)
    report = again(going)
    assert (report.outcomes, report.late) == ({"parsed": 2}, 2) and report.cost_eur


def test_taking_in_again_leaves_lines_that_cannot_be_read(begin: Begin) -> None:
    going, whole = given_up(begin, 3)
    serve(going, joined(whole))
    report = again(going)
    assert (report.outcomes, report.late) == ({"parsed": 1}, 1)
    serve(going, whole)
    assert (again(going).late, len(lines(going))) == (2, 3)
    late = [row for row in rows_of(going.engine, ai_request_attempts) if row.is_late]
    assert [row.outcome for row in late] == ["parsed"] * 3 and all(row.total_cost_eur for row in late)


def test_another_late_answer_than_the_ledgers_changes_nothing(begin: Begin) -> None:
    going, _ = given_up(begin, 1)
    serve(going, [json.dumps(going.answer(going.ids[0], language=7)).encode()])
    assert again(going).outcomes == {"invalid_output": 1}
    other = going.answer(going.ids[0])
    other["response"]["body"]["usage"] = {"prompt_tokens": 7, "completion_tokens": 7, "total_tokens": 14}
    serve(going, [json.dumps(other).encode()])
    before = going.requests()
    assert (again(going).outcomes, again(going).late) == ({}, 0)
    assert going.requests() == before and before[0].processing_status == "PROCESSING_FAILED"


def test_a_repeated_line_hides_no_missing_one(begin: Begin) -> None:
    going = begin(4)
    first, second, third, _ = lines(going)
    stranger = first.replace(going.ids[0].encode(), b"0190a000-0000-7000-8000-00000000000a")
    refusals = [refused(going.ids[1], 400)]
    going.end(
        output=[first, first, second, third, stranger],
        error=refusals,
        request_counts={"total": 4, "completed": 4, "failed": 0},
    )
    for later in LOOKS[:2]:
        assert len(going.ingest(later).short) == 1
    assert "hold 3 answers, and the service says that it answered 4" in batch_row(going.engine).short_reason
    assert going.ingest(LOOKS[2]).outcomes == {"parsed": 3, "missing": 1}
    assert "PENDING_BATCHING" not in {row.processing_status for row in going.requests()}
