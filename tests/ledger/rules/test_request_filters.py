"""What a filter of requests is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from livedash_pipeline.base.rules.states import OPEN_REQUESTS, RequestStatus
from livedash_pipeline.ledger.rules.admission.request_filters import RequestFilter
from tests.conftest import NOW


def test_open_requests_are_those_that_have_not_ended() -> None:
    for status in RequestStatus:
        assert RequestFilter(status).is_open is (status in OPEN_REQUESTS)
    assert not RequestFilter().is_open


@pytest.mark.parametrize(
    "named",
    [
        {"company_id": UUID(int=1)},
        {"error_code": "refused"},
        {"model": "m"},
        {"before": NOW},
        {"batch_id": UUID(int=1)},
    ],
)
def test_a_filter_is_narrow_that_names_more_than_a_status(named: dict[str, Any]) -> None:
    wanted = RequestFilter(RequestStatus.PROCESSING_FAILED)
    assert not wanted.is_narrow
    assert replace(wanted, **named).is_narrow
