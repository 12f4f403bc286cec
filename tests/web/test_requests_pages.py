"""Pages about requests: every filter answers, hostile words do no harm, and changes are shown before they are made."""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text, update

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.store.connect import database_now, make_engine
from livedash_pipeline.base.store.tables import ai_processing_requests
from tests.api.world import Api, add_requests, api_settings, running_api
from tests.conftest import migrated_database
from tests.web.operators import HOSTILE, MARKUP, Site, count_of, fill, status_of
from tests.web.person import Person, read_page, signed_in
from tests.web.probe import pages

LIST = "/console/requests"
STATUSES = ("pending_batching", "batching_in_progress", "processing_complete", "processing_failed")


@dataclass
class Looker:
    """An operator, and rows that no test of these changes."""

    person: Person
    site: Site


@pytest.fixture(scope="module")
def looker(postgres_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looker]:
    with migrated_database(postgres_template) as url:
        engine = make_engine(url)
        try:
            chosen = api_settings(tmp_path_factory.mktemp("home"), livedash_usd_eur="0.9")
            site = fill(engine, chosen)
            with running_api(chosen, engine, make_pages=pages) as api, signed_in(api) as person:
                yield Looker(person, site)
        finally:
            engine.dispose()


@pytest.fixture
def api(engine: Engine, tmp_path: Path) -> Iterator[Api]:
    with running_api(api_settings(tmp_path, livedash_usd_eur="0.9"), engine, make_pages=pages) as running:
        yield running


def at(path: str, **parameters: Any) -> str:
    return f"{path}?{urlencode({name.rstrip('_'): value for name, value in parameters.items() if value is not None})}"


def test_every_combination_of_filters_answers(looker: Looker) -> None:
    statuses = (None, *STATUSES, "any")
    companies = (None, "", "acme", "other")
    codes = (None, "TRUNCATED", HOSTILE[0])
    models = (None, "gpt-5-mini")
    ages = (None, "0", "1.5", "1000000")
    batches = (None, "batch_ended", str(looker.site.open_batch))
    outcomes = (None, "truncated")
    every = list(itertools.product(statuses, companies, codes, models, ages, batches, outcomes))
    # Each value meets each of the others many times; the step is prime, so that no value is passed over.
    for status, company, code, model, age, batch, outcome in every[::29]:
        path = at(
            LIST,
            status=status,
            company=company,
            error_code=code,
            model=model,
            older_than_hours=age,
            batch=batch,
            outcome=outcome,
        )
        page = read_page(looker.person.client.get(path))
        fits = (outcome is None or batch is not None) and (status != "any" or batch is not None)
        assert page.status == (200 if fits else 400), (path, page.text)
        assert MARKUP not in page.response.text
        assert len(page.response.content) < 60_000


def test_times_of_a_request_are_in_its_companys_zone_on_request(api: Api) -> None:
    (request_id,) = add_requests(api.engine, {"PROCESSING_FAILED": 1})
    with api.engine.begin() as connection:
        connection.execute(text("UPDATE companies SET time_zone = 'Asia/Tokyo'"))
    with signed_in(api) as person:
        page = person.get(f"{LIST}/{request_id}")
        assert " UTC" in page.text
        assert " JST" not in page.text
        person.send(page.form("/zone"), {"zone": "company"})
        for path in (f"{LIST}/{request_id}", at(LIST, company="acme")):
            assert " JST" in person.get(path).text
        assert " JST" not in person.get(LIST).text


def test_filters_find_their_rows_and_keep_their_words(looker: Looker) -> None:
    page = looker.person.get(at(LIST, status="processing_failed", company="acme", error_code="Truncated"))
    assert sum(link.startswith(f"{LIST}/0") for link in page.links) == 3
    assert 'value="Truncated"' in page.response.text
    (form,) = [form for form in page.forms if form.method == "get"]
    assert dict(form.fields)["status"] == "processing_failed"
    of_batch = looker.person.get(at(LIST, batch="batch_ended"))
    assert sum(link.startswith(f"{LIST}/0") for link in of_batch.links) == 3
    assert "any" in of_batch.text
    (filters,) = [form for form in of_batch.forms if form.method == "get"]
    assert looker.person.send(filters, {"batch": ""}).status == 200
    nothing = looker.person.get(at(LIST, model="none such"))
    assert "No request matches" in nothing.text


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_in_filters_do_no_harm(looker: Looker, words: str) -> None:
    for name in ("company", "error_code", "model", "batch", "older_than_hours", "status", "outcome", "cursor", "other"):
        page = read_page(looker.person.client.get(LIST, params={name: words}))
        assert page.status in (200, 400, 431), (name, page.status)
        assert MARKUP not in page.response.text
        # Ids and times have digits of their own.
        assert not re.search(r"(?<![\w:-])49(?![\w:-])", page.text) or words != HOSTILE[2]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["error_code", "model", "batch", "company", "cursor"]), st.text(max_size=300))
