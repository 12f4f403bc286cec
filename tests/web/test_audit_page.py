"""The audit log and prices on pages: filters, cursors, and words of others that do no harm."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert

from livedash_pipeline.base.store import looking
from livedash_pipeline.base.store.tables import audit_log
from tests.api.world import Api, add_requests
from tests.conftest import NOW
from tests.web.person import signed_in

AUDIT = "/console/audit"
HOSTILE = "\u202e<script>alert(1)</script>" + "ا" * 10_000


def add_lines(api: Api, count: int, **values: object) -> None:
    rows = [
        {
            "at": NOW + timedelta(seconds=number),
            "actor": "someone",
            "action": "requeue",
            "outcome": "done",
            "detail": {},
        }
        | values
        for number in range(count)
    ]
    with api.engine.begin() as connection:
        connection.execute(insert(audit_log), rows)


def test_the_log_is_read_page_by_page_and_filtered(api: Api) -> None:
    add_lines(api, 70)
    add_lines(api, 3, action="cancel", outcome="refused", actor="other", status=403)
    with signed_in(api) as person:
        first = person.get(f"{AUDIT}?action=requeue")
        second = person.get(first.link("cursor="))
        assert (first.text.count("someone"), second.text.count("someone")) == (50, 20)
        assert [link for link in second.links if "cursor=" in link] == []
        refused = person.get(f"{AUDIT}?outcome=refused&actor=other")
        assert refused.text.count("403") == 3
        assert "requeue" not in refused.text.partition("Such as")[2].partition("Where")[2]
        assert "No line matches" in person.get(f"{AUDIT}?action=nothing").text
        assert person.get(f"{AUDIT}?outcome=perhaps").status == 400
        assert person.get(f"{AUDIT}?company=initech").status == 400


def test_a_rare_line_is_looked_for_among_so_many_and_then_further(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking.look_through, "__kwdefaults__", {"most": 40})
    add_lines(api, 1, action="rare")
    add_lines(api, 90, at=NOW + timedelta(hours=1))
    with signed_in(api) as person:
        page = person.get(f"{AUDIT}?action=rare")
        for _ in range(4):
            if "Looked through" not in page.text:
                break
            page = person.get(page.link("cursor="))
        assert "rare" in page.text.partition("Detail")[2]


def test_what_others_wrote_does_no_harm(api: Api) -> None:
    add_lines(api, 2, actor=HOSTILE, action=HOSTILE, path=HOSTILE, detail={HOSTILE: [HOSTILE]})
    with signed_in(api) as person:
        page = person.get(AUDIT)
    assert page.status == 200
    assert "<script>alert" not in page.response.text


def test_lines_of_a_company_are_those_of_its_tokens(api: Api) -> None:
    add_requests(api.engine, {})
    with signed_in(api, company="acme") as person:
        assert person.get(AUDIT).status == 403
    with signed_in(api) as person:
        page = person.get(f"{AUDIT}?company=acme")
    assert "sign in" in page.text


def test_prices_and_rates_are_shown_and_not_changed(api: Api) -> None:
    with signed_in(api) as person:
        page = person.counted("/console/prices")
        assert "Exchange rates" in page.text
        assert [form for form in page.forms if form.method == "post" and "prices" in form.action] == []
        assert person.get("/console/prices?every=true&model=gpt-5-mini").status == 200
        assert person.get("/console/prices?page=9999&rates=3").status == 200
    with signed_in(api, scopes=["metrics:read"]) as person:
        assert person.get("/console/prices").status == 403
