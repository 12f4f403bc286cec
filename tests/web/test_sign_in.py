"""Signing in and out of the console, and what keeps others from doing it for somebody."""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.access.rules.tokens import SECRET_BYTES
from livedash_pipeline.access.steps.signing_in import make_link
from livedash_pipeline.access.steps.token_key import token_key
from livedash_pipeline.web.guard import COOKIE
from tests.api.world import Api, add_requests, api_settings, running_api
from tests.web.person import Person, signed_in, somebody
from tests.web.probe import PAGE, pages

SECRET = "p" * 40


def is_signed_in(person: Person) -> bool:
    return "Sign out" in person.get(PAGE).text


def test_a_token_signs_in_and_leads_back_to_the_page(api: Api) -> None:
    with somebody(api) as person:
        page = person.get(PAGE + "?outcome=refused")
        assert "You are not signed in" in page.text
        done = person.send(page.form("/sign-in"), {"token": api.admin})
        assert str(done.response.url).endswith(PAGE + "?outcome=refused")
        assert is_signed_in(person)
        assert api.admin not in str(dict(person.client.cookies))


def test_the_cookie_is_for_this_site_and_not_for_scripts(api: Api) -> None:
    with somebody(api) as person:
        form = {"token": api.admin}
        here = {"Sec-Fetch-Site": "same-origin"}
        local = person.client.post("/console/sign-in", data=form, headers=here).headers["set-cookie"].lower()
        assert "httponly" in local
        assert "samesite=strict" in local
        assert "path=/console" in local
        assert "secure" not in local
        far = person.client.post("/console/sign-in", data=form, headers=here | {"Host": "livedash.example"})
        assert "secure" in far.headers["set-cookie"].lower()
        assert "plain HTTP" in person.client.get("/console/sign-in", headers={"Host": "livedash.example"}).text


@pytest.mark.parametrize("token", ["", "nonsense", "ldt_" + "a" * 43, "ldt_ü"])
def test_no_other_text_signs_in(quiet_api: Api, token: str) -> None:
    with somebody(quiet_api) as person:
        page = person.send(person.get("/console/sign-in").form("/sign-in"), {"token": token})
        assert page.status == 401
        assert "livedash token create" in page.text
        assert not is_signed_in(person)


def test_signing_in_and_failing_to_are_lines_of_the_audit_log(api: Api) -> None:
    with somebody(api) as person:
        form = person.get("/console/sign-in").form("/sign-in")
        person.send(form, {"token": "ldt_" + "b" * 43})
        person.send(form, {"token": api.admin})
    assert [(line.action, line.outcome, line.actor) for line in api.audit()] == [
        ("sign in", "refused", "anonymous"),
        ("sign in", "done", "test"),
    ]


def test_looking_without_being_signed_in_is_no_refusal_to_write_down(api: Api) -> None:
    with somebody(api) as person:
        person.get(PAGE)
    assert api.audit() == []


def test_signing_out_ends_the_session_at_the_server(api: Api) -> None:
    with signed_in(api) as person:
        kept = person.client.cookies[COOKIE]
        page = person.get(PAGE)
        assert "You have signed out" in person.send(page.form("/sign-out")).text
        person.client.cookies.set(COOKIE, kept, path="/console")
        assert not is_signed_in(person)


def test_a_session_ends_with_its_token(api: Api) -> None:
    with signed_in(api) as person:
        with api.engine.begin() as connection:
            connection.execute(text("UPDATE api_tokens SET revoked_at = now() - interval '1 second'"))
        assert "has expired or was revoked" in person.get(PAGE).text


@pytest.mark.parametrize(
    ("column", "back", "said"),
    [("last_seen_at", timedelta(hours=9), "Nothing was done"), ("created_at", timedelta(days=31), "30 days ago")],
)
def test_a_session_ends_after_a_while(api: Api, column: str, back: timedelta, said: str) -> None:
    with signed_in(api) as person:
        with api.engine.begin() as connection:
            moved = f"UPDATE console_sessions SET created_at = created_at - :back, {column} = now() - :back"
            if column == "created_at":
                moved = "UPDATE console_sessions SET created_at = created_at - :back"
            connection.execute(text(moved), {"back": back})
        assert said in person.get(PAGE).text


def test_being_here_is_noted(api: Api) -> None:
    with signed_in(api) as person:
        with api.engine.begin() as connection:
            moved = (
                "UPDATE console_sessions SET created_at = now() - interval '2 h', last_seen_at = now() - interval '1 h'"
            )
            connection.execute(text(moved))
        assert person.get(PAGE, headers={"X-Livedash-Refresh": "1"}).status == 200
        assert not seen_just_now(api), "a page that refreshes itself is nobody"
        person.get(PAGE)
        assert seen_just_now(api)


