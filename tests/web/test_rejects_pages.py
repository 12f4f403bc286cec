"""Pages about rejected records: filters, reasons with their cures, and a record only for readers of texts."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.intake.rules.csv_rejects import RejectReason
from tests.api.world import api_settings, running_api
from tests.conftest import migrated_database
from tests.web.operators import HOSTILE, MARKUP, Site, fill
from tests.web.person import Person, read_page, signed_in
from tests.web.probe import pages

LIST = "/console/rejects"


@dataclass
class Looker:
    """An operator, and rows that no test changes."""

    person: Person
    site: Site


@pytest.fixture(scope="module")
def looker(postgres_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looker]:
    with migrated_database(postgres_template) as url:
        engine = make_engine(url)
        try:
            chosen = api_settings(tmp_path_factory.mktemp("home"), livedash_dagster_ui="https://dagster.example.org")
            site = fill(engine, chosen)
            with running_api(chosen, engine, make_pages=pages) as api, signed_in(api) as person:
                yield Looker(person, site)
        finally:
            engine.dispose()


def test_every_combination_of_filters_answers(looker: Looker) -> None:
    runs = ("", str(looker.site.run))
    for company, run, reason in itertools.product(("", "acme", "other"), runs, ("", *RejectReason)):
        page = read_page(looker.person.client.get(LIST, params={"company": company, "run": run, "reason": reason}))
        assert page.status == (400 if company == "other" and run else 200), (company, run, reason)
        assert MARKUP not in page.response.text
        assert "secret words" not in page.text
        assert len(page.response.content) < 60_000


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_in_filters_do_no_harm(looker: Looker, words: str) -> None:
    for name in ("company", "run", "reason", "cursor", "other"):
        page = read_page(looker.person.client.get(LIST, params={name: words}))
        assert page.status in (200, 400, 431), (name, page.status)
        assert MARKUP not in page.response.text


def test_an_import_shows_its_reasons_and_what_cures_them(looker: Looker) -> None:
    page = looker.person.counted(f"{LIST}?run={looker.site.run}")
    assert f"{LIST}?run={looker.site.run}&reason=bad_start_time" in page.links
    assert "livedash company detect acme" in page.text
    assert "https://dagster.example.org/runs/run-1" in page.links


def test_a_record_is_shown_to_readers_of_texts_and_each_look_is_noted(looker: Looker) -> None:
    person, site = looker.person, looker.site
    for reject in site.rejects:
        page = person.get(f"{LIST}/{reject}")
        assert page.status == 200
        assert "secret words" in page.text
        assert MARKUP not in page.response.text
        assert len(page.response.content) < 60_000
    lines = [line for line in person.api.audit() if line.action == "read_texts"]
    assert len(lines) >= len(site.rejects)
    assert "secret" not in str([line.detail for line in lines])
    for unknown in (str(uuid.uuid4()), "no-id", "a%00b"):
        assert person.get(f"{LIST}/{unknown}").status == 404


def test_records_need_the_scope_for_texts(looker: Looker) -> None:
    reject = looker.site.rejects[0]
    with signed_in(looker.person.api, scopes=["admin:read"]) as person:
        page = person.get(LIST)
        assert page.status == 200
        assert f"{LIST}/{reject}" not in page.links
        assert "texts:read" in page.text
        assert person.get(f"{LIST}/{reject}").status == 403
    with signed_in(looker.person.api, scopes=["texts:read"]) as person:
        assert person.get(LIST).status == 403
        assert person.get(f"{LIST}/{reject}").status == 403
    with signed_in(looker.person.api, company="acme") as person:
        assert person.get(LIST).status == 403
        assert person.get(f"{LIST}/{reject}").status == 403
