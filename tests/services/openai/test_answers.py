"""Error documents of different servers, pages that are no answer of the API, and pauses asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.services.openai.answers import read_document, read_failure, retry_after


@pytest.mark.parametrize(
    ("document", "code", "message"),
    [
        ({"error": {"message": "Bad.", "type": "invalid_request_error", "code": "c"}}, "c", "Bad."),
        ({"error": {"message": "Bad.", "type": "t", "code": None}}, "t", "Bad."),
        ({"error": {"message": "Bad.", "code": 404}}, "404", "Bad."),
        ({"error": "Bad."}, None, "Bad."),
        ({"message": "Bad.", "code": "c"}, "c", "Bad."),
        ({"detail": "Bad."}, None, "HTTP 400 with 'Bad.'"),
        (["Bad."], None, """HTTP 400 with '["Bad."]'"""),
    ],
)
def test_error_documents_of_different_servers(document: Any, code: str | None, message: str) -> None:
    found = read_failure(400, {}, json.dumps(document).encode())
    assert (found.code, found.message) == (code, message)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty body"),
        (b"<html><title> Bad gateway </title>", "an HTML page titled 'Bad gateway'"),
        (b"<html>", "an HTML page"),
        (b"upstream \xff gone", "upstream"),
        (b"[" * 100_000, "[["),
    ],
)
def test_pages_that_are_no_answer_of_the_api_are_described_shortly(content: bytes, words: str) -> None:
    found = read_failure(502, {}, content)
    assert found.kind is FailureKind.BROKEN
    assert words in found.message
    assert len(found.message) < 300


@given(st.binary(max_size=200), st.integers(300, 599), st.booleans())
def test_no_body_makes_reading_a_failure_raise(content: bytes, status: int, known: bool) -> None:
    assert read_failure(status, {}, content, route_known=known).status == status


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "3", "retry-after-ms": "2500"}, 2.5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Thu, 01 May 2025 12:00:30 GMT", "date": "Thu, 01 May 2025 12:00:00 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 May 2025 11:00:00 GMT", "date": "Thu, 01 May 2025 12:00:00 GMT"}, 0.0),
        ({"retry-after": "Thu, 01 May 2025 12:00:30 GMT"}, None),
        ({"retry-after": "Thu, 01 May 2025 12:00:30 GMT", "date": "Thu, 01 May 2025 12:00:00 -0000"}, None),
    ],
)
def test_pauses_that_services_ask_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"<html>", b'"text"', b"\xff"])
def test_what_is_no_json_object_is_no_document(content: bytes) -> None:
    with pytest.raises(ValueError, match="no JSON"):
        read_document(content)
