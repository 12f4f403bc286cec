"""Charts among the metadata of materializations: pictures of a company's days, without anybody's words."""

from __future__ import annotations

import base64
import re
import time
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from sqlalchemy import text

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.overview.steps.pages import result_charts
from livedash_pipeline.overview.steps.pages.result_charts import company_charts
from tests.defs.world import SLUG, World

KEYS = ("ingested_results", "session_questions")


def pictures(metadata: Any) -> list[str]:
    packed = re.findall(r"!\[[^\]]+\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", str(metadata["charts"].value))
    return [base64.b64decode(each).decode() for each in packed]


def made(world: World) -> dict[str, Any]:
    """The metadata of what an ingest of a finished batch materialized."""
    world.run("import_sessions", SLUG)
    world.run("submit_batches", ops={"submitted_batches": {"ignore_minimum": True}})
    world.answer("poll_batches")
    events = world.run("ingest_results", SLUG).get_asset_materialization_events()
    return {event.materialization.asset_key.to_user_string(): event.materialization.metadata for event in events}


def test_an_ingest_shows_the_days_of_its_company_and_leads_to_its_page(world: World) -> None:
    world.change(livedash_console_url="https://livedash.example")
    found = made(world)
    drawn = [picture for key in KEYS for picture in pictures(found[key])]
    assert len(drawn) == 4
    for picture in drawn:
        assert ET.fromstring(picture).tag.endswith("svg")
    for key in KEYS:
        assert found[key]["results"].value == "https://livedash.example/console/results?company=acme"
        assert len(str(found[key]["charts"].value)) < 40_000
    assert "in all" in drawn[0]
    shown = " ".join(drawn)
    for (words,) in world.sql(
        "SELECT content FROM questions UNION ALL SELECT summary FROM sessions WHERE summary IS NOT NULL"
    ):
        assert words not in shown


def test_charts_that_take_too_long_are_left_out(world: World) -> None:
    made(world)
    quick = make_engine(world.database_url, statement_timeout=0.3)
    try:
        assert company_charts(quick, SLUG) is not None
        with world.engine.connect() as other, other.begin():
            other.execute(text("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE"))
            begun = time.monotonic()
            assert company_charts(quick, SLUG) is None
            assert time.monotonic() - begun < 5
    finally:
        quick.dispose()


def test_a_company_of_many_sessions_has_charts_of_fewer_days(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run("import_sessions", SLUG)
    whole = company_charts(world.engine, SLUG)
    monkeypatch.setattr(result_charts, "MOST_SESSIONS", 1)
    fewer = company_charts(world.engine, SLUG)
    assert whole is not None
    assert fewer is not None
    assert whole.first < fewer.first <= fewer.last == whole.last


def test_a_company_without_sessions_has_no_charts(world: World) -> None:
    world.add_company("globex")
    assert company_charts(world.engine, "globex") is None
