"""Tokens on pages: shown once, never more rights than their maker's, and ended at once."""

from __future__ import annotations

import re
import uuid

import pytest
from sqlalchemy import insert, select, text

from livedash_pipeline.access.rules.tokens import SCOPES, Role
from livedash_pipeline.base.store.tables import api_tokens
from tests.api.world import Api, add_requests
from tests.conftest import NOW
from tests.web.person import Page, Person, signed_in

TOKENS = "/console/tokens"
SECRET = re.compile(r"ldt_[A-Za-z0-9_-]{43}")


def made(person: Person, company: str = "", /, **fields: str | list[str]) -> Page:
    """The answer to the form for a new token."""
    page = person.get(f"{TOKENS}/new" + (f"?company={company}" if company else ""))
    form = page.form(TOKENS)
    return person.send(form, {"name": "dashboards", "scope": ["results:read" if company else "admin:read"]} | fields)


def test_a_token_is_shown_once_and_works(api: Api) -> None:
    add_requests(api.engine, {})
    with signed_in(api) as person:
        page = made(person, "acme", scope=["results:read", "spend:read"], days="30")
        (secret,) = SECRET.findall(page.response.text)
        assert page.response.headers["cache-control"] == "no-store"
        assert secret not in str(page.response.url)
        assert api.get("/api/admin/spend", token=secret).json()["company"] == "acme"
        listed = person.get(TOKENS)
        assert "dashboards" in listed.text
        assert secret not in listed.response.text
        assert secret not in person.get(page.link("/tokens/0")).response.text
    entry = next(line for line in api.audit() if line.action == "token create")
    assert (entry.outcome, entry.detail["company"]) == ("done", "acme")
    assert secret not in str(api.audit())
    with api.engine.connect() as connection:
        assert secret not in str(connection.execute(select(api_tokens)).all())


def test_who_sees_only_own_chat_batches_gives_no_company_sight_of_all(api: Api) -> None:
    add_requests(api.engine, {})
    with signed_in(api, scopes=["admin:write", "chats:read", "chats:write"]) as person:
        for scope in ("chats:read", "chats:write"):
            refused = made(person, "acme", scope=[scope])
            assert (refused.status, SECRET.findall(refused.response.text)) == (400, []), scope
        assert made(person, scope=["chats:read"]).status == 200
    with signed_in(api, scopes=["admin:write", "chats:read", "chats:all"]) as person:
        assert made(person, "acme", scope=["chats:read"]).status == 200


def test_nobody_gives_more_rights_than_they_have(api: Api) -> None:
    add_requests(api.engine, {})
    with signed_in(api, scopes=["admin:read", "admin:write"]) as person:
        page = person.get(f"{TOKENS}/new?company=acme")
        assert "it is more than you may do yourself" in page.text
        for company, scope in (("", "chats:all"), ("", "texts:read"), ("acme", "texts:read"), ("acme", "chats:write")):
            refused = made(person, company, scope=[scope])
            assert refused.status == 400, scope
            assert f"You do not have the right {scope} yourself" in refused.text
            assert not SECRET.search(refused.response.text)
        assert made(person, "acme", scope=["sessions:erase", "sessions:read"]).status == 200
        assert made(person, scope=["admin:read", "admin:write"]).status == 200
    with signed_in(api, scopes=["admin:read"]) as reader:
        assert reader.get(f"{TOKENS}/new").status == 403
        sent = reader.post(TOKENS, {"form_token": reader.form_token(), "name": "x", "scope": "admin:read"})
        assert sent.status == 403


