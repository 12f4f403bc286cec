"""How a company's files are written, over HTTP: shown, replaced, and refused with a pointer to the field."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.world import Api, add_requests

PROFILE = {
    "version": 1,
    "delimiter": ";",
    "header": True,
    "columns": {"external_session_id": "ID", "start_time": ["Date", "Time"]},
}


@pytest.fixture
def at(api: Api) -> str:
    """The address of a company's profiles."""
    add_requests(api.engine, {"PENDING_BATCHING": 1})
    with api.engine.connect() as connection:
        slug = connection.exec_driver_sql("SELECT slug FROM companies").scalar_one()
    return f"/api/admin/companies/{slug}/profile"


def test_profiles_are_replaced_and_shown(api: Api, at: str) -> None:
    before = api.get(at).json()
    assert (before["csvProfile"], before["transcriptProfile"]) == (None, None)
    answered = api.call("PUT", at, json={"csvProfile": PROFILE, "transcriptProfile": None})
    assert answered.status_code == 200, answered.text
    assert answered.json()["csvProfile"] == PROFILE
    assert api.get(at).json() == answered.json()
    reset = api.call("PUT", at, json={"csvProfile": {"version": 1}, "transcriptProfile": None})
    assert reset.json()["csvProfile"] is None, "the seed's own form is no profile"


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({}, 422, "/csvProfile"),
        ({"csvProfile": PROFILE}, 422, "/transcriptProfile"),
        ({"csvProfile": {"delimiter": "xx"}, "transcriptProfile": None}, 422, "/csvProfile/delimiter"),
        ({"csvProfile": {"columns": {"external_session_id": 1}}, "transcriptProfile": None}, 422, "/csvProfile"),
        ({"csvProfile": {"version": 2}, "transcriptProfile": None}, 422, "/csvProfile/version"),
        ({"csvProfile": [], "transcriptProfile": None}, 422, "/csvProfile"),
    ],
)
def test_what_is_no_profile_is_refused_at_its_field(api: Api, at: str, body: Any, status: int, pointer: str) -> None:
    answered = api.call("PUT", at, json=body)
    assert (answered.status_code, answered.json()["errors"][0]["pointer"]) == (status, pointer)
    assert api.get(at).json()["csvProfile"] is None


def test_an_unknown_company_is_not_found(api: Api) -> None:
    for path in ("/api/admin/companies/nobody/profile", "/api/admin/companies/%00/profile"):
        assert api.get(path).status_code == 404
        assert api.call("PUT", path, json={"csvProfile": None, "transcriptProfile": None}).status_code == 404
