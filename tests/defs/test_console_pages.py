"""Runs lead to the console's pages of their batches, where its address is known."""

from __future__ import annotations

import uuid
from typing import Any

import dagster as dg

from livedash_pipeline.defs.console_pages import batch_pages
from livedash_pipeline.settings import make_settings
from tests.defs.world import SLUG, World

BASE = "https://livedash.example.org"


def metadata_of(world: World, result: Any, asset: str) -> Any:
    (event,) = [
        event for event in result.all_events if event.is_step_materialization and event.asset_key == dg.AssetKey(asset)
    ]
    return event.materialization.metadata


def test_materializations_link_to_the_pages_of_their_batches(world: World) -> None:
    world.change(livedash_console_url=BASE)
    world.run("import_sessions", SLUG)
    submitted = world.run("submit_batches", ops={"submitted_batches": {"ignore_minimum": True}})
    (row,) = world.sql("SELECT id FROM ai_batch_requests")
    page = f"{BASE}/console/batches/{row.id}"
    assert metadata_of(world, submitted, "submitted_batches")["console"].url == page
    for _ in range(6):
        if not world.answer("poll_batches")["open"]:
            break
    ingested = world.run("ingest_results", SLUG)
    assert metadata_of(world, ingested, "ingested_results")["console"].url == page


def test_nothing_is_linked_without_an_address_or_a_batch() -> None:
    some = [uuid.uuid4()]
    assert batch_pages(make_settings(), some) == {}
    assert batch_pages(make_settings(livedash_console_url=BASE), []) == {}


def test_many_batches_are_listed_up_to_a_bound() -> None:
    ids = [uuid.uuid4() for _ in range(30)]
    text = batch_pages(make_settings(livedash_console_url=BASE + "/"), ids)["console"].value
    assert isinstance(text, str)
    assert text.count("/console/batches/") == 20
    assert f"[{ids[0]}]({BASE}/console/batches/{ids[0]})" in text
    assert "[All batches](https://livedash.example.org/console/batches)" in text
