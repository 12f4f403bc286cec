"""What a listing shows: whether it would show a batch, and when its failure tells nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind
from livedash_pipeline.ledger.rules.service.listing import CONTRADICTION, Listing, merged, tells_nothing
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


@pytest.mark.parametrize(
    ("first", "second", "flawed"),
    [
        ([("b2", 0), ("b1", -9)], [("b2", 0), ("b1", -9)], None),
        # Made since the first look.
        ([("b2", 0)], [("b3", 5), ("b2", 0)], None),
        # Each read a little further back than it had to, one further than the other.
        ([("b2", 0), ("b0", -99)], [("b2", 0)], None),
        ([("b2", 0)], [("b2", 0), ("b0", -99)], None),
        ([("b3", 5), ("b1", -9)], [("b3", 5), ("b2", 0), ("b1", -9)], "b2"),
        ([("b3", 5), ("b2", 0), ("b1", -9)], [("b3", 5), ("b1", -9)], "b2"),
        ([("b2", None)], [], "b2"),
        ([], [("b2", 0)], None),
        ([("b3", None)], [("b3", None), ("b2", None)], None),
    ],
)
def test_two_looks_show_what_either_does_and_have_to_agree(
    first: list[tuple[str, int | None]], second: list[tuple[str, int | None]], flawed: str | None
) -> None:
    def listing(shown: list[tuple[str, int | None]]) -> Listing:
        made = [batch(name, None if at is None else NOW + timedelta(seconds=at)) for name, at in shown]
        return Listing(made, is_exhausted=True)

    both = merged(listing(first), listing(second), NOW - timedelta(seconds=30))
    assert {remote.id for remote in both.batches} == {name for name, _ in (*first, *second)}
    assert (both.flaw is None) is (flawed is None)
    assert flawed is None or f"batch {flawed} " in (both.flaw or "")
    assert both.is_exhausted


def test_a_second_look_that_contradicts_itself_spoils_both() -> None:
    both = merged(Listing([batch("b1")]), Listing([batch("b1")], "shows batch b1 twice"), NOW)
    assert both.flaw == "shows batch b1 twice"
    assert not both.is_exhausted
