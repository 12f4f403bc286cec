"""What the checks and the session say of answers that came late, or with tokens of unusual shapes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from livedash_pipeline.base.rules.states import StageStatus
from livedash_pipeline.base.store.tables import ai_batch_requests, session_processing_status, sessions
from livedash_pipeline.ledger.steps.batches.named_batch import ingest_again
from tests.support.batch_round import Begin, Round, at
from tests.support.batch_service import answered, refused
from tests.support.broken_rules import rows_against
from tests.support.rows import rows_of, stage_counts

STATUSES = (200, 201, None, 500, 302)


LOOKS = (timedelta(minutes=3), timedelta(minutes=9), timedelta(minutes=70))


def refused_late(going: Round) -> None:
    """The request is given up, and the file shows a refusal then."""
    going.end(output=[], request_counts={"total": 1, "completed": 1, "failed": 0})
    for later in LOOKS:
        going.ingest(later)
    assert going.outcomes()[going.ids[0]] == "missing"
    refusal = answered(going.ids[0], None, refusal_text="No.")
    going.service.files[f"file-output-{going.name}"] = json.dumps(refusal).encode() + b"\n"


def show(going: Round) -> None:
    assert ingest_again(at(going.context, timedelta(days=1)), going.name).outcomes == {"refused": 1}


def problems(going: Round) -> list[Any]:
    with going.engine.connect() as connection:
        return rows_against(connection, "every_submitted_request_has_one_outcome", "cost_agrees_with_batch_usage")


def test_what_showed_late_as_a_refusal_is_not_missing_any_more(begin: Begin) -> None:
    going = begin(1)
    refused_late(going)
    assert [row.problem for row in problems(going)] == ["missing from both result files"]
    show(going)
    assert problems(going) == []


def test_a_late_refusal_fails_the_analysis_only_of_the_messages_that_it_is_about(begin: Begin) -> None:
    for changed, status in ((False, "FAILED"), (True, "PENDING")):
        going = begin(1)
        refused_late(going)
        (request,) = [row for row in going.requests() if str(row.id) in going.ids]
        (session,) = [row for row in rows_of(going.engine, sessions) if row.id == request.session_id]
        stage = session_processing_status
        with going.engine.begin() as connection:
            connection.execute(
                update(stage)
                .where(stage.c.import_id == session.import_id, stage.c.stage == "AI_ANALYSIS")
                .values(status=StageStatus.PENDING, completed_at=None, error_message=None)
            )
            if changed:
                connection.execute(
                    update(sessions).where(sessions.c.id == session.id).values(transcript_hash="another")
                )
        show(going)
        with going.engine.connect() as connection:
            assert stage_counts(connection, "AI_ANALYSIS")[status] == 1


def test_tokens_that_only_a_total_is_stated_of_add_up(begin: Begin) -> None:
    going = begin(2)
    lines = [going.answer(each) for each in going.ids]
    for line in lines:
        line["response"]["body"]["usage"] = {"total_tokens": 100}
    usage = {"total_tokens": 200}
    going.end(output=lines, usage=usage)
    assert going.ingest().outcomes == {"parsed": 2}
    assert "tokens differ from batch.usage" not in {row.problem for row in problems(going)}


def test_a_refused_request_that_states_tokens_has_no_price_to_miss(begin: Begin) -> None:
    going = begin(2)
    line = refused(going.ids[1], 400)
    line["response"]["body"]["usage"] = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    going.end(output=[going.answer(going.ids[0])], error=[line])
    assert going.ingest().outcomes == {"parsed": 1, "rejected": 1}
    assert problems(going) == []


def test_a_success_is_the_same_to_the_reader_a_settlement_and_what_shows_late(begin: Begin) -> None:
    counts = {"total": len(STATUSES), "completed": len(STATUSES), "failed": 0}
    found = []
    for is_late in (False, True):
        going = begin(len(STATUSES))
        lines = [going.answer(each) for each in going.ids]
        for line, status in zip(lines, STATUSES, strict=True):
            line["response"]["status_code"] = status
        going.end(output=[] if is_late else lines, request_counts=counts)
        for later in LOOKS:
            going.ingest(later)
        raw = [json.dumps(line).encode() for line in lines]
        if is_late:
            going.service.files[f"file-output-{going.name}"] = b"\n".join(raw) + b"\n"
            ingest_again(at(going.context, timedelta(days=1)), going.name)
        (row,) = [each for each in rows_of(going.engine, ai_batch_requests) if each.openai_batch_id == going.name]
        succeeded = sum(status is None or 200 <= status < 300 for status in STATUSES)
        found.append((row.lines_succeeded, row.lines_failed) == (succeeded, len(STATUSES) - succeeded))
    assert found == [True, True] and 0 < succeeded < len(STATUSES)
