"""When a cancel is offered, and what is said of it."""

from __future__ import annotations

from typing import get_args

from livedash_pipeline.base.rules.states import LIVE_BATCHES, BatchStatus
from livedash_pipeline.ledger.rules.admission.cancelling import CONSEQUENCES, FOR_ALL, why_no_cancel
from livedash_pipeline.ledger.steps.batches.cancel import Unfinished
from tests.conftest import NOW


def test_only_a_batch_that_has_not_ended_can_be_cancelled() -> None:
    for status in BatchStatus:
        reason = why_no_cancel(status, processed_at=None, cancel_requested_at=None)
        assert (reason is None) is (status in LIVE_BATCHES), status
        assert why_no_cancel(status, processed_at=NOW, cancel_requested_at=None)


def test_a_cancel_is_not_asked_for_twice() -> None:
    reason = why_no_cancel(BatchStatus.IN_PROGRESS, processed_at=None, cancel_requested_at=NOW)
    assert reason is not None
    assert "2025-05-01 12:00:00 UTC" in reason


def test_each_choice_says_what_it_means() -> None:
    assert set(CONSEQUENCES) == set(get_args(Unfinished))
    assert "poll" in FOR_ALL
