"""What keeps a request from being put back, one obstacle after the other."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.ledger.rules.admission.requeue import AskedRequest, RequeueObstacle, requeue_obstacle
from tests.conftest import NOW

R = RequestStatus
FAILED = AskedRequest(UUID(int=2), NOW, R.PROCESSING_FAILED)


def other(status: RequestStatus, *, later: int = 0, number: int = 1) -> AskedRequest:
    return AskedRequest(UUID(int=number), NOW + timedelta(seconds=later), status)


@pytest.mark.parametrize(
    "others", [[], [other(R.PROCESSING_FAILED)], [other(R.PROCESSING_COMPLETE, later=-1, number=3)]]
)
def test_the_newest_failed_request_of_an_open_subject_may_be_put_back(others: list[AskedRequest]) -> None:
    assert requeue_obstacle(FAILED, others, subject_is_requeueable=True) is None


@pytest.mark.parametrize("status", [R.PENDING_BATCHING, R.BATCHING_IN_PROGRESS, R.PROCESSING_COMPLETE])
def test_only_what_has_failed_is_put_back(status: RequestStatus) -> None:
    asked = AskedRequest(FAILED.id, NOW, status)
    assert requeue_obstacle(asked, [], subject_is_requeueable=True) is RequeueObstacle.NOT_FAILED


def test_a_subject_that_cannot_be_asked_about_keeps_its_request_back() -> None:
    assert requeue_obstacle(FAILED, [], subject_is_requeueable=False) is RequeueObstacle.SUBJECT_CLOSED


@pytest.mark.parametrize("status", [R.PENDING_BATCHING, R.BATCHING_IN_PROGRESS])
def test_an_open_request_of_the_subject_keeps_others_back_however_old_it_is(status: RequestStatus) -> None:
    obstacle = requeue_obstacle(FAILED, [other(status, later=-9)], subject_is_requeueable=True)
    assert obstacle is RequeueObstacle.OTHER_OPEN


@pytest.mark.parametrize("newer", [other(R.PROCESSING_FAILED, later=1), other(R.PROCESSING_FAILED, number=3)])
def test_a_newer_request_takes_the_place_of_older_ones(newer: AskedRequest) -> None:
    assert requeue_obstacle(FAILED, [newer], subject_is_requeueable=True) is RequeueObstacle.NOT_NEWEST
