"""Who may do what: tokens, roles, scopes, companies, and what is written down about it."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from sqlalchemy import Engine, text
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.app import api_routes, routers
from livedash_pipeline.api.guard import access_of, allow, caller_of, company_of, guarded_router
from livedash_pipeline.api.http.responses import answer
from livedash_pipeline.base.rules.states import RequestStatus
from tests.api.world import ADMIN, Api, add_requests, api_settings, running_api

SUMMARY = f"{ADMIN}/summary"
# Routes that anybody may call; a new one has to be named here.
OPEN = {"/healthz", "/readyz", "/docs", "/openapi.json", "/api/webhooks/openai"}
GUARDED = [route for route in api_routes(routers()) if access_of(route).role is not None]


def test_only_the_named_routes_are_open() -> None:
    assert {route.path for route in api_routes(routers()) if access_of(route).role is None} == OPEN


def test_every_route_that_changes_something_is_audited() -> None:
    changing = [route for route in api_routes(routers()) if (route.methods or set()) - {"GET"}]
    assert [route.path for route in changing if access_of(route).action is None] == []


def test_a_route_without_a_declaration_cannot_be_made() -> None:
    routes = guarded_router("/api", ["x"])
    with pytest.raises(TypeError, match="does not say who may call it"):
        routes.get("/open")(lambda: None)


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: f"{'/'.join(route.methods)} {route.path}")
def test_no_route_answers_a_foreign_token(quiet_api: Api, route: APIRoute) -> None:
    path, methods, access = route.path, route.methods, access_of(route)
    assert access.role is not None and methods is not None
    # Ids that exist, so that a missing check would show something.
    with quiet_api.engine.connect() as connection:
        request_id = connection.execute(text("SELECT id FROM ai_processing_requests")).scalar_one()
    address = re.sub(r"\{[^}]*\}", str(request_id), path)
    foreign = {
        Role.PLATFORM_ADMIN: quiet_api.token(company="acme"),
        Role.COMPANY: quiet_api.token(),
    }[access.role]
    refused = ((foreign, 403),) if len(access.roles) == 1 else ()
    own = quiet_api.token(company="acme" if access.role is Role.COMPANY else None)
    for method in methods:
        for token, expected in (*refused, ("", 401), ("ldt_" + "a" * 43, 401), ("secret", 401)):
            response = quiet_api.call(method, address, token=token)
            problem = response.json()
            assert (response.status_code, problem["status"]) == (expected, expected), (method, token)
            assert str(request_id) not in problem["detail"] + problem["remedy"]
        # Its own token gets past the guard, so the refusals above are the guard's.
        assert quiet_api.call(method, address, token=own).status_code not in (401, 403)


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: f"{'/'.join(route.methods)} {route.path}")
def test_no_route_answers_a_token_without_its_scope(quiet_api: Api, route: object) -> None:
    access = access_of(route)  # type: ignore[arg-type]
    other = {Scope.METRICS_READ: Scope.ADMIN_READ, Scope.RESULTS_READ: Scope.SESSIONS_READ}.get(
        access.scope or Scope.ADMIN_READ,
        Scope.METRICS_READ if access.role is Role.PLATFORM_ADMIN else Scope.RESULTS_READ,
    )
    token = quiet_api.token(company="acme" if access.role is Role.COMPANY else None, scopes=[other])
    address = re.sub(r"\{[^}]*\}", str(uuid.uuid4()), route.path)  # type: ignore[attr-defined]
    for method in route.methods:  # type: ignore[attr-defined]
        response = quiet_api.call(method, address, token=token)
        assert response.status_code == 403
        assert access.scope in response.json()["detail"]


def test_the_challenge_says_what_is_missing(quiet_api: Api) -> None:
    none = quiet_api.get(SUMMARY, token="")
    assert (none.status_code, none.headers["www-authenticate"]) == (401, 'Bearer realm="livedash"')
    for header in ("Basic YTpi", "Bearer", "bearer nonsense", "Bearer ldt_", "ldt_" + "a" * 43):
        wrong = quiet_api.get(SUMMARY, token="", headers={"Authorization": header})
        assert (wrong.status_code, 'error="invalid_token"' in wrong.headers["www-authenticate"]) == (401, True)


def test_expired_and_revoked_tokens_end_at_once(api: Api) -> None:
    expired, revoked = api.token(days=1), api.token()
    assert api.get(SUMMARY, token=expired).status_code == api.get(SUMMARY, token=revoked).status_code == 200
    with api.engine.begin() as connection:
        move = "UPDATE api_tokens SET created_at = created_at - :days, expires_at = expires_at - :days WHERE prefix = :prefix"
        connection.execute(text(move), {"days": timedelta(days=2), "prefix": expired[:12]})
        connection.execute(text("UPDATE api_tokens SET revoked_at = created_at WHERE prefix = :p"), {"p": revoked[:12]})
    assert "has expired" in api.get(SUMMARY, token=expired).json()["detail"]
    assert "was revoked" in api.get(SUMMARY, token=revoked).json()["detail"]


def test_no_token_and_no_key_is_stored(api: Api) -> None:
    assert (api.settings.home / "token.key").stat().st_mode & 0o777 == 0o600
    key = (api.settings.home / "token.key").read_text(encoding="ascii").strip()
    api.get(SUMMARY)
    with api.engine.connect() as connection:
        rows = str(connection.execute(text("SELECT * FROM api_tokens, audit_log")).all())
    assert api.admin not in rows
    assert key not in rows
    assert api.admin[:12] in rows


def test_another_key_knows_no_token(api: Api, tmp_path: Path) -> None:
    other = api_settings(tmp_path, livedash_token_key="k" * 32)
    with running_api(other, api.engine) as changed:
        assert changed.get(SUMMARY).status_code == 200
        assert changed.get(SUMMARY, token=api.admin).status_code == 401


def test_the_last_use_is_remembered(api: Api) -> None:
    api.get(SUMMARY)
    with api.engine.connect() as connection:
        used = connection.execute(text("SELECT last_used_at FROM api_tokens")).scalar_one()
    assert used is not None


def test_refused_calls_are_written_down_with_who_and_what(api: Api) -> None:
    add_requests(api.engine, {"PROCESSING_FAILED": 1})
    company = api.token(company="acme")
    api.post(f"{ADMIN}/requests/requeue?x=%00", {"requestIds": []}, token=company, headers={"X-Request-Id": "trace-1"})
    api.get(SUMMARY, token="")
    api.post(f"{ADMIN}/requests/requeue", {"requestIds": 1})
    lines = api.audit()
    shown = [(line.actor, line.action, line.outcome, line.status, line.method, line.path) for line in lines]
    assert shown == [
        ("test", "requeue", "refused", 403, "POST", f"{ADMIN}/requests/requeue"),
        ("anonymous", "read", "refused", 401, "GET", SUMMARY),
        ("test", "requeue", "failed", 422, "POST", f"{ADMIN}/requests/requeue"),
    ]
    assert lines[0].company_id is not None
    assert (lines[0].request_id, lines[0].address) == ("trace-1", "127.0.0.1")


def test_a_change_has_its_line_before_it_is_made(engine: Engine, tmp_path: Path) -> None:
    seen: list[tuple[str, object]] = []

    def probing() -> list[APIRouter]:
        routes = guarded_router("/api", ["probe"])

        @routes.post("/probe")
        @allow(Access(Role.PLATFORM_ADMIN, Scope.ADMIN_WRITE, action="probe"))
        def probe() -> Response:
            with engine.connect() as connection:
                line = connection.execute(text("SELECT outcome, detail FROM audit_log WHERE action = 'probe'")).one()
            seen.append((line.outcome, line.detail))
            raise RuntimeError("a secret that must not show")

        return [routes]

    with running_api(api_settings(tmp_path), engine, make_routers=probing) as api:
        response = api.post("/api/probe")
        assert (response.status_code, response.json()["code"]) == (500, "internal")
        assert "secret" not in response.text
        assert seen == [("failed", {"begun": True})]
        (line,) = api.audit()
        assert (line.outcome, line.status, line.detail) == ("failed", 500, {})


def test_a_company_token_acts_for_its_company_alone(engine: Engine, tmp_path: Path) -> None:
    def probing() -> list[APIRouter]:
        routes = guarded_router("/api", ["probe"])

        @routes.get("/whose")
        @allow(Access(Role.COMPANY, Scope.SESSIONS_READ))
        def whose(request: Request) -> Response:
            return answer({"ok": True, "company": caller_of(request).company, "id": str(company_of(request))})

        return [routes]

    add_requests(engine, {})
    add_requests(engine, {}, slug="globex")
    with running_api(api_settings(tmp_path), engine, make_routers=probing) as api:
        found = [api.get("/api/whose", token=api.token(company=slug)).json() for slug in ("acme", "globex")]
    assert [one["company"] for one in found] == ["acme", "globex"]
    assert found[0]["id"] != found[1]["id"]


def test_statuses_that_the_routes_name_are_those_of_the_code() -> None:
    assert [status.lower() for status in RequestStatus] == [
        "pending_batching",
        "batching_in_progress",
        "processing_complete",
        "processing_failed",
    ]
