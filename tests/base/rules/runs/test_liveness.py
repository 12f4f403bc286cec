"""A run is given up when its process is gone, when it is silent for too long, or when it never began; else it goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from livedash_pipeline.base.rules.runs.liveness import (
    BEAT_SECONDS,
    SILENT_SECONDS,
    UNSEEN_SECONDS,
    Signs,
    Verdict,
    is_unseen,
    judge_run,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
START = 200.0


def _ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def _signs(
    *,
    noticed: float = 1000,
    beat: float | None = 0,
    ended: float | None = None,
    given_up: float | None = None,
    whole_run: bool = True,
) -> Signs:
    beat_at, ended_at, given_up_at = (None if each is None else _ago(each) for each in (beat, ended, given_up))
    return Signs(_ago(noticed), beat_at, ended_at, given_up_at, whole_run)


@pytest.mark.parametrize(
    ("signs", "is_gone", "verdict"),
    [
        (_signs(), False, Verdict.GOES_ON),
        (_signs(beat=SILENT_SECONDS), False, Verdict.GOES_ON),
        (_signs(beat=SILENT_SECONDS + 1), False, Verdict.SILENT),
        # A process that runs the whole run is the run; one that runs a step is its executor's business.
        (_signs(), True, Verdict.GONE),
        (_signs(ended=0), True, Verdict.GONE),
        (_signs(whole_run=False), True, Verdict.GOES_ON),
        (_signs(beat=SILENT_SECONDS + 1, ended=SILENT_SECONDS + 1), False, Verdict.SILENT),
        # Between two steps.
        (_signs(beat=START, ended=START, whole_run=False), False, Verdict.GOES_ON),
        (_signs(beat=START + 1, ended=START + 1, whole_run=False), False, Verdict.SILENT),
        (_signs(beat=START, whole_run=False), False, Verdict.SILENT),
        # Another process of the run still beats.
        (_signs(beat=1, ended=START + 1, whole_run=False), False, Verdict.GOES_ON),
        # Before the first beat.
        (_signs(noticed=START, beat=None), False, Verdict.GOES_ON),
        (_signs(noticed=START + 1, beat=None), False, Verdict.NEVER_BEGAN),
        # Given up is given up, whatever it does now.
        (_signs(given_up=0), False, Verdict.GIVEN_UP),
        (_signs(given_up=0, beat=None), True, Verdict.GIVEN_UP),
    ],
)
def test_a_run_is_judged_by_its_signs_of_life(signs: Signs, is_gone: bool, verdict: Verdict) -> None:
    assert judge_run(signs, NOW, is_gone=is_gone, start_seconds=START, up_since=_ago(10_000)) is verdict


@pytest.mark.parametrize(
    ("signs", "seconds"),
    [
        (_signs(beat=5000), SILENT_SECONDS),
        (_signs(beat=5000, ended=5000, whole_run=False), START),
        (_signs(noticed=5000, beat=None), START),
    ],
)
def test_no_run_is_silent_while_the_database_is_away(signs: Signs, seconds: float) -> None:
    def judged(up: float) -> Verdict:
        return judge_run(signs, NOW, is_gone=False, start_seconds=START, up_since=_ago(up))

    assert judged(seconds) is Verdict.GOES_ON
    assert judged(seconds + 1) in {Verdict.SILENT, Verdict.NEVER_BEGAN}


def test_a_silent_run_has_missed_several_beats_and_is_given_up_within_two_minutes() -> None:
    assert 4 * BEAT_SECONDS < SILENT_SECONDS < 120 - BEAT_SECONDS


@pytest.mark.parametrize(("noticed", "unseen"), [(0, False), (UNSEEN_SECONDS, False), (UNSEEN_SECONDS + 1, True)])
def test_a_run_that_has_not_begun_counts_for_a_minute(noticed: float, unseen: bool) -> None:
    assert is_unseen(_ago(noticed), NOW, seconds=UNSEEN_SECONDS) is unseen
