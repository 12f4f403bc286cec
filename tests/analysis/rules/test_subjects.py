"""Which sessions may be asked about."""

from __future__ import annotations

import pytest

from livedash_pipeline.analysis.rules.subjects import is_claimable, is_requeueable
from livedash_pipeline.base.rules.states import StageStatus

S = StageStatus
PASSED = (S.COMPLETED, S.SKIPPED)


@pytest.mark.parametrize(
    ("earlier", "is_stale", "expected"),
    [(PASSED, False, True), ((), False, True), (PASSED, True, False), ((S.COMPLETED, S.PENDING), False, False)],
)
def test_a_session_is_claimed_once_it_is_derived_and_its_earlier_stages_are_passed(
    earlier: tuple[StageStatus, ...], is_stale: bool, expected: bool
) -> None:
    assert is_claimable(earlier, is_stale=is_stale) is expected


@pytest.mark.parametrize(
    ("earlier", "analysis", "is_erased", "is_pruned", "expected"),
    [
        (PASSED, S.FAILED, False, False, True),
        ((S.PENDING,), S.PENDING, False, False, True),
        ((S.FAILED,), S.FAILED, False, False, False),
        (PASSED, S.COMPLETED, False, False, False),
        (PASSED, S.FAILED, True, False, False),
        (PASSED, S.FAILED, False, True, False),
    ],
)
def test_a_session_is_asked_about_again_while_its_analysis_is_wanted_and_its_messages_are_there(
    earlier: tuple[StageStatus, ...], analysis: StageStatus, is_erased: bool, is_pruned: bool, expected: bool
) -> None:
    assert is_requeueable(earlier, analysis, is_erased=is_erased, is_pruned=is_pruned) is expected
