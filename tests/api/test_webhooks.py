"""Webhooks of the Batch API: only genuine ones, each once, and only as a hint."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.errors import SettingsError
from livedash_pipeline.services.openai.webhooks import WebhookReader
from tests.api.world import Api, add_batch, add_requests, api_settings, running_api

SECRET = "whsec_" + base64.b64encode(b"a secret of the webhook").decode()
PATH = "/api/webhooks/openai"
EVENT = {"id": "evt_1", "object": "event", "type": "batch.completed", "data": {"id": "batch_1"}, "created_at": 1}


@pytest.fixture
def hooked(engine: Engine, tmp_path: Path) -> Iterator[Api]:
    """A server that takes webhooks; batch_1 is at the service, batch_2 has ended."""
    add_requests(engine, {})
    with engine.begin() as connection:
        company_id = connection.execute(text("SELECT id FROM companies")).scalar_one()
        add_batch(connection, company_id, remote_batch_id="batch_1")
        add_batch(connection, company_id, remote_batch_id="batch_2", status="COMPLETED")
    with running_api(api_settings(tmp_path, openai_webhook_secret=SECRET), engine) as api:
        yield api


def signed(body: bytes, *, webhook_id: str = "wh_1", at: float | None = None, secret: str = SECRET) -> dict[str, str]:
    """Headers as the service sends them."""
    moment = str(int(time.time() if at is None else at))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = hmac.new(key, f"{webhook_id}.{moment}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,bm9uZQ== v1,{base64.b64encode(signature).decode()}",
    }


def deliver(api: Api, event: Any, **signing: Any) -> httpx2.Response:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return api.call("POST", PATH, token="", content=body, headers=signed(body, **signing))


def hints(api: Api) -> list[tuple[str, bool]]:
    with api.engine.connect() as connection:
        query = "SELECT openai_batch_id, poll_hinted_at IS NOT NULL FROM ai_batch_requests ORDER BY 1"
        return [(row[0], row[1]) for row in connection.execute(text(query))]


def test_a_genuine_webhook_makes_the_poll_of_its_batch_due(hooked: Api) -> None:
    assert deliver(hooked, EVENT).json() == {"ok": True}
    assert hints(hooked) == [("batch_1", True), ("batch_2", False)]


def test_a_repeated_delivery_does_nothing(hooked: Api) -> None:
    deliver(hooked, EVENT)
    with hooked.engine.begin() as connection:
        connection.execute(text("UPDATE ai_batch_requests SET poll_hinted_at = NULL"))
    assert deliver(hooked, EVENT).json() == {"ok": True}
    assert hints(hooked)[0] == ("batch_1", False)
    assert deliver(hooked, EVENT, webhook_id="wh_2").status_code == 200
    assert hints(hooked)[0] == ("batch_1", True)


def test_a_delivery_makes_way_for_itself_by_a_hundred_that_are_too_old_to_be_repeated(hooked: Api) -> None:
    with hooked.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO webhook_deliveries (webhook_id, event_type, received_at)"
                " SELECT 'old_' || number, 'batch.completed', clock_timestamp() - make_interval(days => 30 + number)"
                " FROM generate_series(1, 150) AS number"
                " UNION ALL SELECT 'younger', 'batch.completed', clock_timestamp() - interval '29 days'"
            )
        )
    deliver(hooked, EVENT)
    assert deliveries(hooked) == [*(f"old_{number}" for number in range(50, 0, -1)), "younger", "wh_1"]
    deliver(hooked, EVENT, webhook_id="wh_2")
    assert deliveries(hooked) == ["younger", "wh_1", "wh_2"]


def deliveries(api: Api) -> list[str]:
    """Ids of the deliveries that are known, oldest first."""
    with api.engine.connect() as connection:
        return list(connection.scalars(text("SELECT webhook_id FROM webhook_deliveries ORDER BY received_at")))


@pytest.mark.parametrize(
    "event",
    [
        EVENT | {"data": {"id": "batch_of_others"}},
        EVENT | {"data": {"id": "batch_2"}},
        EVENT | {"type": "response.completed", "data": {"id": "batch_1"}},
        EVENT | {"type": "batch.some_new_word", "data": {"id": 5}},
        EVENT | {"data": None},
    ],
)
def test_what_is_not_about_a_running_batch_of_ours_is_taken_and_changes_nothing(hooked: Api, event: Any) -> None:
    response = deliver(hooked, event)
    assert (response.status_code, response.json()) == (200, {"ok": True})
    assert hints(hooked) == [("batch_1", False), ("batch_2", False)]


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": "v1,bm9uZQ=="},
        {"webhook-signature": "v1,\xe9"},
        {"webhook-signature": ""},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "1"},
        {"webhook-id": "wh_other"},
    ],
)
def test_what_is_not_genuine_is_refused_and_written_down(hooked: Api, change: dict[str, str]) -> None:
    body = json.dumps(EVENT).encode()
    headers = {name: value.encode("latin-1") for name, value in (signed(body) | change).items()}
    response = hooked.client.post(PATH, content=body, headers=headers)  # type: ignore[arg-type]
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert hints(hooked)[0] == ("batch_1", False)
    (line,) = hooked.audit()
    assert (line.action, line.outcome, line.actor) == ("webhook", "refused", "anonymous")


def test_an_old_a_future_and_a_foreign_delivery_are_refused(hooked: Api) -> None:
    other = "whsec_" + base64.b64encode(b"another secret").decode()
    for signing in ({"at": time.time() - 400}, {"at": time.time() + 400}, {"secret": other}):
        assert deliver(hooked, EVENT, **signing).status_code == 403, signing
    for body in (b"", b"{}", b"[]", b"no json", b'{"type": "batch.completed\\u0000", "data": {"id": "batch_1"}}'):
        assert deliver(hooked, body).status_code == 403, body
    assert hooked.client.post(PATH, content=b"{}").status_code == 415
    assert deliver(hooked, b"x" * 70_000).status_code == 413
    assert hints(hooked)[0] == ("batch_1", False)


def test_without_a_secret_no_webhook_is_taken(quiet_api: Api) -> None:
    response = deliver(quiet_api, EVENT)
    assert (response.status_code, response.json()["code"]) == (503, "not_configured")
    assert "OPENAI_WEBHOOK_SECRET" in response.json()["detail"]


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!", "whsec_abc"])
def test_a_secret_that_is_none_is_said_at_the_start(secret: str) -> None:
    with pytest.raises(SettingsError, match="OPENAI_WEBHOOK_SECRET"):
        WebhookReader(secret)
