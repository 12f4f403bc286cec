"""`livedash token`, `audit` and `serve`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine

from tests.commands.conftest import NO_DAGSTER, Run, document_of
from tests.flow.rows import insert_company

LISTED = [
    *("id", "name", "role", "company", "scopes", "prefix", "createdAt", "expiresAt", "revokedAt", "lastUsedAt"),
]


def test_a_token_is_shown_once_and_listed_by_its_beginning(livedash: Run, engine: Engine) -> None:
    with engine.begin() as connection:
        insert_company(connection)
    made = document_of(livedash("token", "create", "--name", "Acme", "--company", "acme", "--days", "30", "--json"))
    token = made["token"]
    assert made["secret"].startswith(token["prefix"])
    assert (token["role"], token["company"], token["revokedAt"]) == ("company", "acme", None)
    assert token["scopes"] == ["sessions:read", "sessions:write", "sessions:erase", "results:read"]
    listed = livedash("token", "list", "--json")
    assert [list(row) for row in document_of(listed)["tokens"]] == [LISTED]
    assert made["secret"] not in listed.stdout
    assert "Acme" in livedash("token", "list").stdout


def test_a_token_ends_when_it_is_revoked(livedash: Run) -> None:
    made = document_of(livedash("token", "create", "--name", "x", "--role", "platform_admin", "--json"))["token"]
    revoked = document_of(livedash("token", "revoke", made["prefix"], "--json"))
    assert (revoked["revoked"], revoked["token"]["id"]) == (True, made["id"])
    assert document_of(livedash("token", "revoke", made["id"], "--json"))["revoked"] is False
    lines = document_of(livedash("audit", "--json"))["entries"]
    assert [(line["action"], line["actor"], line["token"]) for line in lines] == [
        ("token revoke", "command line", made["prefix"]),
        ("token create", "command line", made["prefix"]),
    ]
    assert "token revoke" in livedash("audit", "--action", "token revoke").stdout


def test_the_audit_log_goes_on_by_cursor(livedash: Run) -> None:
    for name in "abc":
        livedash("token", "create", "--name", name, "--role", "platform_admin")
    first = document_of(livedash("audit", "--limit", "2", "--json"))
    rest = document_of(livedash("audit", "--limit", "2", "--cursor", first["nextCursor"], "--json"))
    assert (len(first["entries"]), len(rest["entries"]), rest["nextCursor"]) == (2, 1, None)
    assert "More: livedash audit --cursor" in livedash("audit", "--limit", "2").stdout


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["token", "create", "--name", "x"], "--company"),
        (["token", "create", "--name", "x", "--role", "company"], "--company"),
        (["token", "create", "--name", "x", "--role", "platform_admin", "--company", "acme"], "--company"),
        (["token", "create", "--name", "x", "--company", "nobody"], "nobody"),
        (["token", "create", "--name", " ", "--role", "platform_admin"], "name"),
        (["token", "create", "--name", "x", "--role", "platform_admin", "--scope", "all"], "admin:read"),
        (["token", "create", "--name", "x", "--role", "platform_admin", "--days", "0"], "0 days"),
        (["token", "revoke", "ldt_unknown"], "ldt_unknown"),
        (["token", "revoke", "\0"], "no token"),
        (["audit", "--outcome", "maybe"], "refused"),
        (["audit", "--limit", "0"], "limit"),
        (["audit", "--cursor", "abc"], "cursor"),
    ],
)
def test_arguments_that_cannot_be_are_named(refused: Run, line: list[str], said: str) -> None:
    result = refused(*line)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_damaged_key_is_said(livedash: Run, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    (home / "token.key").write_text("short", encoding="ascii")
    result = livedash("token", "create", "--name", "x", "--role", "platform_admin")
    assert (result.exit_code, "is damaged" in result.stderr) == (2, True)


def test_a_port_in_use_is_said(refused: Run) -> None:
    from livedash_pipeline.api.server import listening

    with listening("127.0.0.1", 0) as listener:
        result = refused("serve", "--port", str(listener.getsockname()[1]))
    assert (result.exit_code, "in use" in result.stderr) == (2, True)


def test_a_wrong_secret_of_webhooks_is_said_before_anything_is_served(
    refused: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", "whsec_!")
    # An address that cannot be used is met only after the secret, so that nothing is ever served here.
    result = refused("serve", "--host", "192.0.2.1", "--workers", "2")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "OPENAI_WEBHOOK_SECRET" in result.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_the_server_answers_until_it_is_told_to_stop(
    livedash: Run, database_url: str, tmp_path: Path, workers: int
) -> None:
    made = document_of(livedash("token", "create", "--name", "x", "--role", "platform_admin", "--json"))
    own = {"DATABASE_URL": database_url, "LIVEDASH_DAGSTER_URL": NO_DAGSTER, "LIVEDASH_HOME": str(tmp_path / "home")}
    line = [sys.executable, "-m", "livedash_pipeline.cli", "serve", "--port", "0", "--workers", str(workers), "--json"]
    environ = {**os.environ, **own, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(line, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            announced: dict[str, Any] = json.loads(server.stdout.readline())
            _walk(announced["address"], made["secret"])
        finally:
            server.send_signal(signal.SIGINT)
            _, errors = server.communicate(timeout=60)
    assert server.returncode == 130, errors.decode()
    assert b"Traceback" not in errors
    assert b"path=/api/admin/legacy/summary" in errors


def _walk(address: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=address, trust_env=False, timeout=60, headers=headers) as client:
        assert client.get("/healthz").status_code == 200
        for _ in range(20):
            # A connection each, so that several processes answer.
            assert client.get("/api/admin/legacy/summary", headers={"Connection": "close"}).status_code == 200
        shown = client.get("/metrics").text
    counted = (
        'livedash_http_request_duration_seconds_count{method="GET",route="/api/admin/legacy/summary",status="200"}'
    )
    assert f"{counted} 20.0" in shown
