"""Pages about batches: every filter answers, one batch tells its course, and a cancel says what it means first."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from tests.api.world import Api, api_settings, running_api
from tests.web.operators import HOSTILE, MARKUP, Site, fill
from tests.web.person import read_page, signed_in
from tests.web.probe import pages

LIST = "/console/batches"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningServer]:
    """A Batch API that takes one key."""
    with running_server(tmp_path / "batch-api", api_keys=["key"]) as running:
        yield running


@pytest.fixture
def api(engine: Engine, tmp_path: Path, service: RunningServer) -> Iterator[Api]:
    settings = api_settings(
        tmp_path,
        openai_base_url=service.base_url,
        openai_api_key="key",
        livedash_dagster_ui="https://dagster.example.org/ui",
    )
    with running_api(settings, engine, make_pages=pages) as running:
        yield running


@pytest.fixture
def site(api: Api) -> Site:
    return fill(api.engine, api.settings)


def cancel_of(engine: Engine, batch_id: uuid.UUID) -> tuple[object, object]:
    """When a cancel was asked for, and what its unfinished requests become."""
    with engine.connect() as connection:
        query = text("SELECT cancel_requested_at, cancel_unfinished FROM ai_batch_requests WHERE id = :id")
        row = connection.execute(query, {"id": batch_id}).one()
        return row[0], row[1]


def test_every_combination_of_filters_answers(api: Api, site: Site) -> None:
    with signed_in(api) as person:
        every = itertools.product(
            ("", "acme", "other"),
            ("", "gpt-5-mini", HOSTILE[1]),
            ("", "processed", "in_progress", "failed"),
            ("", "true", "false"),
            ("", "2025-05-01"),
            ("", "2099-05-01"),
        )
        # Each value meets each of the others; the step is prime, so that no value is passed over.
        for company, model, status, is_open, first, last in itertools.islice(every, 0, None, 5):
            query = {
                "company": company,
                "model": model,
                "status": status,
                "open": is_open,
                "first": first,
                "last": last,
            }
            page = read_page(person.client.get(LIST, params=query))
            assert page.status == 200, (query, page.text)
            assert MARKUP not in page.response.text
        assert person.get(LIST + "?first=2025-05-02&last=2025-05-01").status == 400
        assert person.get(LIST + "?company=nobody").status == 400


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_in_filters_do_no_harm(api: Api, words: str) -> None:
    with signed_in(api) as person:
        for name in ("company", "model", "status", "open", "first", "last", "cursor", "other"):
            page = read_page(person.client.get(LIST, params={name: words}))
            assert page.status in (200, 400, 431), (name, page.status)
            assert MARKUP not in page.response.text


def test_the_list_shows_open_batches_and_leads_to_requests(api: Api, site: Site) -> None:
    with signed_in(api) as person:
        page = person.get(LIST)
        assert {f"{LIST}/{site.open_batch}", f"{LIST}/{site.ended}"} <= set(page.links)
        assert f"/console/requests?batch={site.open_batch}" in page.links
        only_open = person.get(LIST + "?open=true")
        assert f"{LIST}/{site.ended}" not in only_open.links
        assert f"{LIST}/{site.open_batch}" in only_open.links
        nothing = person.get(LIST + "?status=validating")
        assert "No batch matches" in nothing.text


def test_pages_follow_one_another(api: Api, site: Site) -> None:
    with api.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ai_batch_requests (company_id, model, endpoint, key_fingerprint, request_count, body_bytes,"
                " token_estimate, created_at, status_changed_at, status)"
                " SELECT company_id, 'm', endpoint, 'k', 1, 1, 1, created_at, created_at, 'FAILED'"
                " FROM ai_batch_requests, generate_series(1, 70) WHERE openai_batch_id = 'batch_open'"
            )
        )
    with signed_in(api) as person:
        first = person.get(LIST + "?model=m")
        second = person.get(first.link("cursor="))
        seen = [{link for link in page.links if link.startswith(f"{LIST}/0")} for page in (first, second)]
        assert [len(each) for each in seen] == [50, 20]
        assert not seen[0] & seen[1]
        assert len(first.response.content) < 60_000
        assert person.get(LIST + "?" + urlencode({"cursor": first.link("cursor=").rpartition("=")[2]})).status == 400


def test_a_batch_shows_its_course_counts_and_cost(api: Api, site: Site) -> None:
    with signed_in(api) as person:
        page = person.counted(f"{LIST}/{site.ended}")
        assert page.status == 200
        assert MARKUP not in page.response.text
        for words in ("Its requests were claimed", "Its results were ingested", "are not stored", "Set aside"):
            assert words in page.text
        assert f"/console/requests?batch={site.ended}&outcome=truncated" in page.links
        assert "The batch was made of 1 requests, but 3 tries are stored" in page.text
        assert any(link.startswith("https://dagster.example.org/ui/runs/run%2F%3Cscript%3E") for link in page.links)
        assert "It has ended" in page.text
        by_name = person.get(f"{LIST}/batch_ended")
        assert by_name.status == 200
        for unknown in (str(uuid.uuid4()), "batch_none", "a%00b"):
            assert person.get(f"{LIST}/{unknown}").status == 404
            assert person.get(f"{LIST}/{unknown}/cancel").status == 404


def test_a_cancel_says_what_it_means_and_is_asked_for_once(api: Api, site: Site) -> None:
    with signed_in(api) as person:
        page = person.counted(f"{LIST}/{site.open_batch}")
        shown = person.counted(page.link("/cancel"))
        assert "wait again" in shown.text
        assert "repeated to the service at every poll" in shown.text
        assert "1 open request" in shown.text
        other = person.counted(shown.link("unfinished=failed"))
        assert "fail with the code cancelled" in other.text.replace("`", "")
        assert cancel_of(api.engine, site.open_batch) == (None, None)
        confirm = other.form("/cancel")
        assert dict(confirm.fields)["unfinished"] == "failed"
        done = person.send(confirm)
        assert done.status == 200
        at, unfinished = cancel_of(api.engine, site.open_batch)
        assert at is not None and unfinished == "failed"
        assert "A cancel was asked for" in done.text
        again = person.send(confirm, {"unfinished": "pending"})
        assert again.status == 409
        assert cancel_of(api.engine, site.open_batch) == (at, "failed")
        assert "is asked for" not in person.counted(f"{LIST}/{site.open_batch}/cancel").text
    (line, refused) = [line for line in api.audit() if line.action == "cancel"]
    assert (line.outcome, line.detail["unfinished"], refused.outcome) == ("done", "failed", "failed")


def test_only_what_can_be_cancelled_here_is_offered(api: Api, site: Site) -> None:
    with signed_in(api) as person:
        ended = person.get(f"{LIST}/{site.ended}/cancel")
        assert "It has ended" in ended.text
        assert not [form for form in ended.forms if "/cancel" in form.action]
        token = person.form_token()
        assert person.post(f"{LIST}/{site.ended}/cancel", {"form_token": token, "unfinished": "pending"}).status == 409
        assert (
            person.post(f"{LIST}/{site.open_batch}/cancel", {"form_token": token, "unfinished": "gone"}).status == 400
        )
        with api.engine.begin() as connection:
            connection.execute(text("UPDATE ai_batch_requests SET endpoint = 'elsewhere/v1'"))
        elsewhere = person.get(f"{LIST}/{site.open_batch}/cancel")
        assert "It was made at elsewhere/v1" in elsewhere.text
        assert (
            person.post(f"{LIST}/{site.open_batch}/cancel", {"form_token": token, "unfinished": "failed"}).status == 409
        )
    assert cancel_of(api.engine, site.open_batch) == (None, None)


def test_without_a_key_nothing_is_cancelled(engine: Engine, tmp_path: Path) -> None:
    settings = api_settings(tmp_path)
    site = fill(engine, settings)
    with running_api(settings, engine, make_pages=pages) as api, signed_in(api) as person:
        assert "OPENAI_API_KEY is not set" in person.get(f"{LIST}/{site.open_batch}").text


def test_companies_see_no_batches_and_readers_change_none(engine: Engine, tmp_path: Path) -> None:
    settings = api_settings(tmp_path, livedash_console_read_only=True, openai_api_key="key")
    site = fill(engine, settings)
    with running_api(settings, engine, make_pages=pages) as api:
        with signed_in(api, company="acme") as person:
            for path in ("", f"/{site.open_batch}", f"/{site.open_batch}/cancel"):
                assert person.get(LIST + path).status in (403, 404)
        with signed_in(api) as person:
            page = person.get(f"{LIST}/{site.open_batch}")
            assert page.status == 200
            assert not any(link.endswith("/cancel") for link in page.links)
            assert person.get(f"{LIST}/{site.open_batch}/cancel").status == 403
            fields = {"form_token": person.form_token(), "unfinished": "failed"}
            assert person.post(f"{LIST}/{site.open_batch}/cancel", fields).status == 403
    assert cancel_of(engine, site.open_batch) == (None, None)