def seen_just_now(api: Api) -> bool:
    with api.engine.connect() as connection:
        recent = connection.execute(text("SELECT last_seen_at > now() - interval '1 min' FROM console_sessions"))
        return bool(recent.scalar_one())


def test_no_secret_is_stored(api: Api) -> None:
    with signed_in(api) as person:
        secret = person.client.cookies[COOKIE]
    with api.engine.connect() as connection:
        rows = str(connection.execute(text("SELECT * FROM console_sessions, audit_log")).all())
    assert secret not in rows


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"},
    ],
)
def test_a_form_of_another_site_is_refused(quiet_api: Api, headers: dict[str, str]) -> None:
    with signed_in(quiet_api) as person:
        form = person.get(PAGE).form("/sign-out")
        answer = person.client.post(form.action, data=dict(form.fields), headers=headers)
        assert answer.status_code == 403
        assert "another site" in answer.text
        assert is_signed_in(person)


@pytest.mark.parametrize("token", ["", "0" * 64, "ü"])
def test_a_form_without_its_token_is_refused(quiet_api: Api, token: str) -> None:
    with signed_in(quiet_api) as person:
        form = person.get(PAGE).form("/sign-out")
        assert "none of this session" in person.send(form, {"form_token": token}).text
        assert is_signed_in(person)


def test_a_form_of_another_session_is_refused(quiet_api: Api) -> None:
    with signed_in(quiet_api) as one, signed_in(quiet_api) as other:
        form = one.get(PAGE).form("/sign-out")
        assert other.send(form).status == 403


def test_a_link_signs_in_once(api: Api) -> None:
    with api.engine.connect() as connection:
        token = connection.execute(text("SELECT prefix FROM api_tokens")).scalar_one()
    key = token_key(api.settings)
    link = make_link(api.engine, key, token, random=secrets.token_bytes(SECRET_BYTES))["link"]
    with somebody(api) as person, somebody(api) as other:
        # Looking at it, as programs do ahead of people, does not use it up.
        assert not is_signed_in(other)
        form = other.get(link).form("/sign-in")
        person.send(person.get(link).form("/sign-in"))
        assert is_signed_in(person)
        again = other.send(form)
        assert (again.status, "was used before" in again.text) == (401, True)
        assert not is_signed_in(other)
    assert [(line.action, line.outcome) for line in api.audit()] == [
        ("sign in by link", "done"),
        ("sign in", "refused"),
    ]


