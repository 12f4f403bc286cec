"""Answers that were kept raw beside another try, or of no use once: they are read before anything is bought for their request."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from livedash_pipeline.base.store.tables import ai_processing_requests, ai_request_attempts, sessions
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.named_batch import ingest_again
from livedash_pipeline.ledger.steps.batches.requeues import requeue_requests
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from tests.support.batch_round import Begin, Round, at
from tests.support.batch_service import not_run
from tests.support.broken_rules import rows_against
from tests.support.rows import rows_of

LOOKS = (timedelta(minutes=3), timedelta(minutes=9), timedelta(minutes=70))


def bought(going: Round) -> int:
    return sum(sent.requests for sent in submit_pending(going.context, ignore_minimum=True).submitted)


def kept_beside_a_try(begin: Begin, **changes: Any) -> Round:
    """A request that is under way again, and whose first try shows its answer meanwhile."""
    going = begin(1)
    going.end(output=[], request_counts={"total": 1, "completed": 1, "failed": 0})
    for later in LOOKS:
        going.ingest(later)
    requeue_requests(going.engine, KINDS, request_ids=going.ids, dry_run=False)
    assert bought(going) == 1
    shown = json.dumps(going.answer(going.ids[0], **changes)).encode() + b"\n"
    going.service.files[f"file-output-{going.name}"] = shown
    ingest_again(at(going.context, timedelta(days=1)), going.name)
    (row,) = going.requests()
    assert (row.processing_status, row.raw_answer is None) == ("BATCHING_IN_PROGRESS", False)
    return going


def bring_nothing(going: Round) -> None:
    going.service.end("batch_1", "expired", error=[not_run(each) for each in going.ids])
    poll_batches(going.context)
    assert going.ingest().outcomes == {"not_run": 1}


def test_an_answer_kept_beside_a_try_that_brings_nothing_is_not_bought_again(begin: Begin) -> None:
    going = kept_beside_a_try(begin)
    bring_nothing(going)
    assert bought(going) == 0
    (row,) = going.requests()
    (first,) = [each for each in rows_of(going.engine, ai_request_attempts) if each.is_late]
    assert (row.processing_status, row.batch_id, row.answer_flags) == (
        "PROCESSING_COMPLETE",
        first.batch_id,
        ["reread"],
    )
    (session,) = rows_of(going.engine, sessions)
    assert session.category == "SCHEDULE_HOURS"
    with going.engine.connect() as connection:
        assert rows_against(connection, "every_submitted_request_has_one_outcome") == []


def change_the_chat(going: Round) -> None:
    with going.engine.begin() as connection:
        connection.execute(update(sessions).values(transcript_hash="another"))
        connection.execute(update(ai_processing_requests).values(transcript_hash="another"))


@pytest.mark.parametrize("changes", [{"language": 7}, {"category": "OTHER_THAN_ANY"}])
def test_a_kept_answer_that_is_of_no_use_does_not_keep_its_request(begin: Begin, changes: dict[str, Any]) -> None:
    going = kept_beside_a_try(begin, **changes)
    bring_nothing(going)
    assert bought(going) == 1


def test_an_answer_about_an_earlier_chat_is_not_used(begin: Begin) -> None:
    going = kept_beside_a_try(begin)
    bring_nothing(going)
    change_the_chat(going)
    bought(going)
    assert going.requests()[0].processing_status != "PROCESSING_COMPLETE"
