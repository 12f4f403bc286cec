"""Submissions that are made to cost time are answered over HTTP like any other that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.base.store.tables import session_imports
from tests.api.submission_site import NDJSON, Site, running_site
from tests.conftest import migrated_database
from tests.support.imported import count
from tests.support.submitted import submission

ONE, BATCH = "/api/v1/sessions", "/api/v1/sessions/batch"
JSON = "application/json"
SIZE = 600_000
DEEP = {
    "brackets": b"[" * (SIZE // 2) + b"]" * (SIZE // 2),
    "objects": b'{"a":' * (SIZE // 6) + b"1" + b"}" * (SIZE // 6),
    "both": b'[{"a":' * (SIZE // 8) + b'"\\u0000"' + b"}]" * (SIZE // 8),
}
TOO_DEEP = "is nested deeper than 32 levels."


@pytest.fixture(scope="module")
def site(postgres_template: str) -> Iterator[Site]:
    with migrated_database(postgres_template) as url:
        engine = make_engine(url)
        with running_site(engine) as site:
            yield site
        engine.dispose()


@pytest.mark.parametrize("shape", DEEP)
def test_a_session_that_is_nested_too_deep_is_refused(site: Site, shape: str) -> None:
    refused = site.client("POST", ONE, DEEP[shape])
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")
    assert refused.json()["detail"] == f"The body {TOO_DEEP}"


@pytest.mark.parametrize("shape", DEEP)
@pytest.mark.parametrize("media_type", [JSON, NDJSON])
def test_an_item_that_is_nested_too_deep_is_refused_alone(site: Site, shape: str, media_type: str) -> None:
    good = json.dumps(submission()).encode()
    body = DEEP[shape] + b"\n" + good if media_type == NDJSON else b"[%s, %s]" % (DEEP[shape], good)
    taken = site.client("POST", BATCH, body, Content_Type=media_type)
    assert taken.status_code == 202, taken.text
    deep, stored = taken.json()["items"]
    assert (deep["outcome"], deep["code"]) == ("rejected", "malformed")
    assert deep["errors"] == [{"pointer": "", "detail": f"The item {TOO_DEEP}"}]
    assert (stored["externalId"], stored["code"]) == ("chat-1", None)
    assert count(site.engine, session_imports) == 1


def test_brackets_that_are_never_closed_leave_a_batch_without_an_outline(site: Site) -> None:
    refused = site.client("POST", BATCH, b"[" * SIZE)
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")
    lines = site.client("POST", BATCH, b"[" * SIZE, Content_Type=NDJSON)
    assert [item["code"] for item in lines.json()["items"]] == ["malformed"]


@pytest.mark.parametrize("name", [b"%x", b"\\u0000%x"])
def test_a_session_of_nothing_but_unknown_names_is_told_the_first_of_them(site: Site, name: bytes) -> None:
    names = b",".join(b'"%s":1' % (name % number) for number in range(20_000))
    body = json.dumps(submission()).encode()[:-1] + b"," + names + b"}"
    refused = site.client("POST", ONE, body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_body")
    errors = refused.json()["errors"]
    shown = name.replace(b"\\u0000", "\ufffd".encode()).decode()
    assert [error["pointer"] for error in errors] == ["/" + shown % number for number in range(10)]
    assert {error["detail"] for error in errors} == {"Extra inputs are not permitted."}
