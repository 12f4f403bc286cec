"""What the gateway sends, page by page and header by header, and how it reads every kind of answer."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from livedash_pipeline.errors import LivedashError, SettingsError
from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.ledger.rules.service.gateway import BatchGateway
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.services.openai.client import failure_of
from livedash_pipeline.services.openai.gateway import connect
from tests.services.openai.scripted_http import KEY, Script, batch, ok, refusal

K = FailureKind


def test_create_sends_file_endpoint_window_and_metadata_once() -> None:
    script = Script(ok(batch(metadata={"livedash_batch_id": "x"})))
    with script.gateway() as gateway:
        made = gateway.create_batch("file-in", metadata={"livedash_batch_id": "x"}, deadline=60)
    assert made.id == "batch_1"
    assert script.calls == ["POST /batches"]
    assert json.loads(script.requests[0].content) == {
        "input_file_id": "file-in",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"livedash_batch_id": "x"},
    }
    assert script.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_organisation_and_project_of_the_environment_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-other")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-other")
    script = Script(ok(batch()))
    with script.gateway() as gateway:
        gateway.retrieve_batch("batch_1")
    assert not [name for name in script.requests[0].headers if name in ("openai-organization", "openai-project")]


# Everything that may come back instead of a batch, and whether it proves that none was made.
CREATE_FAILURES: list[tuple[Any, FailureKind, bool]] = [
    (refusal(400, "invalid_value"), K.REFUSED, True),
    (refusal(401, "invalid_api_key"), K.BAD_KEY, True),
    (refusal(403), K.FORBIDDEN, True),
    (refusal(404), K.NOT_FOUND, True),
    (refusal(408), K.TIMEOUT, False),
    (refusal(409), K.CONFLICT, False),
    (refusal(413), K.REFUSED, True),
    (refusal(422), K.REFUSED, True),
    (refusal(425), K.BROKEN, False),
    (refusal(429, "rate_limit_exceeded"), K.RATE_LIMITED, False),
    (refusal(429, "insufficient_quota"), K.QUOTA, True),
    (refusal(429, "billing_hard_limit_reached"), K.BILLING, True),
    (refusal(500), K.BROKEN, False),
    (httpx2.Response(502, html="<html><title>Bad gateway</title></html>"), K.BROKEN, False),
    (httpx2.Response(200, html="<html>Sign in</html>"), K.BROKEN, False),
    (httpx2.Response(200, content=b"[" * 100_000), K.BROKEN, False),
    (ok(["batch_1"]), K.BROKEN, False),
    (ok({"object": "batch"}), K.BROKEN, False),
    (httpx2.ReadTimeout("slow"), K.TIMEOUT, False),
    (httpx2.ConnectTimeout("slow"), K.TIMEOUT, False),
    (httpx2.ConnectError("refused"), K.UNREACHABLE, False),
    (httpx2.RemoteProtocolError("cut"), K.UNREACHABLE, False),
]


@pytest.mark.parametrize(("answer", "kind", "definite"), CREATE_FAILURES)
def test_create_is_sent_once_whatever_comes_back(answer: Any, kind: FailureKind, definite: bool) -> None:
    script = Script(answer)
    with script.gateway() as gateway, pytest.raises(ServiceError) as raised:
        gateway.create_batch("file-in", metadata={}, deadline=60)
    assert (raised.value.failure.kind, raised.value.failure.definite_refusal) == (kind, definite)
    assert len(script.requests) == 1
    assert raised.value.failure.message
    assert KEY not in str(raised.value)


def test_error_tells_operation_status_message_and_remedy_and_survives_pickling() -> None:
    script = Script(refusal(401, "invalid_api_key", f"Incorrect API key provided: {KEY}.", **{"x-request-id": "req_7"}))
    with script.gateway() as gateway, pytest.raises(LivedashError) as raised:
        gateway.retrieve_batch("batch_1")
    error = raised.value
    assert isinstance(error, ServiceError)
    assert str(error).startswith("Looking up batch 'batch_1' failed with HTTP 401 (invalid_api_key): Incorrect API key")
    assert "OPENAI_API_KEY" in error.remedy
    assert error.code == "bad_key"
    assert error.failure.request_id == "req_7"
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.failure, copy.remedy) == (str(error), error.failure, error.remedy)


READS: dict[str, Callable[[BatchGateway], Any]] = {
    "retrieve": lambda gateway: gateway.retrieve_batch("batch_1"),
    "list": lambda gateway: list(gateway.list_batches()),
    "file": lambda gateway: gateway.file("file-1"),
    "files": lambda gateway: list(gateway.list_files()),
    "delete": lambda gateway: gateway.delete_file("file-1"),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_safe_calls_are_repeated_after_passing_failures(read: Callable[[BatchGateway], Any]) -> None:
    good = ok({"id": "x", "object": "batch", "data": [], "has_more": False})
    script = Script(refusal(503), httpx2.ReadError("cut"), good)
    with script.gateway() as gateway:
        read(gateway)
    assert len(script.requests) == 3
    assert len(script.pauses) == 2
    assert 0.5 <= script.pauses[0] <= 1.0


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_safe_calls_are_not_repeated_after_refusals(read: Callable[[BatchGateway], Any]) -> None:
    script = Script(refusal(401))
    with script.gateway() as gateway, pytest.raises(ServiceError):
        read(gateway)
    assert len(script.requests) == 1


def test_calls_with_a_time_out_are_tried_once_with_it() -> None:
    script = Script(refusal(503))
    with script.gateway() as gateway:
        for call in (
            lambda: gateway.retrieve_batch("batch_1", timeout=10),
            lambda: list(gateway.list_batches(timeout=10)),
            lambda: gateway.file("file-1", timeout=10),
        ):
            with pytest.raises(ServiceError):
                call()
    assert len(script.requests) == 3
    assert [request.extensions["timeout"]["read"] for request in script.requests] == [10, 10, 10]


def test_pause_asked_for_is_kept_and_a_long_one_ends_the_call() -> None:
    script = Script(refusal(429, **{"retry-after": "7"}), ok(batch()))
    with script.gateway() as gateway:
        gateway.retrieve_batch("batch_1")
    assert script.pauses == [7.0]
    script = Script(refusal(429, **{"retry-after": "150"}))
    with script.gateway() as gateway, pytest.raises(ServiceError) as raised:
        gateway.retrieve_batch("batch_1")
    assert script.pauses == []
    assert raised.value.failure.retry_after == 150


def _paged(request: httpx2.Request) -> httpx2.Response:
    """250 batches, newest first, one second apart, in pages of the size asked for."""
    after = request.url.params.get("after")
    start = 0 if after is None else int(after.removeprefix("batch_")) + 1
    size = int(request.url.params["limit"])
    rows = [batch(f"batch_{n}", created_at=2_000_000_000 - n) for n in range(start, min(start + size, 250))]
    return ok({"object": "list", "data": rows, "has_more": start + size < 250})


def test_listing_goes_through_all_pages_newest_first() -> None:
    script = Script(_paged)
    with script.gateway() as gateway:
        found = [remote.id for remote in gateway.list_batches()]
    assert found == [f"batch_{n}" for n in range(250)]
    assert [request.url.params.get("after") for request in script.requests] == [None, "batch_99", "batch_199"]
    assert {request.url.params["limit"] for request in script.requests} == {"100"}


def test_listing_fetches_pages_only_as_they_are_asked_for() -> None:
    script = Script(_paged)
    with script.gateway() as gateway:
        next(iter(gateway.list_batches()))
        assert len(script.requests) == 1


def test_listing_ends_with_the_page_on_which_until_is_true() -> None:
    script = Script(_paged)
    with script.gateway() as gateway:
        found = list(gateway.list_batches(until=lambda remote: remote.id == "batch_120"))
    assert (len(found), len(script.requests)) == (200, 2)


def test_listing_without_has_more_ends_at_an_empty_or_repeated_page() -> None:
    script = Script(ok({"data": [batch("batch_a")]}), ok({"data": []}))
    with script.gateway() as gateway:
        assert [remote.id for remote in gateway.list_batches()] == ["batch_a"]
    script = Script(ok({"data": [batch("batch_a")]}))
    with script.gateway() as gateway:
        assert [remote.id for remote in gateway.list_batches()] == ["batch_a"]
    assert len(script.requests) == 2


@pytest.mark.parametrize(
    "page",
    [
        {"data": [batch("batch_a")], "has_more": True},
        {"data": [{"object": "batch"}], "has_more": False},
        {"data": "batch_a"},
        {"object": "list"},
    ],
)
def test_listing_that_cannot_be_complete_is_an_error_and_not_an_end(page: dict[str, Any]) -> None:
    script = Script(ok(page))
    with script.gateway() as gateway, pytest.raises(ServiceError) as raised:
        list(gateway.list_batches())
    assert raised.value.failure.kind is K.BROKEN


def test_empty_listing_is_no_error() -> None:
    script = Script(ok({"object": "list", "data": None, "has_more": False}))
    with script.gateway() as gateway:
        assert list(gateway.list_batches()) == []


def test_files_are_listed_by_purpose() -> None:
    script = Script(ok({"data": [{"id": "file-1", "purpose": "batch"}], "has_more": False}))
    with script.gateway() as gateway:
        assert [found.id for found in gateway.list_files("batch")] == ["file-1"]
        list(gateway.list_files())
    assert [request.url.params.get("purpose") for request in script.requests] == ["batch", None]


def test_upload_names_the_file_and_its_purpose_and_starts_again_from_its_first_byte(input_file: Path) -> None:
    script = Script(refusal(500), ok({"id": "file-1", "bytes": 3, "filename": "livedash-1.jsonl"}))
    with script.gateway() as gateway:
        assert gateway.upload_input(input_file, "livedash-1.jsonl").id == "file-1"
    assert script.calls == ["POST /files", "POST /files"]
    for request in script.requests:
        assert b'name="purpose"\r\n\r\nbatch\r\n' in request.content
        assert b'filename="livedash-1.jsonl"' in request.content
        assert input_file.read_bytes() in request.content


def test_cancel_is_sent_once_and_a_conflict_means_that_it_has_ended() -> None:
    script = Script(refusal(409), ok(batch(status="completed")))
    with script.gateway() as gateway:
        assert gateway.cancel_batch("batch_1").status == "completed"
    assert script.calls == ["POST /batches/batch_1/cancel", "GET /batches/batch_1"]
    script = Script(refusal(503))
    with script.gateway() as gateway, pytest.raises(ServiceError):
        gateway.cancel_batch("batch_1")
    assert len(script.requests) == 1
    script = Script(ok(batch(status="cancelling")))
    with script.gateway() as gateway:
        assert gateway.cancel_batch("batch_1").status == "cancelling"


def test_deleting_a_file_says_whether_there_was_one() -> None:
    script = Script(ok({"id": "file-1", "object": "file", "deleted": True}), refusal(404))
    with script.gateway() as gateway:
        assert gateway.delete_file("file-1") is True
        assert gateway.delete_file("file-1") is False


MODEL_CHECKS = [
    (ok({"id": "gpt-5-mini"}), True, None, False),
    (refusal(404, "model_not_found"), False, K.MODEL_NOT_FOUND, False),
    (refusal(403, "model_not_found"), False, K.MODEL_NOT_FOUND, False),
    (refusal(401), False, K.BAD_KEY, False),
    (refusal(403), False, K.FORBIDDEN, False),
    (httpx2.Response(404, json={"detail": "Not Found"}), False, K.NO_SUCH_ROUTE, True),
    (httpx2.Response(404, text="404 page not found"), False, K.NO_SUCH_ROUTE, True),
    (httpx2.Response(405), False, K.NO_SUCH_ROUTE, True),
    (refusal(404, "unknown_url"), False, K.NOT_FOUND, True),
    (refusal(503), False, K.BROKEN, False),
    (httpx2.ConnectError("refused"), False, K.UNREACHABLE, False),
    (httpx2.Response(200, html="<html>Sign in</html>"), False, K.BROKEN, False),
]


@pytest.mark.parametrize(("answer", "fine", "kind", "missing"), MODEL_CHECKS)
def test_model_checks(answer: Any, fine: bool, kind: FailureKind | None, missing: bool) -> None:
    script = Script(answer)
    with script.gateway() as gateway:
        check = gateway.check_model("gpt-5-mini")
    assert (check.ok, check.failure and check.failure.kind, check.route_missing) == (fine, kind, missing)
    assert script.calls[0] == "GET /models/gpt-5-mini"
    assert check.stand_in is False


@pytest.mark.parametrize("answer", [ok({"id": "m"}), refusal(404, "model_not_found"), refusal(401)])
def test_stand_in_is_recognised_by_its_header_on_good_and_bad_answers(answer: httpx2.Response) -> None:
    answer.headers["x-livedash-stand-in"] = "true"
    with Script(answer).gateway() as gateway:
        assert gateway.check_model("m").stand_in is True


def _exceptions(base: type[BaseException]) -> set[type[BaseException]]:
    return {base} | {found for child in base.__subclasses__() for found in _exceptions(child)}


REQUEST = httpx2.Request("GET", "https://api.example.org/v1/batches")
STATUS_OF = {
    openai.BadRequestError: (400, K.REFUSED),
    openai.AuthenticationError: (401, K.BAD_KEY),
    openai.OAuthError: (401, K.BAD_KEY),
    openai.PermissionDeniedError: (403, K.FORBIDDEN),
    openai.NotFoundError: (404, K.NOT_FOUND),
    openai.ConflictError: (409, K.CONFLICT),
    openai.UnprocessableEntityError: (422, K.REFUSED),
    openai.RateLimitError: (429, K.RATE_LIMITED),
    openai.InternalServerError: (500, K.BROKEN),
    openai.APIStatusError: (418, K.BROKEN),
}
WITHOUT_ANSWER = {
    openai.APITimeoutError: K.TIMEOUT,
    openai.APIConnectionError: K.UNREACHABLE,
}


def test_every_exception_of_the_client_library_has_a_kind() -> None:
    from_library = {found for found in _exceptions(openai.OpenAIError) if found.__module__.split(".")[0] == "openai"}
    assert len(from_library) > 12
    for found in from_library:
        if not isinstance(found, type) or not issubclass(found, openai.OpenAIError):
            continue
        error = found.__new__(found)
        expected = next((kind for base, kind in WITHOUT_ANSWER.items() if issubclass(found, base)), K.BROKEN)
        if issubclass(found, openai.APIStatusError):
            assert found in STATUS_OF, f"{found.__name__} is new in the client library: classify it"
            status, expected = STATUS_OF[found]
            error.status_code = status  # type: ignore[attr-defined]
            error.response = httpx2.Response(status, request=REQUEST)  # type: ignore[attr-defined]
        assert failure_of(error, "api.example.org/v1").kind is expected, found.__name__


def test_every_exception_of_the_http_library_has_a_kind() -> None:
    for found in _exceptions(httpx2.RequestError):
        expected = K.TIMEOUT if issubclass(found, httpx2.TimeoutException) else K.UNREACHABLE
        if found in (httpx2.RequestError, httpx2.DecodingError, httpx2.TooManyRedirects):
            expected = K.BROKEN
        assert failure_of(found("odd"), "api.example.org/v1").kind is expected, found.__name__  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["", "  ", "sk-a b", "sk-\nb", "sk-ü"])
def test_key_that_cannot_be_sent_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(SettingsError, match="OPENAI_API_KEY") as raised:
        connect("https://api.example.org/v1", key)
    assert not key.strip() or key not in str(raised.value)


def test_address_without_a_host_is_refused() -> None:
    with pytest.raises(SettingsError, match="OPENAI_BASE_URL"):
        connect("https:///v1", KEY)


def test_gateway_tells_its_endpoint_and_closes_its_connections() -> None:
    script = Script(ok(batch()))
    with script.gateway() as gateway:
        assert gateway.endpoint == "api.example.org/v1"
    with pytest.raises(RuntimeError, match="closed"):
        gateway.retrieve_batch("batch_1")
