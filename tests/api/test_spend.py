"""The route about money: the document of the command, and of one company alone for its own token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine
from starlette.requests import Request

from livedash_pipeline.access.rules.tokens import Caller, Role
from livedash_pipeline.api.problems import Problem
from livedash_pipeline.api.routes.admin.spend import own_company
from livedash_pipeline.overview.steps.spend import report_spend
from tests.api.world import Api, add_requests, api_settings, running_api
from tests.support.rows import insert_company

SPEND = "/api/admin/spend"


@pytest.fixture
def api(engine: Engine, tmp_path: Path) -> Iterator[Api]:
    """A server with two companies."""
    add_requests(engine, {})
    with engine.begin() as connection:
        insert_company(connection, "globex")
    with running_api(api_settings(tmp_path), engine) as running:
        yield running


def test_the_document_is_that_of_the_command(api: Api) -> None:
    answered = api.get(SPEND, params={"by": "day,model", "from": "2025-05-01", "to": "2025-05-31", "company": "acme"})
    assert answered.status_code == 200
    assert answered.json() == report_spend(
        api.engine, by=["day", "model"], start="2025-05-01", end="2025-05-31", company="acme"
    )
    assert answered.headers["age"] == "0"


def test_a_company_sees_its_own_spending_alone(api: Api) -> None:
    token = api.token(company="acme")
    assert api.get(SPEND, token=token).json()["company"] == "acme"
    assert api.get(SPEND, token=token, params={"company": "acme"}).status_code == 200
    assert api.get(SPEND, token=token, params={"company": "globex"}).status_code == 404
    assert api.get(SPEND).json()["company"] is None


def test_a_companys_token_without_a_company_sees_nothing() -> None:
    request = Request({"type": "http", "state": {}})
    request.state.caller = Caller(uuid4(), "t", Role.COMPANY, frozenset(), None, None)
    with pytest.raises(Problem) as refused:
        own_company(request, None)
    assert refused.value.status_code == 500


def test_the_right_to_it_is_one_of_its_own(api: Api) -> None:
    without = api.token(company="acme", scopes=["results:read"])
    refused = api.get(SPEND, token=without)
    assert (refused.status_code, "spend:read" in refused.json()["detail"]) == (403, True)
    only_writes = api.token(scopes=["admin:write"])
    assert "admin:read" in api.get(SPEND, token=only_writes).json()["detail"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"by": "weather"},
        {"from": "today"},
        {"from": "2025-02-30"},
        {"company": "initech"},
        {"month": "2025-05"},
        {"to": "9999-12-31"},
    ],
)
def test_a_wrong_question_is_refused(api: Api, wrong: dict[str, str]) -> None:
    assert api.get(SPEND, params=wrong).status_code == 400
