"""A company's time zone changes: its messages move, and what was bought about them stays, even what is still on its way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.overview.steps.stages import retry_stage
from tests.support.chats import Chats, running_chats


@pytest.fixture
def chats(engine: Engine, context: BatchContext) -> Iterator[Chats]:
    with running_chats(engine, context) as running:
        running.set_up("anna", "ben")
        yield running


def analyses(chats: Chats) -> list[tuple[Any, ...]]:
    """What the model said, and when, by session."""
    return chats.sql("SELECT id, language, category, summary, analysed_at FROM sessions ORDER BY id")


def times(chats: Chats) -> list[Any]:
    return [row.sent_at for row in chats.sql("SELECT sent_at FROM messages ORDER BY session_id, position")]


def test_another_time_zone_buys_no_analysis_again_unless_it_is_asked_for(chats: Chats) -> None:
    chats.analyse()
    before, sent = analyses(chats), times(chats)
    chats.change_company(time_zone="America/New_York")
    done = chats.import_all()
    assert (done.imported.changed, done.sessions.updated, done.requests.created) == (2, 2, 0)
    assert chats.submit().submitted == []
    assert analyses(chats) == before and times(chats) != sent
    assert chats.stages("anna")["AI_ANALYSIS"] == chats.stages("anna")["QUESTION_EXTRACTION"] == "COMPLETED"
    retried = retry_stage(chats.engine, chats.context.settings, stage="AI_ANALYSIS", reanalyse=True, dry_run=False)
    assert retried["retriedCount"] == 2
    assert chats.import_all().requests.created == 2


def test_an_answer_that_comes_after_the_time_zone_changed_is_kept(chats: Chats) -> None:
    chats.import_all()
    chats.submit()
    sent = times(chats)
    chats.change_company(time_zone="America/New_York")
    assert chats.import_all().sessions.deferred == 2
    assert chats.ingest().outcomes == {"parsed": 2}
    before = analyses(chats)
    done = chats.import_all()
    assert (done.sessions.updated, done.requests.created, done.requests.reapplied) == (2, 0, 0)
    assert chats.submit().submitted == []
    assert analyses(chats) == before and None not in before[0] and times(chats) != sent
    assert chats.stages("ben")["AI_ANALYSIS"] == "COMPLETED"


def test_an_unclaimed_request_takes_the_times_of_the_new_zone(chats: Chats) -> None:
    chats.import_all()
    before = chats.request_of("anna")
    chats.change_company(time_zone="America/New_York")
    assert chats.import_all().requests.rewritten == 2
    after = chats.request_of("anna")
    assert after.id == before.id and after.input_hash != before.input_hash
    assert [batch.requests for batch in chats.submit().submitted] == [2]
    assert chats.ingest().outcomes == {"parsed": 2}