def test_the_page_for_signing_in_shows_words_of_ours_alone(quiet_api: Api) -> None:
    with somebody(quiet_api) as person:
        page = person.get("/console/sign-in", params={"reason": "Your account is locked: call 555-0199"})
        assert "locked" not in page.text


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example/", "https://evil.example", "/docs", "/console/\\evil", "/console//e"]
)
def test_signing_in_leads_nowhere_else(quiet_api: Api, elsewhere: str) -> None:
    with somebody(quiet_api) as person:
        page = person.get("/console/sign-in", params={"next": elsewhere})
        fields = {"token": quiet_api.admin, "next": elsewhere}
        answer = person.client.post(
            page.form("/sign-in").action, data=fields, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert answer.headers["location"] == "/console/begin"


def test_a_proxy_names_who_is_signed_in(engine: Engine, tmp_path: Path) -> None:
    settings = api_settings(tmp_path, livedash_console_user_header="X-User", livedash_console_proxy_secret=SECRET)
    with running_api(settings, engine, make_pages=pages) as api, somebody(api) as person:
        named = {"X-User": "test", "X-Livedash-Proxy-Secret": SECRET}
        page = person.get(PAGE, headers=named)
        assert "Sign out" in page.text
        # Forms are bound to the token where there is no session.
        token = dict(page.form("/zone").fields)["form_token"]
        fields = {"zone": "Europe/Berlin", "form_token": token}
        here = {"Sec-Fetch-Site": "same-origin"}
        assert person.client.post("/console/zone", data=fields, headers=named | here).status_code == 303
        for wrong in (
            {"X-User": "test"},
            {"X-User": "test", "X-Livedash-Proxy-Secret": "x" * 40},
            {"X-User": "nobody", "X-Livedash-Proxy-Secret": SECRET},
        ):
            assert "Sign out" not in person.get(PAGE, headers=wrong).text
        twice = [("X-User", "test"), ("X-User", "somebody"), ("X-Livedash-Proxy-Secret", SECRET)]
        refused = person.client.get(PAGE, headers=twice, follow_redirects=True).text
        assert "Sign out" not in refused, "a browser's header beside the proxy's"


def test_a_name_that_several_valid_tokens_have_signs_nobody_in(engine: Engine, tmp_path: Path) -> None:
    settings = api_settings(tmp_path, livedash_console_user_header="X-User", livedash_console_proxy_secret=SECRET)
    named = {"X-User": "test", "X-Livedash-Proxy-Secret": SECRET}
    with running_api(settings, engine, make_pages=pages) as api, somebody(api) as person:
        assert "Sign out" in person.get(PAGE, headers=named).text
        api.token(scopes=["metrics:read"])
        refused = person.get(PAGE, headers=named).text
        assert "Sign out" not in refused
        assert "Several valid tokens have the name" in refused
        with engine.begin() as connection:
            newest = "UPDATE api_tokens SET revoked_at = now() WHERE id = (SELECT id FROM api_tokens ORDER BY id DESC LIMIT 1)"
            connection.execute(text(newest))
        assert "Sign out" in person.get(PAGE, headers=named).text


def test_without_the_setting_no_header_names_anybody(quiet_api: Api) -> None:
    with somebody(quiet_api) as person:
        assert "Sign out" not in person.get(PAGE, headers={"X-User": "test", "X-Livedash-Proxy-Secret": SECRET}).text


def test_a_console_that_is_read_only_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    settings = api_settings(tmp_path, livedash_console_read_only=True)
    with running_api(settings, engine, make_pages=pages) as api, signed_in(api) as person:
        page = person.get(PAGE)
        assert "read-only" in page.text
        token = dict(page.form("/sign-out").fields)["form_token"]
        refused = person.post(PAGE, {"form_token": token})
        assert (refused.status, "The console is read-only." in refused.text) == (403, True)
        assert person.get(PAGE + "/rights").response.json()["scopes"] == [
            "admin:read",
            "chats:all",
            "chats:read",
            "metrics:read",
            "texts:read",
        ]
        # Signing out is no change.
        assert "You have signed out" in person.send(page.form("/sign-out")).text


def test_a_change_is_a_line_of_the_audit_log(api: Api) -> None:
    with signed_in(api) as person:
        token = person.form_token()
        assert "Probe x" in person.post(PAGE, {"form_token": token, "outcome": "x"}).text
        assert person.post(PAGE, {"form_token": token, "outcome": ["x", "y"]}).status == 400
        assert person.post(PAGE, {"form_token": token, "outcome": "\0"}).status == 400
    assert [(line.action, line.outcome, line.status) for line in api.audit()][1:] == [
        ("probe", "done", 303),
        ("probe", "failed", 400),
    ]


def test_a_company_does_not_see_pages_of_operators(api: Api) -> None:
    add_requests(api.engine, {})
    with signed_in(api, company="acme") as person:
        assert person.get(PAGE).status == 403


def test_times_are_in_the_zone_that_the_reader_chose(api: Api) -> None:
    with signed_in(api) as person:
        page = person.get(PAGE)
        assert "UTC" in page.text
        changed = person.send(page.form("/zone"), {"zone": "America/New_York"})
        assert str(changed.response.url).endswith(PAGE)
        assert " EST" in changed.text or " EDT" in changed.text
        assert person.send(page.form("/zone"), {"zone": "Mars/Olympus"}).status == 400
        for hostile in ("../../etc/passwd", "/etc/passwd", "a" * 5000, "UTC\n"):
            assert person.send(page.form("/zone"), {"zone": hostile}).status in (303, 200, 400)


def test_problems_below_the_console_are_pages(quiet_api: Api) -> None:
    with signed_in(quiet_api) as person:
        for path, status in (("/console/nothing", 404), (PAGE + "?x=1", 400), (PAGE + "?outcome=a&outcome=b", 400)):
            page = person.get(path)
            assert (page.status, page.response.headers["content-type"]) == (status, "text/html; charset=utf-8")
            assert "Sign out" in page.text or status == 404
    assert quiet_api.get("/nothing").headers["content-type"] == "application/problem+json"


def test_pages_hold_a_strict_policy_and_are_kept_nowhere(quiet_api: Api) -> None:
    with signed_in(quiet_api) as person:
        headers = person.get(PAGE).response.headers
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_static_files_have_names_of_their_contents_and_are_kept_for_good(quiet_api: Api) -> None:
    with somebody(quiet_api) as person:
        page = person.get("/console/sign-in").response.text
        for name in ("console", "icon"):
            (address,) = {
                part.split('"')[0] for part in page.split('"') if f"/static/{name}." in part and "js" not in part
            }
            answer = person.client.get(address)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
        assert person.client.get("/console/static/console.css").status_code == 404
        assert person.client.get("/console/static/..%2Fguard.py").status_code == 404


def test_the_front_door_leads_to_the_console(quiet_api: Api) -> None:
    with signed_in(quiet_api) as person:
        assert str(person.get("/").response.url).startswith(quiet_api.origin + "/console/")
        assert person.client.get("/").headers["location"] == "/console/"
