"""What a service shows is a claim: lost and unmade creates under listings that rename, hide, repeat, empty and contradict.

Everything goes over HTTP to the local server, whose fault scripts do what gateways were seen to do.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_surplus_batches, endpoint_traits
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.rules.service.remote import METADATA_PROBE
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.listing import list_batches
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.recovery.reconcile import reconcile_batches
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.local.batch_api.faults.script import parse_script
from livedash_pipeline.local.batch_api.server import RunningServer
from tests.support.batch_round import at, batch_row
from tests.support.rows import insert_requests, rows_of

Fault = dict[str, Any]
# Past the lease of a create, past deadline and lag, past another lag, and on.
ROUNDS = (95, 190, 205, 320, 340, 420, 560, 700)
REPLY_LOST: Fault = {"kind": "lose_reply", "operation": "create_batch", "times": 1}
NEVER_MADE: Fault = {"kind": "drop", "operation": "create_batch", "times": 1}
RENAMED: Fault = {"kind": "renamed_id", "accepts": "renamed"}
NO_MARKS: list[Fault] = [{"kind": "renamed_input_file"}, {"kind": "changed_metadata", "change": "missing"}]


@dataclass
class World:
    """One request, the server, and how it misbehaves."""

    engine: Engine
    context: BatchContext
    server: RunningServer

    def misbehave(self, *faults: Fault) -> None:
        self.server.service.install_faults(parse_script(json.dumps(list(faults))), replace=True)

    def submit_and_go_on(self, rounds: tuple[int, ...] = ROUNDS) -> None:
        """A submit, and what sensors do afterwards."""
        submit_pending(self.context, ignore_minimum=True)
        for seconds in rounds:
            later = at(self.context, timedelta(seconds=seconds))
            poll_batches(later)
            submit_pending(later, ignore_minimum=True)

    def made(self) -> list[str]:
        """Batches of ours that the service has, probes apart; whatever it shows."""
        store = self.server.service._store
        records = [store.batch(row["id"]) for row in store.execute("SELECT id FROM batches ORDER BY seq", {})]
        return [each.id for each in records if each is not None and METADATA_PROBE not in (each.metadata or {})]

    def cancelled(self) -> list[str]:
        entries = self.server.service.journal()["entries"]
        return [entry["batch_id"] for entry in entries if entry["operation"] == "cancel_batch"]

    def traits(self) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(select(endpoint_traits)).one()

    def newest(self) -> Any:
        return rows_of(self.engine, ai_batch_requests)[-1]

    def stands_still(self) -> str:
        (listed,) = list_batches(self.engine, endpoint=self.context.endpoint)["batches"]
        return str(listed["standsStillBecause"])


@pytest.fixture
def world(engine: Engine, company: Company, context: BatchContext, batch_api: RunningServer) -> World:
    with engine.begin() as connection:
        insert_requests(connection, company)
    return World(engine, context, batch_api)


SHOWN: dict[str, tuple[list[Fault], str, str]] = {
    # What the service shows; what becomes of a create whose reply was lost; and of one that was never made.
    "all there is": ([], "found", "bought"),
    "its own id in the listing": ([RENAMED], "found", "bought"),
    "its own id, and both are taken": ([RENAMED | {"accepts": "both"}], "found", "bought"),
    "another id in the listing alone": ([{"kind": "renamed_id", "by": ["list"], "accepts": "own"}], "found", "bought"),
    "another input file in the listing": ([{"kind": "renamed_input_file"}], "found", "bought"),
    "another input file everywhere": (
        [{"kind": "renamed_input_file", "by": ["create", "retrieve", "list"]}],
        "found",
        "bought",
    ),
    "no metadata in the listing": ([{"kind": "changed_metadata", "change": "missing"}], "found", "bought"),
    "metadata cut off in the listing": ([{"kind": "changed_metadata", "change": "cut"}], "found", "bought"),
    "metadata in capitals": ([{"kind": "changed_metadata", "change": "upper_case"}], "found", "bought"),
    "oldest first": ([{"kind": "listing_order", "order": "oldest_first"}], "found", "bought"),
    "no time of creation": ([{"kind": "wrong_created_at", "says": "missing"}], "found", "bought"),
    "no word of more pages": ([{"kind": "odd_has_more", "says": "missing"}], "found", "bought"),
    # Found on a page, though the listing proves nothing of what it does not show.
    "each batch twice": ([{"kind": "repeated_items", "doubled": True}], "found", "waits"),
    "always more pages": ([{"kind": "odd_has_more", "says": "true"}], "found", "waits"),
    # Nothing can be concluded.
    "an empty page that says there is more": ([{"kind": "empty_page"}], "waits", "waits"),
    "an empty page that says there is no more": ([{"kind": "empty_page", "has_more": False}], "waits", "waits"),
    "no batch, though each can be looked up": ([{"kind": "hidden_batch"}], "waits", "waits"),
    "neither metadata nor input file": (NO_MARKS, "waits", "waits"),
    "a null among its items": ([{"kind": "odd_data", "says": "with_null"}], "waits", "waits"),
    "no listing at all": ([{"kind": "status", "operation": "list_batches", "status": 405}], "waits", "waits"),
    # A fence that does not hold: what is absent is bought again, at a lower promise.
    "a deleted file that can still be used": ([{"kind": "surviving_input"}], "found", "bought, unfenced"),
    "a deletion that does nothing": ([{"kind": "pretend", "operation": "delete_file"}], "found", "bought, unfenced"),
    "no deletion": ([{"kind": "status", "operation": "delete_file", "status": 405}], "found", "bought, unfenced"),
}


@pytest.mark.parametrize("shown", SHOWN)
def test_a_lost_reply_buys_once_whatever_the_service_shows(world: World, shown: str) -> None:
    faults, lost, _ = SHOWN[shown]
    world.misbehave(REPLY_LOST, *faults)
    world.submit_and_go_on()
    (made,) = world.made()
    row = batch_row(world.engine)
    assert world.cancelled() == []
    if lost == "found":
        assert row.openai_batch_id in (made, f"gw_{made}")
    else:
        assert (row.openai_batch_id, row.status, row.input_delete_requested_at) == (None, "UPLOADING", None)
        assert f"livedash reconcile --believe-absence {row.id}" in world.stands_still()


@pytest.mark.parametrize("shown", SHOWN)
def test_an_unmade_create_is_bought_once_and_only_with_proof(world: World, shown: str) -> None:
    faults, _, unmade = SHOWN[shown]
    world.misbehave(NEVER_MADE, *faults)
    world.submit_and_go_on()
    row = world.newest()
    if unmade == "waits":
        assert (world.made(), row.input_delete_requested_at) == ([], None)
        assert "--believe-absence" in world.stands_still()
        return
    (made,) = world.made()
    assert row.openai_batch_id in (made, f"gw_{made}")
    assert row.purchase_guard == ("tag" if "unfenced" in unmade else "tag_fence")
    assert (world.traits().listing, world.traits().fence) == (
        "proven",
        "refuted" if "unfenced" in unmade else "proven",
    )


def test_a_persons_word_stands_for_a_proof_and_the_fence_comes_first(world: World) -> None:
    world.misbehave(NEVER_MADE, {"kind": "empty_page"})
    world.submit_and_go_on((95,))
    row = batch_row(world.engine)
    with pytest.raises(UsageError, match="has not waited 180 s"):
        reconcile_batches(world.context, believe_absence=str(row.id))
    with pytest.raises(UsageError, match="'batch_1' does not wait"):
        reconcile_batches(at(world.context, timedelta(seconds=400)), believe_absence="batch_1")
    report = reconcile_batches(at(world.context, timedelta(seconds=400)), believe_absence=str(row.id))
    assert report.doubts, "the listing still contradicts itself"
    fenced = batch_row(world.engine)
    assert (fenced.input_deleted_at is not None, world.made()) == (True, [])
    submit_pending(at(world.context, timedelta(seconds=700)), ignore_minimum=True)
    assert len(world.made()) == 1


def test_a_batch_that_turns_up_after_a_persons_word_is_adopted(world: World) -> None:
    world.misbehave(REPLY_LOST, {"kind": "empty_page"})
    world.submit_and_go_on((95, 190))
    later = at(world.context, timedelta(seconds=400))
    reconcile_batches(later, believe_absence=str(batch_row(world.engine).id))
    world.misbehave()
    submit_pending(at(world.context, timedelta(seconds=700)), ignore_minimum=True)
    assert [batch_row(world.engine).openai_batch_id] == world.made()


def test_a_renamed_batch_is_no_surplus_and_is_ingested(world: World) -> None:
    world.misbehave(RENAMED)
    submit_pending(world.context, ignore_minimum=True)
    for _ in range(2):
        poll_batches(world.context)
        reconcile_batches(world.context)
    ingest_finished(world.context)
    row = batch_row(world.engine)
    assert (row.status, rows_of(world.engine, ai_surplus_batches), world.cancelled()) == ("PROCESSED", [], [])
    assert row.openai_batch_id == f"gw_{row.listed_batch_id}"
    assert world.traits().renames_ids


@pytest.mark.parametrize("answered", ["first", "second"])
@pytest.mark.parametrize("change", [None, "missing", "cut"])
def test_of_a_create_that_a_proxy_repeats_one_lives_and_the_other_is_cancelled(
    world: World, answered: str, change: str | None
) -> None:
    world.misbehave(
        {"kind": "repeated_create", "answered": answered},
        {"kind": "stuck", "state": "validating", "seconds": 60},
        *([{"kind": "changed_metadata", "change": change}] if change else []),
    )
    submit_pending(world.context, ignore_minimum=True)
    poll_batches(world.context)
    first, second = world.made()
    lives = first if answered == "first" else second
    (surplus,) = rows_of(world.engine, ai_surplus_batches)
    assert (batch_row(world.engine).openai_batch_id, surplus.openai_batch_id) == (
        lives,
        second if answered == "first" else first,
    )
    assert set(world.cancelled()) == {surplus.openai_batch_id}


def test_a_batch_that_only_the_listing_knows_is_finished_by_what_it_shows(world: World) -> None:
    world.misbehave(
        REPLY_LOST, {"kind": "renamed_id", "accepts": "renamed"}, {"kind": "end_word", "word": "x-unheard-of"}
    )
    world.submit_and_go_on()
    assert [batch_row(world.engine).openai_batch_id] == world.made()
    poll_batches(world.context)
    ingest_finished(world.context)
    assert batch_row(world.engine).status == "PROCESSED"


def test_a_batch_that_moves_only_when_it_is_asked_for_is_finished(world: World) -> None:
    world.misbehave({"kind": "moves_when_retrieved", "retrievals": 2})
    submit_pending(world.context, ignore_minimum=True)
    for minutes in (0, 6, 12, 18):
        poll_batches(at(world.context, timedelta(minutes=minutes)))
    ingest_finished(at(world.context, timedelta(minutes=20)))
    assert batch_row(world.engine).status == "PROCESSED"


@pytest.mark.parametrize(
    ("end", "finished"),
    [
        ({"word": "succeeded"}, True),
        ({"word": "done", "end_time": False}, True),
        ({"word": "x-unheard-of"}, True),
        ({"word": "x-unheard-of", "end_time": False}, True),
        ({"word": "", "output_file": False}, True),
        # Nothing beside the word says that it is over: it is asked for, and said.
        ({"word": "x-unheard-of", "end_time": False, "output_file": False}, False),
    ],
)
def test_an_end_in_another_word_ends_the_batch(world: World, end: Fault, finished: bool) -> None:
    world.misbehave({"kind": "end_word", **end})
    submit_pending(world.context, ignore_minimum=True)
    poll_batches(world.context)
    row = batch_row(world.engine)
    assert (row.status == "COMPLETED") is finished, row.openai_status
    if not finished:
        assert "calls its state 'x-unheard-of'" in world.stands_still()
