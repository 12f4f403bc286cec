"""The server itself: problems for everything, limits, slow clients, a database that is away, health and metrics."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi import APIRouter, Request
from sqlalchemy import Engine, text
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api import protocol
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import allow, guarded_router
from livedash_pipeline.api.http.facts import network_of
from livedash_pipeline.api.http.limits import TokenBuckets
from livedash_pipeline.api.http.recent import RecentAnswers
from livedash_pipeline.api.http.responses import answer
from livedash_pipeline.api.middleware import MAX_HEADERS
from livedash_pipeline.base.store.connect import make_engine
from tests.api.world import ADMIN, Api, api_settings, make_token, running_api

SUMMARY = f"{ADMIN}/summary"


def _raw(api: Api, sent: bytes, *, then_close: bool = False) -> bytes:
    """What comes back on a connection until the server closes it."""
    parts = urlsplit(api.origin)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as connection:
        connection.sendall(sent)
        if then_close:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        # A server that closes before it has read all resets the connection, and its answer may be lost with it.
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(65_536):
                received += chunk
    return received


@pytest.mark.parametrize(
    "path", ["/nothing", "/api", "/api/admin/legacy/", "/api/admin/legacy/summary/", "/%00", "/docs/x"]
)
def test_what_is_not_there_is_a_problem(quiet_api: Api, path: str) -> None:
    response = quiet_api.get(path)
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
    assert response.json()["instance"] == path


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST", "QUERY"])
def test_another_method_is_a_problem_that_names_the_right_ones(quiet_api: Api, method: str) -> None:
    response = quiet_api.call(method, SUMMARY)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
    assert response.json()["code"] == "method_not_allowed"


def test_head_is_get_without_the_body(quiet_api: Api) -> None:
    got, asked = quiet_api.get(SUMMARY), quiet_api.call("HEAD", SUMMARY)
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-length"] == str(len(got.content))
    refused = quiet_api.call("HEAD", SUMMARY, token="")
    assert (refused.status_code, refused.content) == (401, b"")


def test_every_answer_has_an_id_and_the_headers_of_security(quiet_api: Api) -> None:
    for path in (SUMMARY, "/nowhere", "/healthz"):
        headers = quiet_api.get(
            path, headers={"X-Request-Id": "my-trace_1.2", "Origin": "https://evil.example"}
        ).headers
        assert headers["x-request-id"] == "my-trace_1.2"
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert not [name for name in headers if name.startswith("access-control-")]
        assert "server" not in headers
    for strange in ("", "a b", "x" * 65, "é"):
        given = quiet_api.get("/healthz", headers={"X-Request-Id": strange.encode()}).headers["x-request-id"]
        assert len(given) == 32


def test_docs_need_nothing_from_elsewhere(quiet_api: Api) -> None:
    page = quiet_api.get("/docs", token="").text
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert "/api/admin/legacy/requests/requeue" in page
    assert 'id="problem-bad-argument"' in page
    document = quiet_api.get("/openapi.json", token="").json()
    assert document["openapi"].startswith("3.1")


def test_it_is_ready_while_its_database_is(quiet_api: Api, tmp_path: Path) -> None:
    assert quiet_api.get("/readyz", token="").json() == {"status": "ready"}
    away = make_engine("postgresql://nobody@127.0.0.1:9/nothing")
    with running_api(api_settings(tmp_path), away, admin=quiet_api.admin) as api:
        assert api.get("/healthz", token="").status_code == 200
        for path in ("/readyz", SUMMARY):
            response = api.get(path)
            assert (response.status_code, response.json()["code"]) == (503, "unavailable"), path
            assert int(response.headers["retry-after"]) > 0
            assert "127.0.0.1" not in response.text
    away.dispose()


def test_it_is_not_ready_with_another_schema(engine: Engine, tmp_path: Path) -> None:
    with running_api(api_settings(tmp_path), engine) as api:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = 'from_the_future'"))
        assert api.get("/readyz", token="").status_code == 503


def _probe(name: str, access: Access, work: object) -> list[APIRouter]:
    routes = guarded_router("/api", ["probe"])

    @routes.get(f"/{name}")
    @allow(access)
    def probe(request: Request) -> Response:
        work(request)  # type: ignore[operator]
        return answer({"ok": True})

    return [routes]


_READ = Access(Role.PLATFORM_ADMIN, Scope.ADMIN_READ)


def test_a_statement_that_takes_too_long_is_ended(engine: Engine, database_url: str, tmp_path: Path) -> None:
    settings = api_settings(tmp_path)
    token = make_token(engine, settings)
    hurried = make_engine(database_url, statement_timeout=0.3)

    def sleep(_request: Request) -> None:
        with hurried.connect() as connection:
            connection.execute(text("SELECT pg_sleep(30)"))

    with running_api(settings, hurried, make_routers=lambda: _probe("slow", _READ, sleep), admin=token) as api:
        response = api.get("/api/slow")
    hurried.dispose()
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert "statement_timeout" in response.json()["detail"]


def test_a_pool_that_is_used_up_is_said(database_url: str, tmp_path: Path) -> None:
    engine = make_engine(database_url, pool_size=1, pool_timeout=0.05)
    token = make_token(engine, api_settings(tmp_path))
    with running_api(api_settings(tmp_path), engine, admin=token) as api, engine.connect(), engine.connect():
        response = api.get(SUMMARY)
    engine.dispose()
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")


def test_an_unforeseen_failure_shows_nothing_of_itself(engine: Engine, tmp_path: Path) -> None:
    def fail(_request: Request) -> None:
        raise RuntimeError("postgresql://user:password@host")

    with running_api(api_settings(tmp_path), engine, make_routers=lambda: _probe("broken", _READ, fail)) as api:
        response = api.get("/api/broken")
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert "password" not in response.text
    assert "Traceback" not in response.text


# Limits


def test_too_many_requests_of_a_token_have_to_wait(engine: Engine, tmp_path: Path) -> None:
    settings = api_settings(tmp_path, livedash_token_rate=0.001)
    with running_api(settings, engine) as api:
        # The bucket holds one at least.
        answers = [api.get(SUMMARY) for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 429, 429]
        assert int(answers[1].headers["retry-after"]) > 100
        assert api.get(SUMMARY, token=api.token()).status_code == 200, "another token has its own"
        # The first refusal of a row is written down, not each of them.
        assert [line.status for line in api.audit()] == [429]


def test_too_many_requests_from_an_address_have_to_wait(engine: Engine, tmp_path: Path) -> None:
    with running_api(api_settings(tmp_path, livedash_address_rate=0.001), engine) as api:
        assert [api.get("/nowhere", token="").status_code for _ in range(2)] == [404, 429]
        assert api.get("/healthz", token="").status_code == 200, "probes are not refused"


@pytest.mark.parametrize("rate", [0, 100_000])
def test_a_flood_of_wrong_tokens_does_not_fill_the_audit_log(engine: Engine, tmp_path: Path, rate: float) -> None:
    with running_api(api_settings(tmp_path, livedash_address_rate=rate), engine, brakes_refusals=True) as api:
        statuses = [api.get(SUMMARY, token="").status_code for _ in range(60)]
        assert statuses[:30] == [401] * 30
        assert 429 in statuses
        assert len(api.audit()) == statuses.count(401)
        assert api.get(SUMMARY).status_code == 200, "a good token is none of them"


def test_buckets_fill_up_again_and_are_forgotten() -> None:
    now = [0.0]
    buckets = TokenBuckets(1, 2, clock=lambda: now[0], remembered=3)
    assert [buckets.take("a") is None for _ in range(3)] == [True, True, False]
    refusal = buckets.take("a")
    assert refusal is not None
    assert (refusal.seconds, refusal.first) == (1.0, False)
    now[0] += 1.5
    assert buckets.take("a") is None
    assert buckets.take("a") is not None
    for caller in range(100):
        buckets.take(caller)
    assert len(buckets) == 3


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.10", "192.0.2.10"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.10", "192.0.2.10"),
        ("unix", "unix"),
    ],
)
def test_addresses_of_one_ipv6_network_are_counted_together(address: str, network: str) -> None:
    assert network_of({"client": (address, 1)}) == network


def test_kept_answers_are_as_old_as_their_work_took() -> None:
    now, made = [0.0], [0]

    def work() -> int:
        now[0] += 0.1
        made[0] += 1
        return made[0]

    recent = RecentAnswers(lambda: now[0])
    assert recent.get("k", work) == (1, 0.0)
    assert recent.get("k", work)[0] == 1
    assert recent.get("k", work, fresh=True)[0] == 2
    now[0] += 10.1
    assert recent.get("k", work)[0] == 3
    recent.clear()
    assert recent.get("k", work)[0] == 4


def test_one_works_an_answer_out_while_others_get_the_one_before() -> None:
    now, begun, go_on = [0.0], threading.Event(), threading.Event()
    recent = RecentAnswers(lambda: now[0])

    def first() -> str:
        now[0] += 0.5
        return "before"

    def slow() -> str:
        begun.set()
        go_on.wait(300)
        return "after"

    recent.get("k", first)
    now[0] = 11.0
    worker = threading.Thread(target=lambda: recent.get("k", slow))
    worker.start()
    begun.wait(300)
    assert recent.get("k", slow)[0] == "before"
    go_on.set()
    worker.join()
    assert recent.get("k", slow, fresh=False)[0] == "after"


def test_heads_that_are_too_large_are_refused(quiet_api: Api) -> None:
    many = {f"X-Field-{number}": "1" for number in range(MAX_HEADERS)}
    assert quiet_api.get("/nowhere", headers=many).status_code == 431
    assert quiet_api.get("/nowhere?q=" + "x" * 9000).status_code == 431
    large = b"GET / HTTP/1.1\r\nConnection: close\r\nHost: x\r\nX: " + b"x" * 50_000
    assert _raw(quiet_api, large + b"\r\n\r\n").startswith(b"HTTP/1.1 431 ")
    refused = _raw(quiet_api, large + b"x" * 500_000)
    assert refused == b"" or refused.startswith(b"HTTP/1.1 400 ")
    assert _raw(quiet_api, b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_a_client_that_is_too_slow_is_not_waited_for(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.6)

    def slow_body() -> list[APIRouter]:
        routes = guarded_router("/api", ["probe"])
        access = Access(Role.PLATFORM_ADMIN, Scope.ADMIN_WRITE, action="probe", body="json", body_seconds=0.6)

        @routes.post("/slow")
        @allow(access)
        def slow() -> Response:
            return answer({"ok": True})

        return [routes]

    with running_api(api_settings(tmp_path), engine, make_routers=slow_body) as api:
        assert _raw(api, b"") == b"", "nothing was sent"
        assert _raw(api, b"GET / HTTP/1.1\r\nHost:") == b"", "half a head was sent"
        head = b"POST /api/slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n"
        received = _raw(api, head + f"Authorization: Bearer {api.admin}\r\n\r\n{{".encode())
        assert received.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in received.lower()
        gone = _raw(api, head + f"Authorization: Bearer {api.admin}\r\n\r\n{{".encode(), then_close=True)
        assert gone.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 400 ")) or gone == b""
        assert api.post("/api/slow", {}).status_code == 200


def test_a_body_that_nobody_reads_does_not_keep_its_connection(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    head = b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    with running_api(api_settings(tmp_path), engine) as api:
        for asked, status in ((b"GET /healthz", b"200"), (f"POST {ADMIN}/requests/requeue".encode(), b"401")):
            parts = urlsplit(api.origin)
            # Shorter than connections without a request are kept.
            with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
                connection.sendall(asked + head)
                received = connection.recv(65_536)
                connection.sendall(b"x")
                while chunk := connection.recv(65_536):
                    received += chunk
            assert received.startswith(b"HTTP/1.1 " + status)


def test_a_body_with_two_lengths_is_refused_and_nothing_after_it_is_read(quiet_api: Api) -> None:
    both = b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"
    received = _raw(quiet_api, both + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1 ") == 1
    assert b"Content-Length and Transfer-Encoding" in received


def test_a_body_that_is_no_http_ends_the_connection_and_is_no_failure_of_the_server(
    quiet_api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    chunked = b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    token = f"Authorization: Bearer {quiet_api.admin}\r\n\r\n".encode()
    requeue = f"POST {ADMIN}/requests/requeue".encode()
    assert _raw(quiet_api, requeue + chunked + token + b"zz\r\n").startswith(b"HTTP/1.1 400 ")
    parts = urlsplit(quiet_api.origin)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
        connection.sendall(b"GET /healthz" + chunked + b"\r\n")
        received = connection.recv(65_536)
        connection.sendall(b"zz\r\n")
        while chunk := connection.recv(65_536):
            received += chunk
    assert received.startswith(b"HTTP/1.1 200 ")
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


# Metrics


def test_metrics_show_the_pipeline_and_the_answers(quiet_api: Api) -> None:
    quiet_api.get(SUMMARY)
    shown = quiet_api.get("/metrics").text
    assert 'livedash_requests{status="processing_failed"} 1.0' in shown
    assert 'livedash_requests{status="pending_batching"} 0.0' in shown
    assert 'livedash_batches{status="in_progress"} 0.0' in shown
    assert "livedash_oldest_pending_seconds 0.0" in shown
    counted = (
        'livedash_http_request_duration_seconds_count{method="GET",route="/api/admin/legacy/summary",status="200"}'
    )
    assert counted in shown


def test_metrics_may_be_made_public(engine: Engine, tmp_path: Path) -> None:
    with running_api(api_settings(tmp_path, livedash_metrics_public=True), engine) as api:
        assert api.get("/metrics", token="").status_code == 200
        assert api.get(SUMMARY, token="").status_code == 401
