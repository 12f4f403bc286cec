"""The admin routes about batches, with a local Batch API behind them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.rules.endpoints import endpoint_of
from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from tests.api.world import ADMIN, Api, add_batch, add_requests, api_settings, running_api
from tests.conftest import NOW
from tests.support.races import until_waiting


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningServer]:
    """A Batch API that takes one key."""
    with running_server(tmp_path / "batch-api", api_keys=["key"]) as running:
        yield running


@pytest.fixture
def api(engine: Engine, tmp_path: Path, service: RunningServer) -> Iterator[Api]:
    """A server with a company and that service."""
    add_requests(engine, {})
    settings = api_settings(tmp_path, openai_base_url=service.base_url, openai_api_key="key")
    with running_api(settings, engine) as running:
        yield running


def _batch(api: Api, **values: object) -> uuid.UUID:
    with api.engine.begin() as connection:
        company_id = connection.execute(text("SELECT id FROM companies")).scalar_one()
        endpoint = endpoint_of(api.settings.openai_base_url)
        return add_batch(connection, company_id, **({"endpoint": endpoint} | values))


def test_batches_are_listed_newest_first_and_shown_by_either_id(api: Api) -> None:
    old = _batch(api, remote_batch_id="batch_old")
    new = _batch(api, created_at=NOW + timedelta(hours=1), status="PENDING")
    first = api.get(f"{ADMIN}/batches", params={"limit": 1}).json()
    assert [row["id"] for row in first["batches"]] == [str(new)]
    rest = api.get(f"{ADMIN}/batches", params={"limit": 1, "cursor": first["nextCursor"]}).json()
    assert ([row["id"] for row in rest["batches"]], rest["nextCursor"]) == ([str(old)], None)
    for name in (old, "batch_old"):
        shown = api.get(f"{ADMIN}/batches/{name}").json()["batch"]
        assert (shown["id"], shown["openaiBatchId"], shown["status"]) == (str(old), "batch_old", "in_progress")
    assert list(shown)[:11] == [
        *("id", "openaiBatchId", "company", "model", "status", "openaiStatus", "requests", "createdAt"),
        *("processedAt", "errorCode", "errorMessage"),
    ]


def test_a_batch_that_was_never_bought_is_cancelled_at_once(api: Api) -> None:
    batch_id = _batch(api, status="PENDING")
    done = api.post(f"{ADMIN}/batches/{batch_id}/cancel")
    assert done.json() == {"ok": True, "cancelRequestedCount": 1, "alreadyEndedCount": 0, "notFoundCount": 0}
    assert api.get(f"{ADMIN}/batches/{batch_id}").json()["batch"]["status"] == "cancelled"
    again = api.post(f"{ADMIN}/batches/{batch_id}/cancel", {"unfinished": "failed"})
    assert again.json()["alreadyEndedCount"] == 1
    (first, _) = api.audit()
    assert (first.action, first.outcome, first.detail["batchId"]) == ("cancel", "done", str(batch_id))


def test_the_wish_stays_when_the_service_does_not_take_it(api: Api) -> None:
    batch_id = _batch(api, remote_batch_id="batch_gone")
    assert api.post(f"{ADMIN}/batches/batch_gone/cancel").json()["cancelRequestedCount"] == 1
    shown = api.get(f"{ADMIN}/batches/{batch_id}").json()["batch"]
    assert shown["cancelRequestedAt"] is not None
    assert shown["status"] == "in_progress"


def test_a_bad_choice_or_an_unknown_batch_changes_nothing(api: Api) -> None:
    batch_id = _batch(api, status="PENDING")
    bad = api.post(f"{ADMIN}/batches/{batch_id}/cancel", {"unfinished": "maybe"})
    assert (bad.status_code, bad.json()["errors"][0]["pointer"]) == (422, "/unfinished")
    unknown = api.post(f"{ADMIN}/batches/{uuid.uuid4()}/cancel")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert api.get(f"{ADMIN}/batches/{batch_id}").json()["batch"]["cancelRequestedAt"] is None


def test_reconcile_answers_with_what_it_did(api: Api) -> None:
    document = api.post(f"{ADMIN}/reconcile", {"acceptVanished": False}).json()
    assert document == {
        "ok": True, "adopted": 0, "surplusCancelled": 0, "strangers": 0, "filesRemoved": 0, "vanished": 0, "unclear": 0
    }  # fmt: skip


def test_one_reconcile_runs_at_a_time(api: Api, engine: Engine) -> None:
    with engine.begin() as connection:
        # Holds the reconcile up at its first statement about batches.
        connection.execute(text("LOCK TABLE ai_batch_requests IN ACCESS EXCLUSIVE MODE"))
        answers: list[int] = []
        first = Thread(target=lambda: answers.append(api.post(f"{ADMIN}/reconcile").status_code))
        first.start()
        until_waiting(engine)
        refused = api.post(f"{ADMIN}/reconcile")
    first.join()
    assert (refused.status_code, refused.json()["code"], answers) == (409, "conflict", [200])


def test_a_service_that_refuses_or_is_away_is_said(engine: Engine, tmp_path: Path, service: RunningServer) -> None:
    cases = [
        ({"openai_base_url": service.base_url, "openai_api_key": "wrong"}, 502, "upstream_refused"),
        ({"openai_base_url": "http://127.0.0.1:9/v1", "openai_api_key": "key"}, 503, "upstream_unavailable"),
        ({"openai_base_url": service.base_url}, 503, "not_configured"),
    ]
    for overrides, status, code in cases:
        with running_api(api_settings(tmp_path, **overrides), engine) as api:
            response = api.post(f"{ADMIN}/reconcile")
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert response.json()["remedy"]
        assert (status != 503) or response.headers["retry-after"]