def test_any_text_in_a_filter_is_answered(looker: Looker, name: str, words: str) -> None:
    page = read_page(looker.person.client.get(LIST, params={name: words}))
    assert page.status in (200, 400)


def test_a_failed_request_of_each_kind_is_shown_without_what_was_answered(looker: Looker) -> None:
    for request_id in looker.site.failed:
        page = looker.person.get(f"{LIST}/{request_id}")
        assert page.status == 200
        assert MARKUP not in page.response.text
        assert "summary" not in page.text
        assert len(page.response.content) < 60_000
    assert looker.person.get(f"{LIST}/{looker.site.pending}").status == 200
    running = looker.person.get(f"{LIST}/{looker.site.running}")
    assert f"/console/batches/{looker.site.open_batch}" in running.links
    for unknown in (str(uuid.uuid4()), "no-id", "a%00b", "%3Cscript%3E"):
        assert looker.person.get(f"{LIST}/{unknown}").status == 404


def test_answers_are_shown_to_readers_of_texts_and_each_look_is_noted(looker: Looker) -> None:
    person, site = looker.person, looker.site
    for request_id, words in zip(site.failed[3:], HOSTILE, strict=True):
        page = person.get(f"{LIST}/{request_id}/answer")
        assert page.status == 200
        assert MARKUP not in page.response.text
        assert words[:20].strip()[:8] in page.text or not words.isascii()
    lines = [line for line in person.api.audit() if line.action == "read_texts"]
    assert len(lines) >= len(HOSTILE)
    assert all(line.outcome == "done" and "alert" not in str(line.detail) for line in lines)
    assert person.get(f"{LIST}/{uuid.uuid4()}/answer").status == 404


def test_answers_need_the_scope_for_texts(looker: Looker) -> None:
    path = f"{LIST}/{looker.site.failed[3]}"
    with signed_in(looker.person.api, scopes=["admin:read"]) as person:
        page = person.get(path)
        assert page.status == 200
        assert "texts:read" in page.text
        assert not any(link.endswith("/answer") for link in page.links)
        assert person.get(f"{path}/answer").status == 403
    with signed_in(looker.person.api, scopes=["texts:read"]) as person:
        assert person.get(f"{path}/answer").status == 403


def test_companies_see_no_requests(looker: Looker) -> None:
    with signed_in(looker.person.api, company="acme") as person:
        token = "x"
        for path in ("", "/requeue", "/reread", f"/{looker.site.failed[0]}", f"/{looker.site.failed[0]}/answer"):
            assert person.get(LIST + path).status in (403, 404)
        for path in ("/requeue", "/reread", "/requeue/chosen"):
            assert person.post(LIST + path, {"form_token": token}).status in (403, 404)


def test_chosen_rows_are_tried_again_once_confirmed(api: Api) -> None:
    site = fill(api.engine, api.settings)
    with signed_in(api) as person:
        page = person.get(at(LIST, error_code="truncated"))
        chosen = [str(each) for each in site.failed[:2]]
        shown = person.send(page.form("/requeue/chosen"), {"id": chosen})
        assert "2 chosen" in shown.text
        assert "2 failed requests are put back to wait" in shown.text
        assert "\N{EURO SIGN}" in shown.text
        assert status_of(api.engine, site.failed[0]) == "PROCESSING_FAILED"
        confirm = shown.form("/console/requests/requeue")
        done = person.send(confirm)
        assert "2 put back to wait" in done.text
        assert {status_of(api.engine, each) for each in site.failed[:2]} == {"PENDING_BATCHING"}
        assert status_of(api.engine, site.failed[2]) == "PROCESSING_FAILED"
        again = person.send(confirm)
        assert "0 put back to wait" in again.text
    (first, second) = [line for line in api.audit() if line.action == "requeue"]
    assert (first.outcome, first.detail["requeuedCount"], second.detail["requeuedCount"]) == ("done", 2, 0)


