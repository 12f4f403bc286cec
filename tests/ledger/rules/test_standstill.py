"""Why a batch stands still, told from its row."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.ledger.rules.admission.standstill import BatchSituation, why_it_stands_still
from tests.conftest import NOW

ENDPOINT = "api.openai.com/v1"
ID = UUID("0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b")
AT_WORK = BatchSituation(
    id=ID,
    remote_status="in_progress",
    absence_doubt=None,
    absence_believed_at=None,
    status=BatchStatus.IN_PROGRESS,
    endpoint=ENDPOINT,
    remote_batch_id="batch_1",
    lease_until=None,
    create_started_at=NOW,
    input_delete_requested_at=None,
    cancel_requested_at=None,
    status_changed_at=NOW,
    expires_at=NOW + timedelta(hours=24),
    not_found_since=None,
    processed_at=None,
    short_downloads=0,
    short_reason=None,
    next_ingest_at=None,
    ingest_asks=0,
)
LOST = replace(
    AT_WORK, status=BatchStatus.UPLOADING, remote_batch_id=None, lease_until=NOW - timedelta(seconds=1), expires_at=None
)


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (replace(AT_WORK, endpoint="127.0.0.1/v1"), "made at 127.0.0.1/v1"),
        (replace(AT_WORK, status=BatchStatus.COMPLETED), "livedash ingest"),
        (replace(AT_WORK, status=BatchStatus.FAILED, ingest_asks=4), "asked for 4 times"),
        (replace(AT_WORK, status=BatchStatus.COMPLETED, short_reason="cut"), "cut; a look is due"),
        (
            replace(
                AT_WORK,
                status=BatchStatus.COMPLETED,
                short_downloads=2,
                short_reason="cut",
                next_ingest_at=NOW + timedelta(hours=1),
            ),
            "cut, the same at 2 looks; the next look is at 2025-05-01 13:00:00",
        ),
        (replace(AT_WORK, not_found_since=NOW), "does not know it since 2025-05-01 12:00:00"),
        (replace(AT_WORK, cancel_requested_at=NOW), "A cancel was asked for"),
        (replace(AT_WORK, expires_at=NOW - timedelta(seconds=1)), "It expired"),
        (
            replace(AT_WORK, status=BatchStatus.VALIDATING, status_changed_at=NOW - timedelta(hours=1)),
            "has not begun with it",
        ),
        (LOST, "its answer is not known"),
        (replace(LOST, lease_until=NOW + timedelta(seconds=1)), "its answer is not known"),
        (replace(LOST, absence_doubt="shows batch b twice"), "listing shows batch b twice"),
        (replace(LOST, absence_doubt="shows batch b twice"), f"--believe-absence {ID}"),
        (replace(LOST, absence_doubt="shows batch b twice", absence_believed_at=NOW), "its answer is not known"),
        (replace(AT_WORK, remote_status="Resting"), "calls its state 'Resting'"),
        (replace(LOST, input_delete_requested_at=NOW), "input file is being deleted"),
        (replace(LOST, create_started_at=None), "submitter is gone"),
    ],
)
def test_the_reason_is_said(batch: BatchSituation, said: str) -> None:
    assert said in (why_it_stands_still(batch, endpoint=ENDPOINT, now=NOW) or "")


@pytest.mark.parametrize(
    "batch",
    [
        AT_WORK,
        replace(AT_WORK, status=BatchStatus.VALIDATING),
        replace(LOST, create_started_at=None, lease_until=NOW + timedelta(seconds=1)),
        replace(AT_WORK, remote_status="RUNNING"),
        replace(AT_WORK, status=BatchStatus.PROCESSED, processed_at=NOW, endpoint="127.0.0.1/v1"),
        replace(AT_WORK, status=BatchStatus.CANCELLED, processed_at=NOW),
    ],
)
def test_a_batch_that_somebody_works_on_or_that_is_over_does_not_stand_still(batch: BatchSituation) -> None:
    assert why_it_stands_still(batch, endpoint=ENDPOINT, now=NOW) is None


def test_without_a_known_endpoint_no_batch_belongs_elsewhere() -> None:
    assert why_it_stands_still(replace(AT_WORK, endpoint="127.0.0.1/v1"), endpoint=None, now=NOW) is None
