"""Caps and budgets over HTTP: shown to administrators, set with an audit line, and to a company only its own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.world import Api, add_requests

CAPS = "/api/admin/caps"
OWN = "/api/admin/companies/acme/caps"
BODY = {"monthlyCapEur": "50.00", "dailyCapEur": "0", "monthlyBudgetEur": None}


@pytest.fixture(autouse=True)
def _companies(api: Api) -> None:
    add_requests(api.engine, {"PENDING_BATCHING": 2})
    add_requests(api.engine, {"PENDING_BATCHING": 1}, slug="globex")


def test_a_companys_own_limits_are_replaced_shown_and_audited(api: Api) -> None:
    assert api.get(OWN).json() == {
        "ok": True, "company": "acme", "monthlyCapEur": None, "dailyCapEur": None, "monthlyBudgetEur": None,
    }  # fmt: skip
    answered = api.call("PUT", OWN, json=BODY)
    assert answered.status_code == 200, answered.text
    assert answered.json() == api.get(OWN).json()
    assert (answered.json()["monthlyCapEur"], answered.json()["dailyCapEur"]) == ("50", "0")
    (line,) = [line for line in api.audit() if line.action == "set_caps"]
    assert (line.outcome, line.actor) == ("done", "test")
    assert line.detail == {"company": "acme", "monthlyCapEur": "50", "dailyCapEur": "0", "monthlyBudgetEur": None}
    cleared = dict.fromkeys(BODY)
    assert api.call("PUT", OWN, json=cleared).json()["monthlyCapEur"] is None


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/monthlyCapEur"),
        ({**BODY, "monthlyCapEur": "-1"}, "/monthlyCapEur"),
        ({**BODY, "dailyCapEur": 5}, "/dailyCapEur"),
        ({**BODY, "monthlyBudgetEur": "none"}, "/monthlyBudgetEur"),
        ({**BODY, "weeklyCapEur": "1"}, "/weeklyCapEur"),
    ],
)
def test_what_is_no_amount_is_refused_at_its_field(api: Api, body: Any, pointer: str) -> None:
    answered = api.call("PUT", OWN, json=body)
    assert (answered.status_code, answered.json()["errors"][0]["pointer"]) == (422, pointer)
    assert api.get(OWN).json()["dailyCapEur"] is None


def test_an_unknown_company_is_not_found(api: Api) -> None:
    path = "/api/admin/companies/nobody/caps"
    assert (api.get(path).status_code, api.call("PUT", path, json=BODY).status_code) == (404, 404)


def test_administrators_see_all_companies_and_all_together(api: Api) -> None:
    api.call("PUT", OWN, json=BODY)
    document = api.get(CAPS).json()
    assert [each["company"] for each in document["companies"]] == ["acme", "globex"]
    assert document["total"]["waitingRequests"] == 3
    assert [limit["eur"] for limit in document["companies"][0]["limits"]] == ["50", "0"]
    one = api.get(f"{CAPS}?company=globex").json()
    assert ([each["company"] for each in one["companies"]], one["total"]) == (["globex"], None)


def test_a_companys_token_sees_its_own_limits_and_never_all_together(api: Api) -> None:
    token = api.token(company="acme")
    document = api.get("/api/v1/caps", token=token).json()
    assert [each["company"] for each in document["companies"]] == ["acme"]
    assert document["total"] is None and "globex" not in str(document)
    assert api.get("/api/v1/caps?company=globex", token=token).status_code == 400
    for path in (CAPS, OWN):
        assert api.get(path, token=token).status_code == 403
    assert api.call("PUT", OWN, token=token, json=BODY).status_code == 403


def test_a_companys_limits_are_for_tokens_that_may_read_its_spending(api: Api) -> None:
    refused = api.get("/api/v1/caps", token=api.token(company="acme", scopes=["results:read"]))
    assert (refused.status_code, "spend:read" in refused.json()["detail"]) == (403, True)
    assert api.get("/api/v1/caps", token=api.token(company="acme", scopes=["spend:read"])).status_code == 200
