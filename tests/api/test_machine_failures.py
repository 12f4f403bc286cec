"""A disk or a database that refuses is a 503 with Retry-After over real HTTP, and one line of the log names the errno."""

from __future__ import annotations

import http.client
import json
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from sqlalchemy import Engine, text
from structlog.testing import capture_logs

from livedash_pipeline.base.store.connect import make_engine
from tests.api.submission_site import running_site
from tests.api.world import api_settings, make_token, running_api
from tests.machine_limits import unwritable

SUMMARY = "/api/admin/legacy/summary"
_BATCH = "/api/v1/sessions/batch"


def test_a_batch_that_finds_no_room_is_put_off_and_nothing_of_it_is_stored(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Larger than what is kept in memory.
    session = {"externalId": "chat-1", "startTime": "2025-05-01T12:00:00Z", "endTime": "2025-05-01T12:01:00Z"}
    messages = [{"role": "user", "content": "x" * 1000, "sentAt": "2025-05-01T12:00:00Z"}] * 400
    body = json.dumps([session | {"messages": messages}]).encode()
    with capture_logs() as logged, running_site(engine) as site:
        for place in unwritable(tmp_path).values():
            monkeypatch.setattr(tempfile, "tempdir", str(place))
            refused = site.client("POST", _BATCH, body, Idempotency_Key="one")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "30"), refused.text
            assert refused.headers["content-type"] == "application/problem+json"
            assert refused.json()["code"] == "unavailable"
            assert str(place) not in refused.text
        monkeypatch.undo()
        with engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM session_imports")).scalar_one() == 0
        assert site.client("POST", _BATCH, body, Idempotency_Key="one").status_code == 202
    failed = [line["errno"] for line in logged if line["event"] == "request failed"]
    assert failed == ["ENOTDIR", "ENAMETOOLONG", "ELOOP"]


@pytest.mark.parametrize(
    ("setting", "words"), [("lock_timeout", "did not grant a lock"), ("statement_timeout", "ended a statement")]
)
def test_a_time_out_of_the_database_is_named(
    engine: Engine, database_url: str, tmp_path: Path, setting: str, words: str
) -> None:
    settings = api_settings(tmp_path)
    token = make_token(engine, settings)
    hurried = make_engine(f"{database_url}&options={quote(f'-c {setting}=100')}")
    with running_api(settings, hurried, admin=token) as api, engine.connect() as connection:
        connection.execute(text("LOCK TABLE kept_counts IN ACCESS EXCLUSIVE MODE"))
        response = api.get(SUMMARY)
    hurried.dispose()
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert words in response.json()["detail"]
    assert int(response.headers["retry-after"]) > 0


def test_a_read_only_database_is_told_from_one_that_is_away(engine: Engine, database_url: str, tmp_path: Path) -> None:
    settings = api_settings(tmp_path)
    token = make_token(engine, settings)
    standby = make_engine(f"{database_url}&options={quote('-c default_transaction_read_only=on')}")
    with running_api(settings, standby, admin=token) as api:
        response = api.post("/api/admin/legacy/requests/requeue", {"requestIds": []})
    standby.dispose()
    assert response.status_code == 503, response.text
    assert "takes no changes" in response.json()["detail"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Authorization", ("Bearer {token}", "Bearer other")),
        ("Authorization", ("Bearer {token}", "Bearer {token}")),
        ("Host", ("127.0.0.1", "example.org")),
        ("Content-Type", ("application/json", "text/plain")),
        ("Content-Encoding", ("identity", "gzip")),
        ("Idempotency-Key", ("one", "two")),
        ("webhook-id", ("a", "b")),
        ("webhook-signature", ("a", "b")),
        ("webhook-timestamp", ("1", "2")),
    ],
)
def test_a_header_that_decides_something_is_taken_once_only(api: Any, name: str, values: tuple[str, str]) -> None:
    parts = urlsplit(api.origin)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    connection.putrequest("GET", SUMMARY, skip_host=name == "Host")
    if name != "Authorization":
        connection.putheader("Authorization", f"Bearer {api.admin}")
    for value in values:
        connection.putheader(name, value.format(token=api.admin))
    connection.endheaders()
    answer = connection.getresponse()
    document = json.loads(answer.read())
    connection.close()
    assert (answer.status, document["code"]) == (400, "bad_request")
    assert api.get(SUMMARY).status_code == 200
