"""What a listing shows: whether it would show a batch, and when its failure tells nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind
from livedash_pipeline.ledger.rules.service.listing import CONTRADICTION, Listing, tells_nothing
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch, read_remote_batch
from tests.conftest import NOW


def batch(batch_id: str, made: datetime | None = NOW) -> RemoteBatch:
    document = {"id": batch_id, "status": "completed"}
    return read_remote_batch(document | ({} if made is None else {"created_at": int(made.timestamp())}))


@pytest.mark.parametrize(
    ("listing", "covered"),
    [
        (Listing([batch("b1", NOW - timedelta(seconds=2))]), True),
        (Listing([batch("b1", NOW - timedelta(seconds=1))]), False),
        (Listing([batch("b1", None)]), False),
        (Listing([]), False),
        (Listing([], is_exhausted=True), True),
        (Listing([], "shows b1 twice", is_exhausted=True), False),
    ],
)
def test_a_sound_listing_covers_what_is_younger_than_its_oldest_batch(listing: Listing, covered: bool) -> None:
    assert listing.covers(NOW) is covered


def test_only_a_whole_listing_covers_a_batch_of_unknown_age() -> None:
    older = batch("b1", NOW - timedelta(days=9))
    assert not Listing([older]).covers(None)
    assert Listing([older], is_exhausted=True).covers(None)


def test_a_batch_is_found_by_its_id() -> None:
    listing = Listing([batch("b1"), batch("b2")])
    found = listing.with_id("b2")
    assert found is not None and found.id == "b2"
    assert listing.with_id("b3") is None


@pytest.mark.parametrize(
    ("failure", "nothing"),
    [
        (ApiFailure(FailureKind.BROKEN, None, CONTRADICTION, "m"), True),
        (ApiFailure(FailureKind.BROKEN, None, None, "m"), True),
        (ApiFailure(FailureKind.BROKEN, 500, None, "m"), False),
        (ApiFailure(FailureKind.NO_SUCH_ROUTE, 404, None, "m"), True),
        (ApiFailure(FailureKind.REFUSED, 400, None, "m"), True),
        (ApiFailure(FailureKind.REFUSED, 409, None, "m"), False),
    ],
)
def test_waiting_does_not_mend_a_listing_that_makes_no_sense(failure: ApiFailure, nothing: bool) -> None:
    assert tells_nothing(failure) is nothing
