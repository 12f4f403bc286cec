"""Every page answers, whatever its address and its forms hold."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from livedash_pipeline.access.rules.tokens import Role
from livedash_pipeline.api.access import allowed_names
from livedash_pipeline.api.app import api_routes, create_app
from livedash_pipeline.api.guard import access_of
from livedash_pipeline.web import console
from tests.api.world import Api
from tests.web.person import Person, read_page, signed_in, somebody

ROUTES = api_routes(console.routers())
PAGES = [route for route in ROUTES if "GET" in (route.methods or set())]
CHANGES = [route for route in ROUTES if "POST" in (route.methods or set())]
# Anybody may call these.
OPEN = {"/", "/console", "/console/", "/console/sign-in", "/console/static/{name}"}
# Not a change that anybody would look for in the audit log.
NOT_WRITTEN_DOWN = {"/console/zone"}
HOSTILE = [
    "",
    " ",
    "<script>alert(1)</script>",
    "'; DROP TABLE sessions; --",
    "\u202egnp.exe\u202c \u05e9\u05dc\u05d5\u05dd",
    "{{ 7 * 7 }}",
    "%00",
    "../../etc/passwd",
    "-1",
    "0",
    "9" * 30,
    "NaN",
    "1e309",
    "2026-02-30",
    "0000-01-01",
    "9999-12-31",
    "a" * 1500,
    "\U0001f600",
    "null",
    "acme",
    "processing_failed",
    str(uuid.UUID(int=1)),
]


def named(route: APIRoute) -> str:
    return f"{'/'.join(route.methods or ())} {route.path}"


@pytest.fixture(scope="module")
def operator(quiet_api: Api) -> Iterator[Person]:
    with signed_in(quiet_api) as person:
        yield person


def test_only_the_named_pages_are_open() -> None:
    assert {route.path for route in ROUTES if access_of(route).role is None} == OPEN


def test_every_page_that_changes_something_takes_a_form_and_is_audited() -> None:
    for route in ROUTES:
        assert (route.methods or set()) <= {"GET", "POST"}, named(route)
    for route in CHANGES:
        access = access_of(route)
        assert access.body == "form", named(route)
        assert access.action is not None or route.path in NOT_WRITTEN_DOWN, named(route)


def test_no_page_is_in_the_description_of_the_api(quiet_api: Api) -> None:
    document = create_app(quiet_api.settings, engine=quiet_api.engine).openapi()
    assert [path for path in document["paths"] if path.startswith("/console")] == []


@pytest.mark.parametrize("route", [route for route in ROUTES if route.path not in OPEN], ids=named)
def test_nobody_sees_a_page_without_signing_in(quiet_api: Api, route: APIRoute) -> None:
    with somebody(quiet_api) as person:
        for method in route.methods or set():
            answer = person.client.request(method, _address(route, "acme"), headers={"Sec-Fetch-Site": "same-origin"})
            expected = 303 if method == "GET" else 401
            assert answer.status_code == expected
            assert method != "GET" or answer.headers["location"].startswith("/console/sign-in?")


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if access_of(route).roles == (Role.PLATFORM_ADMIN,)], ids=named
)
def test_no_page_of_operators_is_shown_to_a_company(quiet_api: Api, route: APIRoute) -> None:
    with signed_in(quiet_api, company="acme") as person:
        for method in route.methods or set():
            answer = person.client.request(method, _address(route, "acme"), headers={"Sec-Fetch-Site": "same-origin"})
            assert answer.status_code == 403


@pytest.mark.parametrize("route", [route for route in CHANGES if route.path != "/console/sign-in"], ids=named)
def test_no_form_is_taken_without_its_token(quiet_api: Api, operator: Person, route: APIRoute) -> None:
    answer = operator.client.post(_address(route, "acme"), data={"x": "y"}, headers={"Sec-Fetch-Site": "same-origin"})
    assert (answer.status_code, "none of this session" in answer.text) == (403, True)
    answer = operator.client.post(_address(route, "acme"), data={"x": "y"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


@pytest.mark.parametrize("route", PAGES, ids=named)
@given(data=st.data())
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)
def test_a_page_answers_whatever_its_address_holds(
    quiet_api: Api, operator: Person, route: APIRoute, data: st.DataObject
) -> None:
    names = sorted(allowed_names(route.dependant))
    value = st.one_of(st.sampled_from([*HOSTILE, *_closed_values(route)]), st.text(max_size=30))
    chosen = data.draw(st.dictionaries(st.sampled_from(names), value, max_size=5)) if names else {}
    place = data.draw(st.one_of(st.sampled_from(HOSTILE[2:]), st.just(str(uuid.UUID(int=7)))))
    answer = operator.client.get(_address(route, place), params=chosen)
    assert answer.status_code < 500, answer.text[:2000]
    read_page(answer)
    assert "<script>alert" not in answer.text


def _address(route: APIRoute, value: str) -> str:
    return re.sub(r"\{[^}]*\}", lambda _: quote(value, safe=""), route.path)


def _closed_values(route: APIRoute) -> list[str]:
    """Values of enumerations among the parameters, so that combinations of filters that are allowed are tried too."""
    found: list[str] = []

    def collect(schema: Any) -> None:
        if isinstance(schema, dict):
            found.extend(str(value) for value in schema.get("enum", ()))
            for inner in schema.values():
                collect(inner)
        elif isinstance(schema, list):
            for inner in schema:
                collect(inner)

    for given_field in route.dependant.query_params:
        annotation = given_field.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            collect(annotation.model_json_schema())
    return found
