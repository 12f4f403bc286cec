"""Whether a listed batch with our mark is surplus: only three looks that agree make it so."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import pytest

from livedash_pipeline.ledger.rules.recovery.evidence import Tag
from livedash_pipeline.ledger.rules.recovery.twins import Looks, NamedRow, Verdict, first_sight, judge_twin
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch, read_remote_batch

ROW = UUID("0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b")
V = Verdict


def named(word: str) -> str:
    """The name of a create, as creates are named."""
    return uuid5(NAMESPACE_OID, word).hex


def remote(name: str, nonce: str | None = "n", file: str = "f", mark: object = ROW) -> RemoteBatch:
    metadata = {"livedash_batch_id": str(mark)} | ({} if nonce is None else {"livedash_create": named(nonce)})
    return read_remote_batch({"id": name, "input_file_id": file, "metadata": metadata})


def row(remote_batch_id: str | None = "T", *, closed: bool = False, **changes: Any) -> NamedRow:
    values: dict[str, Any] = {"listed_batch_id": None, "tag": Tag(named("n"), "f")} | changes
    return NamedRow(id=ROW, model="m", remote_batch_id=remote_batch_id, is_closed=closed, **values)


@pytest.mark.parametrize(
    ("listed", "named", "tracked", "verdict"),
    [
        (remote("T"), row(), {"T"}, V.OURS),
        (remote("x"), row(listed_batch_id="x"), {"T", "x"}, V.OURS),
        # Tracked by a row that its mark does not name: nothing that a row tracks is ever surplus.
        (remote("U"), row(), {"U"}, V.OURS),
        (remote("R"), None, set(), V.UNCLEAR),
        (remote("R"), row(), set(), None),
        (remote("R"), row(None, closed=True), set(), None),
        # An open row without a batch: recovery's to adopt, by name or by file.
        (remote("R"), row(None), set(), V.OURS),
        (remote("R", "n", "renamed"), row(None), set(), V.OURS),
        (remote("R", None, "f"), row(None), set(), V.OURS),
        (remote("R", "earlier", "f"), row(None), set(), None),
        (remote("R", None, "earlier"), row(None), set(), V.UNCLEAR),
        (remote("R", None, "earlier"), row(None, earlier_file_ids=frozenset({"earlier"})), set(), None),
        # A service that gives one file the same id again.
        (remote("R", None, "f"), row(None, earlier_file_ids=frozenset({"f"})), set(), V.OURS),
        # A row and a batch of before creates had names.
        (remote("R", None, "earlier"), row(None, tag=Tag(None, "f")), set(), V.UNCLEAR),
        # What was taken for the tracked one is looked at again once that is lost.
        (remote("x"), row(listed_batch_id="x", is_lost=True), {"T", "x"}, None),
    ],
)
def test_what_can_be_told_without_asking(
    listed: RemoteBatch, named: NamedRow | None, tracked: set[str], verdict: Verdict | None
) -> None:
    assert first_sight(listed, named, tracked) is verdict


R, T = remote("R"), remote("T")
LATE = remote("R", "earlier", "earlier")


@pytest.mark.parametrize(
    ("listed", "itself", "tracked", "both", "verdict"),
    [
        # A proxy that repeats a create: two batches of one name, both listed.
        (R, R, T, True, V.SURPLUS),
        # A listing that renames: one of them is listed, and the tracked id answers.
        (R, None, T, False, V.ALIAS),
        (R, R, T, False, V.ALIAS),
        (R, T, T, False, V.ALIAS),
        (R, remote("U"), T, False, V.UNCLEAR),
        (R, T, T, True, V.ALIAS),
        (R, R, R, False, V.ALIAS),
        # A create that came late, on an earlier file.
        (LATE, LATE, T, True, V.SURPLUS),
        (LATE, LATE, T, False, V.SURPLUS),
        # The tracked id is not known any more, and the name of its create shows under another one.
        (R, R, None, False, V.MOVED),
        (remote("R", None), remote("R", None), None, False, V.UNCLEAR),
        # The tracked one, or the batch itself, does not answer: nothing is cancelled on one word.
        (R, R, None, True, V.UNCLEAR),
        (R, None, None, False, V.UNCLEAR),
        (LATE, LATE, None, False, V.UNCLEAR),
        # No look-up knows the tracked id, which the listing shows beside a batch of another create.
        (LATE, LATE, None, True, V.SURPLUS),
        (LATE, remote("U", "earlier", "earlier"), None, True, V.UNCLEAR),
        (LATE, remote("R", "another"), None, True, V.UNCLEAR),
        (LATE, None, T, True, V.UNCLEAR),
        # A listing without marks: what is made of the row's input file is of that row.
        (remote("R", None, mark=""), R, T, True, V.SURPLUS),
        (remote("R", None, mark=""), remote("R", None, mark=""), T, True, V.SURPLUS),
        (remote("R", None, mark=""), remote("R", None, "another", ""), T, True, V.UNCLEAR),
        (remote("R", None, "", ""), remote("R", None, "", UUID(int=1)), T, True, V.UNCLEAR),
        (remote("R", None, mark=""), R, T, False, V.ALIAS),
        # Listing and look-up speak of different things.
        (LATE, remote("R", "n", "f", UUID(int=1)), T, True, V.UNCLEAR),
        (LATE, remote("R", "another"), T, True, V.UNCLEAR),
    ],
)
def test_a_twin_of_a_tracked_batch(
    listed: RemoteBatch, itself: RemoteBatch | None, tracked: RemoteBatch | None, both: bool, verdict: Verdict
) -> None:
    assert judge_twin(Looks(listed, itself, tracked, both), row(), {"U"}) is verdict


def test_one_look_that_does_not_show_the_tracked_batch_is_no_alias() -> None:
    """A listing that was cut, or contradicts itself, leaves out what is there."""
    assert judge_twin(Looks(R, None, T, both_listed=False, is_whole=False), row(), set()) is V.UNCLEAR


def test_an_alias_that_is_listed_beside_the_tracked_batch_is_looked_at_again() -> None:
    known = row(listed_batch_id="R")
    assert first_sight(R, known, {"T", "R"}, {"R"}) is V.OURS
    assert first_sight(R, known, {"T", "R"}, {"R", "T"}) is None
    assert judge_twin(Looks(R, R, T, both_listed=True), known, set()) is V.SURPLUS


@pytest.mark.parametrize(
    ("itself", "named", "tracked", "verdict"),
    [
        (LATE, row(None, closed=True), set(), V.SURPLUS),
        (LATE, row(None), set(), V.SURPLUS),
        (None, row(None, closed=True), set(), V.UNCLEAR),
        # Its look-up gives another id, which a row tracks.
        (remote("U", "earlier", "earlier"), row(None, closed=True), {"U"}, V.UNCLEAR),
        (remote("R", "n", "f"), row(None), set(), V.UNCLEAR),
    ],
)
def test_a_batch_of_a_row_that_tracks_none(
    itself: RemoteBatch | None, named: NamedRow, tracked: set[str], verdict: Verdict
) -> None:
    assert judge_twin(Looks(LATE, itself, None, False), named, tracked) is verdict
