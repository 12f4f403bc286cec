"""The overview: every part on one page, each by itself, without harm from what others wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.api.world import Api, api_settings, running_api
from tests.web.operators import Site, fill
from tests.web.person import Page, Person, signed_in, somebody
from tests.web.probe import pages

OVERVIEW = "/console/overview"
MARKUP = "<script>alert"


@pytest.fixture
def api(engine: Engine, tmp_path: Path) -> Iterator[Api]:
    settings = api_settings(tmp_path, livedash_monthly_cap_eur="10", livedash_usd_eur="0.9")
    with running_api(settings, engine, make_pages=pages) as running:
        yield running


def whole(person: Person) -> Page:
    """The overview once everything is counted."""
    return person.counted(OVERVIEW)


def test_an_empty_database_says_what_to_do_next(api: Api) -> None:
    with signed_in(api) as person:
        page = whole(person)
        assert page.status == 200
        for words in ("No batch is open", "No company has a CSV", "livedash company add", "Nothing is on hold"):
            assert words in page.text
        assert "data-refresh" not in page.response.text


def test_every_part_is_shown_with_links_to_its_rows(api: Api) -> None:
    site: Site = fill(api.engine, api.settings)
    with signed_in(api) as person:
        page = whole(person)
        for heading in (
            "Obstacles",
            "Requests",
            "Open batches",
            "Sessions by stage",
            "Last imports",
            "Spend this month",
        ):
            assert heading in page.text
        assert "OPENAI_API_KEY is not set" in page.text
        assert f"/console/batches/{site.open_batch}" in page.links
        assert "/console/requests?status=processing_failed" in page.links
        assert f"/console/rejects?run={site.run}" in page.links
        assert "of all of them 1 failed last time" in page.text
        assert page.response.text.count("<svg") >= 2
        assert MARKUP not in page.response.text
        assert len(page.response.content) < 60_000


def test_it_looks_again_while_something_is_open_and_can_be_paused(api: Api) -> None:
    fill(api.engine, api.settings)
    with signed_in(api) as person:
        page = whole(person)
        assert 'id="live" data-refresh="10"' in page.response.text
        assert "Pause" in page.text


def test_companies_and_strangers_see_none_of_it(api: Api) -> None:
    fill(api.engine, api.settings)
    with signed_in(api, company="acme") as person:
        assert person.get(OVERVIEW).status == 403
    with signed_in(api, scopes=["metrics:read"]) as person:
        assert person.get(OVERVIEW).status == 403
    with somebody(api) as person:
        assert "You are not signed in" in person.get(OVERVIEW).text


def test_parameters_that_are_not_known_are_refused(api: Api) -> None:
    with signed_in(api) as person:
        assert person.get(OVERVIEW + "?company=acme").status == 400
