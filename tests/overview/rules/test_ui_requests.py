"""Which requests Dagster's webserver is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.overview.rules.ui_requests import UiRequest, local_origins, plain_origin, refuse_ui_request

ORIGINS = local_origins(3000) | {"https://dagster.example.com"}
JSON = {"content-type": "application/json; charset=utf-8"}


def refused(method: str, target: str = "/graphql", **headers: str | list[str]) -> int | None:
    path, _, query = target.partition("?")
    given = {"host": "127.0.0.1:3000"} | {name.replace("_", "-"): value for name, value in headers.items()}
    lists = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
    refusal = refuse_ui_request(UiRequest(method, path, query, lists), ORIGINS)
    return refusal.status if refusal else None


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/", {}),
        ("GET", "/runs?query=x", {"sec_fetch_site": "cross-site"}),
        ("GET", "/graphql", {"accept": "text/html"}),
        ("HEAD", "/", {"host": "localhost:3000"}),
        ("POST", "/graphql", JSON),
        ("POST", "/graphql", JSON | {"origin": "http://127.0.0.1:3000", "sec_fetch_site": "same-origin"}),
        ("POST", "/graphql", JSON | {"host": "LOCALHOST:3000", "origin": "http://localhost:3000"}),
        ("POST", "/graphql", JSON | {"host": "dagster.example.com", "origin": "https://dagster.example.com"}),
        ("WEBSOCKET", "/graphql", {"origin": "http://127.0.0.1:3000"}),
        ("WEBSOCKET", "/graphql", {}),
    ],
)
def test_pages_and_programs_of_this_machine_pass(method: str, target: str, headers: dict[str, str]) -> None:
    named = {name.replace("content-type", "content_type"): value for name, value in headers.items()}
    assert refused(method, target, **named) is None


@pytest.mark.parametrize(
    "target",
    [
        "/graphql?query=mutation%7BlaunchRun%7D",
        "/graphql?query=%7Bversion%7D",
        "/graphql?qu%65ry=mutation%7BlaunchRun%7D",
        "/graphql/?query=x",
        "/GraphQL?a=1&query=x",
        "/dagster/graphql?query=x",
        "/graphql?query=",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_graphql_is_not_answered_by_get(method: str, target: str) -> None:
    assert refused(method, target) == 405


@pytest.mark.parametrize(
    "host",
    ["evil.example:3000", "127.0.0.1", "127.0.0.1:3001", "localhost", "127.0.0.1:3000.evil.example", "[::1]:3000",
     "0.0.0.0:3000", "user@127.0.0.1:3000", "", "dagster.example.com:3000", "127.0.0.1:3000/x"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "WEBSOCKET"])
def test_another_name_that_leads_here_is_refused(method: str, host: str) -> None:
    assert refused(method, host=host, content_type="application/json") == 421


@pytest.mark.parametrize("host", ["10.1.2.3:3000", "dagster", ""])
def test_a_probe_of_the_servers_health_may_come_by_any_name(host: str) -> None:
    assert refused("GET", "/server_info", host=host) is None
    assert refused("GET", "/server_info", host=host, origin="http://evil.example") == 403
    for method, target in (
        ("POST", "/server_info"),
        ("GET", "/server_info/"),
        ("GET", "/runs"),
        ("GET", "/x/server_info"),
    ):
        assert refused(method, target, host=host, content_type="application/json") == 421


def test_a_request_has_one_host() -> None:
    assert refused("GET", host=["127.0.0.1:3000", "127.0.0.1:3000"]) == 421


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "", "http://127.0.0.1:3001", "https://127.0.0.1:3000", "http://localhost:3000",
     "https://dagster.example.com", "http://127.0.0.1:3000@evil.example", "file://", "chrome-extension://abc"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "WEBSOCKET", "GET"])
def test_a_page_of_another_origin_is_refused(method: str, origin: str) -> None:
    assert refused(method, "/", origin=origin, content_type="application/json") == 403


def test_a_request_has_one_origin() -> None:
    assert (
        refused("POST", origin=["http://127.0.0.1:3000", "http://evil.example"], content_type="application/json") == 403
    )


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "WEBSOCKET"])
def test_a_page_of_another_site_may_not_write_without_an_origin(method: str, site: str) -> None:
    assert refused(method, sec_fetch_site=site, content_type="application/json") == 403


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/graphql", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
             "text/plain; application/json"]
)  # fmt: skip
@pytest.mark.parametrize("target", ["/graphql?query=mutation", "/report_asset_materialization/x"])
def test_what_a_form_could_send_is_refused(kind: str, target: str) -> None:
    assert refused("POST", target, content_type=kind) == 415


@given(st.text(max_size=60))
def test_reading_an_origin_never_raises(text: str) -> None:
    origin = plain_origin(text)
    assert origin is None or plain_origin(origin) == origin
    assert refused("POST", origin=text, host=text) in {403, 421}
