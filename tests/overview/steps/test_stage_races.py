"""Stages that two want to move at once: a deletion by age beside a retry, and steps that looked before somebody else wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from livedash_pipeline.analysis.store import requests
from livedash_pipeline.base.rules.states import Stage
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.overview.steps.stages import retry_stage
from livedash_pipeline.overview.store import stage_retries
from livedash_pipeline.retention.store.retention import TextCounts
from livedash_pipeline.settings import Settings
from tests.conftest import NOW
from tests.support.chats import Chats, running_chats
from tests.support.races import held, race

ANALYSIS = Stage.AI_ANALYSIS.value


@pytest.fixture
def anna(engine: Engine, context: BatchContext) -> Iterator[Chats]:
    """A company with one chat, analysed, that keeps transcripts 30 and messages 60 days."""
    with running_chats(engine, context) as chats:
        chats.set_up("anna", keep_transcripts="30", keep_messages="60")
        chats.analyse()
        yield chats


def reanalyse(chats: Chats) -> dict[str, Any]:
    ids = [str(chats.ids("anna")[0])]
    return retry_stage(chats.engine, Settings(), stage=ANALYSIS, session_ids=ids, reanalyse=True, dry_run=False)


def test_a_retry_beside_a_deletion_waits_and_finds_the_messages_gone(anna: Chats) -> None:
    with race(anna.engine) as others:
        with held(anna.engine, "SELECT import_id FROM transcripts FOR UPDATE"):
            pruning = others.begin(lambda: anna.prune(days=61))
            assert not pruning.done(), "it has looked, and waits for the transcript"
            retrying = others.begin(lambda: reanalyse(anna), waiting=2)
        assert pruning.result().companies == {"acme": TextCounts(transcripts=1, messages=3)}
        counted = retrying.result()
    assert (counted["retriedCount"], counted["notEligibleCount"]) == (0, 1)
    assert set(anna.stages("anna").values()) == {"COMPLETED"}
    anna.import_all()
    assert set(anna.stages("anna").values()) == {"COMPLETED"}


def test_a_deletion_beside_a_retry_waits_and_leaves_what_is_to_be_analysed(anna: Chats) -> None:
    with race(anna.engine) as others:
        with anna.engine.begin() as connection:
            ids = [anna.ids("anna")[0]]
            stage_retries.stage_retries(
                connection, ANALYSIS, ids=ids, filtered=False, company_id=None, reanalyse=True, lock=True
            )
            pruning = others.begin(lambda: anna.prune(days=61))
            assert not pruning.done(), "it waits for the retry"
            stage_retries.reset_retried_stages(connection, ANALYSIS, KINDS, now=database_now(connection))
        assert pruning.result().companies == {"acme": TextCounts(transcripts=1)}
    assert anna.import_all().requests.created == 1
    assert anna.stages("anna")[ANALYSIS] == "PENDING"


def test_an_analysis_with_an_open_request_is_not_skipped_by_who_finds_no_messages(anna: Chats) -> None:
    reanalyse(anna)
    assert anna.import_all().requests.created == 1
    with anna.engine.begin() as connection:
        # As a step does that looked before the request was made, and read the messages after they were deleted.
        requests.skip_analysis(connection, [anna.ids("anna")[0]], reason="no messages", now=NOW)
    assert anna.stages("anna")[ANALYSIS] == "PENDING"