def test_a_token_ends_with_its_makers_at_the_latest(api: Api) -> None:
    maker = api.token(scopes=["admin:read", "admin:write"], days=2)
    with signed_in(api) as person:
        person.client.cookies.clear()
        page = person.get("/console/sign-in")
        person.send(page.form("/sign-in"), {"token": maker})
        for days in ("", "30", "1"):
            assert made(person, days=days, name=f"of {days or 'no'} days").status == 200
    with api.engine.connect() as connection:
        query = (
            "SELECT name, extract(day FROM expires_at - created_at) FROM api_tokens WHERE name LIKE 'of %' ORDER BY id"
        )
        days_left: dict[str, int] = {name: int(days) for name, days in connection.execute(text(query))}
    assert days_left == {"of no days": 1, "of 30 days": 1, "of 1 days": 1}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"scope": []}, "No right is chosen"),
        ({"name": " "}, "no name of a token"),
        ({"name": "a\u202eb"}, "no name of a token"),
        ({"days": "soon"}, "no number of days"),
        ({"days": "0"}, "0 days cannot be"),
        ({"days": "99999"}, "99999 days cannot be"),
        ({"days": "-1"}, "no number of days"),
        ({"days": "²"}, "no number of days"),
        ({"scope": ["results:read"]}, "no scope of the role"),
        ({"scope": ["everything"]}, "no scope of the role"),
        ({"company": "initech"}, "no company"),
    ],
)
def test_a_token_that_cannot_be_is_refused(quiet_api: Api, fields: dict[str, str | list[str]], says: str) -> None:
    usual: dict[str, str | list[str]] = {"scope": ["results:read"]} if "company" in fields else {}
    with signed_in(quiet_api) as person:
        refused = made(person, "", **(usual | fields))
    assert refused.status == 400
    assert says in refused.text


def test_a_revoked_token_ends_its_sessions(api: Api) -> None:
    with signed_in(api) as admin, signed_in(api, scopes=["admin:read"]) as other:
        assert other.get(TOKENS).status == 200
        listed = admin.get(f"{TOKENS}?state=valid")
        page = admin.get(listed.link("/tokens/0"))
        done = admin.send(page.form("/revoke"))
        assert "revoked" in done.text
        assert "You are not signed in" in other.get(TOKENS).text or "Sign in" in other.get(TOKENS).text
        assert "revoked" in admin.get(f"{TOKENS}?state=ended").text
        assert len([link for link in admin.get(done.link("/audit")).links if "/audit" in link]) > 0
    line = next(line for line in api.audit() if line.action == "token revoke")
    assert (line.outcome, line.detail["revoked"]) == ("done", True)


def test_a_token_that_does_not_exist_is_not_found(quiet_api: Api) -> None:
    with signed_in(quiet_api) as person:
        assert person.get(f"{TOKENS}/{uuid.uuid4()}").status == 404
        assert person.get(f"{TOKENS}/no-id").status in (400, 404)
        fields = {"form_token": person.form_token()}
        assert person.post(f"{TOKENS}/{uuid.uuid4()}/revoke", fields).status == 404


def test_a_company_sees_no_tokens(quiet_api: Api) -> None:
    with signed_in(quiet_api, company="acme") as person:
        for path in (TOKENS, f"{TOKENS}/new"):
            assert person.get(path).status == 403


def test_many_tokens_come_page_by_page(api: Api) -> None:
    rows = [
        {
            "name": f"{'<b>' * 60}{number}", "role": Role.PLATFORM_ADMIN, "scopes": list(SCOPES[Role.PLATFORM_ADMIN]),
            "token_hash": str(number), "prefix": f"ldt_{number:08}", "created_at": NOW,
        }
        for number in range(120)
    ]  # fmt: skip
    with api.engine.begin() as connection:
        connection.execute(insert(api_tokens), rows)
    seen: set[str] = set()
    with signed_in(api) as person:
        path = TOKENS
        while True:
            page = person.get(path)
            assert "<b><b>" not in page.response.text
            assert len(page.response.content) < 60_000
            seen |= set(re.findall(r"ldt_\d{8}", page.text))
            following = [link for link in page.links if "cursor=" in link]
            if not following:
                break
            path = following[-1]
        assert len(seen) == 120
        assert person.get(f"{TOKENS}?cursor=nonsense").status == 400
        assert "No token matches" in person.get(f"{TOKENS}?company=acme").text
