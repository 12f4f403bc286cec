"""What comes back of a session, and why something does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from livedash_pipeline.archive.rules.restoring import Left, Place, Restoration, SessionCopy, decide
from livedash_pipeline.base.rules.retention_periods import Cutoffs

ENDED = datetime(2026, 3, 1, tzinfo=UTC)
LATER = ENDED + timedelta(days=1)
FOREVER = Cutoffs(None, None, None)
GONE = SessionCopy(
    is_known=True,
    is_erased=False,
    is_same_row=True,
    is_deleted_by_archive=True,
    end_time=ENDED,
    transcript=Place.GONE,
    row=Place.GONE,
    messages=Place.GONE,
    answers=Place.GONE,
)
NOTHING = {"transcript": Place.NONE, "row": Place.NONE, "messages": Place.NONE, "answers": Place.NONE}
ALL = Restoration(transcript=True, row=True, messages=True, answers=True)


@pytest.mark.parametrize(
    ("change", "cutoffs", "expected"),
    [
        ({}, FOREVER, ALL),
        ({"is_known": False}, FOREVER, Restoration(left=Left.NOT_FOUND)),
        ({"end_time": None}, FOREVER, Restoration(left=Left.NOT_FOUND)),
        ({"is_erased": True}, FOREVER, Restoration(left=Left.ERASED)),
        ({"is_same_row": False}, FOREVER, Restoration(left=Left.CHANGED)),
        (NOTHING | {"is_same_row": False}, FOREVER, Restoration(left=Left.PRESENT)),
        (NOTHING, FOREVER, Restoration(left=Left.PRESENT)),
        (NOTHING | {"row": Place.PRESENT}, FOREVER, Restoration(left=Left.PRESENT)),
        (NOTHING | {"row": Place.CHANGED}, FOREVER, Restoration(left=Left.CHANGED)),
        ({"is_deleted_by_archive": False}, FOREVER, Restoration(left=Left.DELETED_BY_AGE)),
        ({"answers": Place.NONE}, FOREVER, replace(ALL, answers=False)),
        ({"row": Place.PRESENT}, FOREVER, replace(ALL, row=False)),
        ({"row": Place.CHANGED}, FOREVER, replace(ALL, row=False, left=Left.CHANGED)),
        # A chat that ended at the very moment is kept, as a deletion by age keeps it.
        ({}, Cutoffs(ENDED, ENDED, ENDED), ALL),
        ({}, Cutoffs(LATER, None, None), replace(ALL, transcript=False, left=Left.DELETED_BY_AGE)),
        ({}, Cutoffs(None, LATER, None), replace(ALL, row=False, messages=False, left=Left.DELETED_BY_AGE)),
        ({}, Cutoffs(None, None, LATER), replace(ALL, answers=False, left=Left.DELETED_BY_AGE)),
        ({}, Cutoffs(LATER, LATER, LATER), Restoration(left=Left.DELETED_BY_AGE)),
    ],
)
def test_what_comes_back(change: dict[str, object], cutoffs: Cutoffs, expected: Restoration) -> None:
    decided = decide(replace(GONE, **change), cutoffs)  # type: ignore[arg-type]
    assert decided == expected
    assert decided.restores == any((decided.transcript, decided.row, decided.messages, decided.answers))


@pytest.mark.parametrize("by_archive", [True, False])
def test_a_retention_is_passed_over_only_where_somebody_says_so(by_archive: bool) -> None:
    copy = replace(GONE, is_deleted_by_archive=by_archive)
    assert decide(copy, Cutoffs(LATER, LATER, LATER), despite_retention=True) == ALL
    assert decide(replace(copy, is_erased=True), FOREVER, despite_retention=True) == Restoration(left=Left.ERASED)
