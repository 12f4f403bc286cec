"""What a listing proves: it must be sound, and it must show other batches of ours, marked, where they belong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.ledger.rules.recovery.evidence import (
    OwnBatch,
    Proof,
    Tag,
    Witnesses,
    hidden,
    judge_absence,
    nameless,
    shown_as,
)
from livedash_pipeline.ledger.rules.service.listing import Listing, ListingWatch
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch, read_remote_batch
from tests.conftest import NOW

SINCE = datetime.fromtimestamp(1_000, UTC)


def named(word: str) -> str:
    """The name of a create, as creates are named."""
    return uuid5(NAMESPACE_OID, word).hex


def remote(name: str, made: int | None = 1_000, *, nonce: str | None = None, file: str = "") -> RemoteBatch:
    metadata = {} if nonce is None else {"livedash_create": named(nonce)}
    return read_remote_batch({"id": name, "created_at": made, "input_file_id": file, "metadata": metadata})


def own(name: str, minutes: int = 0) -> OwnBatch:
    return OwnBatch(name, Tag(named(f"nonce-{name}"), f"file-{name}"), NOW + timedelta(minutes=minutes))


def shown(name: str, **how: Any) -> RemoteBatch:
    return remote(name, nonce=f"nonce-{name}", file=f"file-{name}", **how)


@pytest.mark.parametrize(
    ("nonce", "file", "is_on"),
    [
        ("n", "f", True),
        ("n", "another", True),
        (None, "f", True),
        ("another", "f", False),
        (None, "another", False),
        (None, "", False),
    ],
)
def test_a_create_is_known_by_its_name_or_its_file(nonce: str | None, file: str, is_on: bool) -> None:
    assert Tag(named("n"), "f").is_on(remote("b", nonce=nonce, file=file)) is is_on


@pytest.mark.parametrize("shown", [named("n")[:8], named("n")[:-1], "", "livedash", named("n") + "0"])
def test_a_name_that_is_not_whole_counts_as_none(shown: str) -> None:
    batch = read_remote_batch({"id": "b", "input_file_id": "f", "metadata": {"livedash_create": shown}})
    assert batch.our_nonce is None
    assert Tag(named("n"), "f").is_on(batch)
    assert not Tag(named("n"), "another").is_on(batch)


def test_a_name_in_capitals_is_the_same_name() -> None:
    batch = read_remote_batch({"id": "b", "metadata": {"livedash_create": named("n").upper()}})
    assert Tag(named("n"), None).is_on(batch)


def test_a_create_without_a_name_is_known_by_its_file() -> None:
    tag = Tag(None, "f")
    assert tag.is_on(remote("b", nonce="theirs", file="f"))
    assert not tag.is_on(remote("b", file="another"))
    assert not Tag(None, None).is_on(remote("b", file=""))


def watched(batches: Sequence[RemoteBatch]) -> tuple[list[bool], str | None]:
    watch = ListingWatch(SINCE)
    return [watch.reached_the_end(batch) for batch in batches], watch.flaw


@pytest.mark.parametrize(
    ("times", "last", "flaw"),
    [
        ([1_300, 1_200, 900], True, None),
        ([1_200, 1_200, 900], True, None),
        # One batch alone shows no order: the next page is asked for.
        ([900], False, None),
        ([900, 900], False, None),
        # From old to new it is read to its end, which comes last.
        ([800, 900, 1_100], False, None),
        ([1_300, 900, 1_200], False, "shows batches in no order of time"),
        ([1_300, 1_301, 900], True, None),
        ([None, None], False, None),
        ([1_300, None, 900], True, None),
    ],
)
def test_a_listing_is_read_until_it_shows_that_it_is_past(
    times: list[int | None], last: bool, flaw: str | None
) -> None:
    reached, found = watched([remote(f"b{place}", made) for place, made in enumerate(times)])
    assert (reached[-1], found) == (last, flaw)


def test_a_listing_that_repeats_a_batch_contradicts_itself() -> None:
    assert watched([remote("a", 1_300), remote("b", 1_200), remote("a", 1_300)])[1] == "shows batch a twice"


@given(st.lists(st.integers(1_000, 2_000), min_size=2, max_size=20))
def test_no_listing_ends_early_before_its_oldest_batch_of_interest(times: list[int]) -> None:
    newest_first = sorted(times, reverse=True)
    reached, flaw = watched([remote(f"b{place}", made) for place, made in enumerate(newest_first)])
    assert not any(reached) and flaw is None


EARLIER, LATER = own("earlier", -30), own("later", 30)


@pytest.mark.parametrize(
    ("batches", "witnesses", "proof"),
    [
        # One from before the create shows that the listing reaches back, one from after it that it is not stale.
        ([shown("later"), shown("earlier")], Witnesses((LATER,), (EARLIER,)), Proof.ABSENT),
        ([shown("earlier")], Witnesses((), (EARLIER,)), Proof.NO_WITNESS),
        ([shown("earlier")], Witnesses((LATER,), (EARLIER,)), Proof.NO_WITNESS),
        # Where there was none before, one from after it will do.
        ([shown("later")], Witnesses((LATER,), ()), Proof.ABSENT),
        # Under another id, or with another file: the name of its create is enough.
        ([remote("x", nonce="nonce-later")], Witnesses((LATER,), ()), Proof.ABSENT),
        ([remote("later", nonce="nonce-later", file="renamed")], Witnesses((LATER,), ()), Proof.ABSENT),
        ([remote("later", file="file-later")], Witnesses((LATER,), ()), Proof.ABSENT),
        # Nothing of ours is there to be shown.
        ([], Witnesses(), Proof.NO_WITNESS),
        ([shown("theirs")], Witnesses(), Proof.NO_WITNESS),
        ([], Witnesses((LATER,), ()), Proof.NO_WITNESS),
        # Cut off after the newest: what lies before them is not shown.
        ([shown("later")], Witnesses((LATER,), (EARLIER,)), Proof.NO_WITNESS),
        # A lost batch would not be recognised either.
        ([remote("later")], Witnesses((LATER,), ()), Proof.CONTRADICTED),
        ([shown("later"), remote("earlier")], Witnesses((LATER,), (EARLIER,)), Proof.CONTRADICTED),
    ],
)
def test_absence_needs_a_witness_where_it_must_be(
    batches: list[RemoteBatch], witnesses: Witnesses, proof: Proof
) -> None:
    assert judge_absence(Listing(batches), witnesses).proof is proof


def listed(name: str, made: int | None = 1_100, *, file: str | None = None, **metadata: str) -> RemoteBatch:
    return read_remote_batch({"id": name, "created_at": made, "input_file_id": file, "metadata": metadata})


@pytest.mark.parametrize(
    ("batch", "may_be_ours"),
    [
        (listed("b"), True),
        (listed("b", None), True),
        (listed("b", livedash_create=named("n")[:8]), True),
        (listed("b", livedash_batch_id="0196a1b2", livedash_create=""), True),
        # Made before the input file, or marked as somebody's, or made of somebody's file.
        (listed("b", 999), False),
        (listed("b", livedash_create=named("n")), False),
        (listed("b", team="another"), False),
        (listed("b", file="theirs"), False),
        (listed("later"), False),
    ],
)
def test_a_batch_of_which_nothing_is_told_may_be_the_lost_one(batch: RemoteBatch, may_be_ours: bool) -> None:
    listing = Listing([shown("later"), batch] if batch.id != "later" else [batch])
    candidate = nameless(listing, Witnesses((LATER,), ()), since=SINCE)
    assert (candidate is not None) is may_be_ours
    if candidate is not None:
        absence = judge_absence(listing, Witnesses((LATER,), ()), candidate=candidate)
        assert absence.proof is Proof.CONTRADICTED
        assert "without an input file" in absence.reason


def test_a_listing_that_contradicts_itself_proves_nothing() -> None:
    listing = Listing([shown("earlier")], "claims to have more after an empty page")
    absence = judge_absence(listing, Witnesses((), (EARLIER,)))
    assert (absence.proof, absence.reason) == (Proof.CONTRADICTED, "claims to have more after an empty page")


def test_a_batch_that_is_known_and_not_shown_contradicts_the_listing() -> None:
    listing, witnesses = Listing([shown("earlier")]), Witnesses((LATER,), (EARLIER,))
    assert hidden(listing, witnesses, settled_before=NOW + timedelta(hours=1)) == [LATER]
    absence = judge_absence(listing, witnesses, known_and_hidden=[LATER])
    assert absence.proof is Proof.CONTRADICTED and "batch later" in absence.reason


def test_what_was_just_made_may_not_be_shown_yet() -> None:
    witnesses = Witnesses((LATER,), (EARLIER, own("older", -40)))
    assert hidden(Listing([]), witnesses, settled_before=NOW) == [EARLIER]
    assert shown_as(Listing([shown("later")]), LATER) is not None
