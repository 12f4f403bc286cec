"""`livedash token`, `audit` and `serve`."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from sqlalchemy import Engine

from tests.commands.conftest import NO_DAGSTER, Run, document_of
from tests.support.rows import insert_company

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
    assert token["scopes"] == [
        "sessions:read",
        "sessions:write",
        "sessions:erase",
        "results:read",
        "spend:read",
        "chats:read",
        "chats:write",
        "texts:read",
    ]
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


def test_a_link_is_made_for_a_token_that_is_valid(livedash: Run) -> None:
    made = document_of(livedash("token", "create", "--name", "x", "--role", "platform_admin", "--json"))["token"]
    link = document_of(livedash("token", "link", made["prefix"], "--base-url", "https://a.example/", "--json"))
    assert re.fullmatch(r"https://a\.example/console/sign-in\?link=ldl_[A-Za-z0-9_-]{43}", link["link"])
    assert "/console/sign-in?link=ldl_" in livedash("token", "link", made["id"]).stdout
    livedash("token", "revoke", made["id"])
    revoked = livedash("token", "link", made["id"])
    assert (revoked.exit_code, "was revoked" in revoked.stderr) == (2, True)
    assert livedash("token", "link", "ldt_nobodys").exit_code == 2


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
    from livedash_pipeline.sockets import listening

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


@pytest.fixture
def environ(database_url: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a server in a process of its own."""
    own = {"DATABASE_URL": database_url, "LIVEDASH_DAGSTER_URL": NO_DAGSTER, "LIVEDASH_HOME": str(tmp_path / "home")}
    return {**os.environ, **own, "PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("workers", [1, 2])
def test_the_server_answers_until_it_is_told_to_stop_and_finishes_what_it_has_begun(
    livedash: Run, environ: dict[str, str], tmp_path: Path, workers: int, number: signal.Signals, status: int
) -> None:
    made = document_of(livedash("token", "create", "--name", "x", "--role", "platform_admin", "--json"))
    line = [sys.executable, "-m", "livedash_pipeline.cli", "serve", "--port", "0", "--workers", str(workers), "--json"]
    with subprocess.Popen(line, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            announced: dict[str, Any] = json.loads(server.stdout.readline())
            _walk(announced["address"], made["secret"])
            with _half_a_request(announced["address"], made["secret"]) as begun:
                server.send_signal(number)
                _wait_until_nobody_listens(announced["address"])
                begun.sendall(b"}")
                assert begun.recv(65_536).startswith(b"HTTP/1.1 200 ")
            _, errors = server.communicate(timeout=600)
        finally:
            # Nothing where it has ended already.
            server.kill()
    assert server.returncode == status, errors.decode()
    assert b"Traceback" not in errors
    assert b"path=/api/admin/legacy/summary" in errors


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sigterm_that_comes_before_uvicorn_has_its_handlers_is_not_lost(
    environ: dict[str, str], tmp_path: Path, workers: int
) -> None:
    # As soon as it listens, and before anything is served.
    program = f"""
import signal
from livedash_pipeline.api import server
server.serve("127.0.0.1", 0, workers={workers}, announce=lambda _: signal.raise_signal(signal.SIGTERM))
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environ, timeout=600, check=False)
    assert ended.returncode == 0


@contextmanager
def _half_a_request(address: str, token: str) -> Iterator[socket.socket]:
    """A connection whose request the server works on: it has asked for the body, of which one byte is missing."""
    parts = urlsplit(address)
    head = (
        "POST /api/admin/legacy/requests/requeue HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: 18\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b'{"requestIds": []')
        yield connection


def _wait_until_nobody_listens(address: str) -> None:
    """Until the server has begun to stop."""
    parts = urlsplit(address)
    for _ in range(6_000):
        try:
            socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.01)
    raise AssertionError("the server still listens")


def _walk(address: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=address, trust_env=False, timeout=600, headers=headers) as client:
        assert client.get("/healthz").status_code == 200
        for _ in range(20):
            # A connection each, so that several processes answer.
            assert client.get("/api/admin/legacy/summary", headers={"Connection": "close"}).status_code == 200
        shown = client.get("/metrics").text
    counted = (
        'livedash_http_request_duration_seconds_count{method="GET",route="/api/admin/legacy/summary",status="200"}'
    )
    assert f"{counted} 20.0" in shown
