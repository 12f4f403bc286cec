from __future__ import annotations

import gzip
import io
import socket
import ssl
from collections.abc import Iterator

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.deadline import Deadline
from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.credentials import Credentials, find_credentials
from livedash_pipeline.sources.http import (
    LONGEST_RETRY_AFTER,
    RetryLaterError,
    classify_status,
    shown_url,
    source_error_for,
    stream_to,
    usable_validator,
    with_retries,
)

URL = "https://user:secret@data.example:8443/a/b.csv?token=secret#part"


def test_credentials_come_from_the_named_variables_and_never_show() -> None:
    found = find_credentials({"U": "me", "P": "s3cret"}, "U", "P")
    assert found == Credentials("me", "s3cret")
    assert "s3cret" not in repr(found)
    assert find_credentials({}, None, None) is None
    assert find_credentials({"U": "me", "P": ""}, "U", "P") == Credentials("me", "")


@pytest.mark.parametrize(
    ("username_env", "password_env", "named"),
    [("U", "Q", "variable Q"), ("Q", "P", "variable Q"), ("P", "U", "variable P"), ("U", None, "credential variables")],
)
def test_a_missing_variable_is_named(username_env: str, password_env: str | None, named: str) -> None:
    with pytest.raises(SourceError, match=named) as caught:
        find_credentials({"U": "me", "P": ""}, username_env, password_env)
    assert (caught.value.reason, caught.value.retryable) == ("credentials_missing", False)


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 599])
def test_statuses_that_may_pass_are_retryable(code: int) -> None:
    assert classify_status(code) == (f"http_{code}", True)


@pytest.mark.parametrize("code", [204, 301, 400, 401, 403, 404, 410, 418])
def test_other_statuses_are_final(code: int) -> None:
    assert classify_status(code) == (f"http_{code}", False)


@given(st.text("ab./-_", max_size=210))
def test_a_plain_path_is_shown_as_any_address_is(path: str) -> None:
    # The fragment keeps it from being plain, and is left out.
    assert shown_url(path) == shown_url(f"{path}#")


def test_messages_carry_neither_credentials_nor_query() -> None:
    assert shown_url(URL) == "https://data.example:8443/a/b.csv"
    for problem in (httpx2.Response(404), httpx2.ConnectTimeout("x"), ValueError("?")):
        assert "secret" not in str(source_error_for(problem, URL))
    assert str(source_error_for(httpx2.Response(404), URL)).startswith(
        "https://data.example:8443/a/b.csv answered 404 Not Found."
    )


@pytest.mark.parametrize(
    ("problem", "reason", "retryable"),
    [
        (httpx2.ReadTimeout("x"), "timeout", True),
        (httpx2.UnsupportedProtocol("x"), "bad_url", False),
        (httpx2.RemoteProtocolError("x"), "connection_lost", True),
        (httpx2.ReadError("x"), "connection_lost", True),
        (httpx2.Response(403), "http_403", False),
    ],
)
def test_failures_have_a_reason(problem: Exception | httpx2.Response, reason: str, retryable: bool) -> None:
    error = source_error_for(problem, URL)
    assert (error.reason, error.retryable) == (reason, retryable)


def test_the_cause_behind_a_failed_connection_is_found() -> None:
    # A chain as the client raises it, without asking a resolver.
    outer = httpx2.ConnectError("x")
    outer.__cause__ = OSError("y")
    outer.__cause__.__context__ = socket.gaierror(-2, "Name or service not known")
    assert source_error_for(outer, URL).reason == "domain_not_found"


@pytest.mark.parametrize(("asked", "waited"), [("7", 7.0), ("3600", LONGEST_RETRY_AFTER), ("soon", 0.0), ("", 0.0)])
def test_retry_after_is_honoured_up_to_a_limit(asked: str, waited: float) -> None:
    error = source_error_for(httpx2.Response(503, headers={"Retry-After": asked}), URL)
    assert isinstance(error, RetryLaterError)
    assert error.retry_after == waited
    pauses: list[float] = []
    with pytest.raises(SourceError):
        with_retries(lambda: _raise(error), sleep=pauses.append)
    assert len(pauses) == 2
    assert all(pause >= max(waited, 0.5) for pause in pauses)


def test_final_failures_are_not_tried_again() -> None:
    pauses: list[float] = []
    with pytest.raises(SourceError):
        with_retries(lambda: _raise(SourceError("x", reason="x", retryable=False)), sleep=pauses.append)
    assert pauses == []


def _raise(error: Exception) -> None:
    raise error


class _Pieces(httpx2.SyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)


def received(data: bytes, encoding: str, piece: int = 10, max_bytes: int = 10**6) -> bytes:
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    response = httpx2.Response(200, headers={"Content-Encoding": encoding}, stream=_Pieces(pieces))
    sink = io.BytesIO()
    stream_to(response, sink, max_bytes=max_bytes, deadline=Deadline(60), url=URL)
    return sink.getvalue()


def test_gzip_of_several_members_is_decoded_in_any_pieces() -> None:
    body = bytes(range(256)) * 3000
    packed = gzip.compress(body) + gzip.compress(b"end")
    for piece in (1_000, 100_000):
        assert received(packed, "gzip", piece) == body + b"end"


@pytest.mark.parametrize("encoding", ["", "UTF-8", "none", "identity", "aws-chunked", "utf-8, aws-chunked"])
def test_words_that_name_no_encoding_change_nothing(encoding: str) -> None:
    assert received(b"abc", encoding) == b"abc"


@pytest.mark.parametrize("encoding", ["x-gzip", "aws-chunked,gzip", "GZIP , identity"])
def test_gzip_beside_words_that_name_no_encoding_is_unpacked(encoding: str) -> None:
    assert received(gzip.compress(b"abc"), encoding) == b"abc"


@pytest.mark.parametrize(
    ("value", "usable"),
    [('"v1"', True), ('W/"v1"', True), ("Thu, 01 May 2025 10:00:00 GMT", True), ("", False), (None, False),
     ('"v\u00e9"', False), ('"a\tb"', False), ("x" * 200, True), ("x" * 201, False)],
)  # fmt: skip
def test_a_validator_that_cannot_be_sent_back_is_not_kept(value: str | None, usable: bool) -> None:
    assert usable_validator(value) == (value if usable else None)


def test_an_authority_that_is_not_known_has_a_remedy() -> None:
    error = source_error_for(ssl.SSLError("unknown CA"), URL)
    assert error.reason == "tls_error"
    assert "SSL_CERT_FILE" in error.remedy and "REQUESTS_CA_BUNDLE" in error.remedy


def test_the_limit_is_one_of_the_decoded_size() -> None:
    bomb = gzip.compress(b"0" * 5_000_000)
    assert len(bomb) < 10_000
    with pytest.raises(SourceError) as caught:
        received(bomb, "gzip", 10_000)
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize(
    ("data", "encoding", "reason"),
    [
        (gzip.compress(b"abc" * 100)[:-9], "gzip", "broken_encoding"),
        (b"plain", "gzip", "broken_encoding"),
        (b"x", "br", "unsupported_encoding"),
    ],
    ids=["cut off", "not gzip", "unknown"],
)
def test_damaged_or_unknown_encodings_are_told(data: bytes, encoding: str, reason: str) -> None:
    with pytest.raises(SourceError) as caught:
        received(data, encoding)
    assert caught.value.reason == reason