def test_chosen_rows_that_failed_again_are_not_put_back_by_an_old_confirmation(api: Api) -> None:
    site = fill(api.engine, api.settings)
    with signed_in(api) as person:
        page = person.get(at(LIST, error_code="truncated"))
        shown = person.send(page.form("/requeue/chosen"), {"id": [str(each) for each in site.failed[:2]]})
        with api.engine.begin() as connection:
            again = ai_processing_requests.c.id == site.failed[0]
            now = database_now(connection)
            connection.execute(update(ai_processing_requests).where(again).values(completed_at=now))
        done = person.send(shown.form("/console/requests/requeue"))
        assert "1 put back to wait, 1 stayed" in done.text
        assert status_of(api.engine, site.failed[0]) == "PROCESSING_FAILED"


def test_all_of_a_filter_are_tried_again_once_confirmed(api: Api) -> None:
    site = fill(api.engine, api.settings)
    with signed_in(api) as person:
        filters = {"error_code": "TRUNCATED", "company": "acme", "older_than_hours": "0.5", "batch": "batch_ended"}
        page = person.get(at(LIST, status="processing_failed", **filters))
        shown = person.counted(page.link("/requests/requeue?"))
        assert "3 failed requests are put back to wait" in shown.text
        confirm = shown.form("/console/requests/requeue")
        fields = dict(confirm.fields)
        assert {name: fields[name] for name in ("error_code", "company", "older_than_hours", "batch", "count")} == {
            "error_code": "TRUNCATED",
            "company": "acme",
            "older_than_hours": "0.5",
            "batch": "batch_ended",
            "count": "3",
        }
        assert count_of(api.engine, "PENDING_BATCHING") == 1
        done = person.send(confirm)
        assert "3 put back to wait" in done.text
        assert count_of(api.engine, "PENDING_BATCHING") == 4
        assert {status_of(api.engine, each) for each in site.failed[3:]} == {"PROCESSING_FAILED"}
        again = person.send(confirm)
        assert "0 put back to wait" in again.text
        assert "The dry run counted 3" in again.text


def test_a_confirmation_needs_its_dry_run(api: Api) -> None:
    fill(api.engine, api.settings)
    later = "2099-01-01T00:00:00+00:00"
    with signed_in(api) as person:
        token = person.form_token()
        for fields in ({}, {"until": "soon"}, {"until": "2025-05-01T12:00:00"}, {"until": later, "outcome": "parsed"}):
            page = person.post(LIST + "/requeue", {"form_token": token, **fields})
            assert page.status == 400, fields
        assert person.post(LIST + "/requeue", {"until": later}).status == 403
        assert person.post(LIST + "/requeue/chosen", {"form_token": token}).status == 400
        for name in ("company", "older_than_hours", "model"):
            page = person.post(LIST + "/requeue", {"form_token": token, "until": later, name: "\u202e" * 300})
            assert page.status == 400, name
        assert count_of(api.engine, "PENDING_BATCHING") == 1


def test_kept_answers_are_read_again_once_confirmed(api: Api) -> None:
    fill(api.engine, api.settings)
    with signed_in(api) as person:
        page = person.counted(LIST + "/reread?outcome=truncated&company=acme")
        assert page.status == 200
        assert "nothing is bought" in page.text
        assert "No kept answer would be accepted" in page.text
        done = person.post(LIST + "/reread", {"form_token": person.form_token(), "outcome": "", "company": "acme"})
        assert "kept answers were read" in done.text
        for fields in ({"outcome": "parsed"}, {"company": MARKUP}):
            assert person.post(LIST + "/reread", {"form_token": person.form_token(), **fields}).status == 400


def test_nothing_is_offered_that_may_not_be_done(engine: Engine, tmp_path: Path) -> None:
    settings_ = api_settings(tmp_path, livedash_console_read_only=True)
    site = fill(engine, settings_)
    with running_api(settings_, engine, make_pages=pages) as api, signed_in(api) as person:
        for path in (LIST, f"{LIST}/{site.failed[0]}"):
            page = person.get(path)
            assert page.status == 200
            assert not any("requeue" in form.action for form in page.forms)
            assert not any("requeue" in link for link in page.links)
        assert person.get(LIST + "/requeue").status == 403
        assert (
            person.post(LIST + "/requeue", {"form_token": person.form_token(), "id": str(site.failed[0])}).status == 403
        )
    assert status_of(engine, site.failed[0]) == "PROCESSING_FAILED"


@pytest.mark.parametrize("outcome", Outcome)
def test_requests_of_a_batch_are_found_by_their_outcome(looker: Looker, outcome: Outcome) -> None:
    page = looker.person.get(at(LIST, batch="batch_ended", outcome=outcome.value))
    found = sum(link.startswith(f"{LIST}/0") for link in page.links)
    assert found == (3 if outcome is Outcome.TRUNCATED else 0)
