"""Single chat completions over real HTTP: every way in which a call can end, and that it is sent once."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind
from livedash_pipeline.local.batch_api.faults.script import parse_script
from livedash_pipeline.local.batch_api.server import RunningServer
from livedash_pipeline.services.openai.chats import MOST_BYTES, OpenAIChats
from tests.services.openai.scripted_http import listening, read_request

pytest_plugins = ["tests.support.fixtures"]
BODY = {
    "model": "gpt-5-mini",
    "messages": [{"role": "user", "content": "What is 2 + 3?"}],
    "max_completion_tokens": 900,
}


@pytest.fixture
def failures() -> list[ApiFailure]:
    """What was told of calls that failed."""
    return []


@pytest.fixture
def chats(batch_api: RunningServer, failures: list[ApiFailure]) -> Iterator[OpenAIChats]:
    """Calls to the local server that end after a second."""
    with OpenAIChats(batch_api.base_url, "test-key", timeout=1.0, on_failure=failures.append) as calls:
        yield calls


def _script(server: RunningServer, **fault: Any) -> None:
    fault = {"operation": "chat_completion", **fault}
    server.service.install_faults(parse_script(json.dumps([fault])), replace=True)


def _billed(server: RunningServer) -> int:
    return sum(line.get("completion_id") is not None for line in server.service.journal()["bill"])


def test_an_answer_comes_with_its_tokens(chats: OpenAIChats, batch_api: RunningServer) -> None:
    end = chats.complete(BODY)
    assert (end.outcome, end.http_status) == (Outcome.PARSED, 200)
    assert end.content is not None
    assert "5" in end.content
    assert end.usage.prompt_tokens is not None
    assert end.usage.prompt_tokens > 0
    assert _billed(batch_api) == 1


@pytest.mark.parametrize(
    ("fault", "outcome", "billed"),
    [
        ({"kind": "status", "status": 429, "retry_after": 7}, Outcome.TRANSIENT, 0),
        ({"kind": "status", "status": 503}, Outcome.TRANSIENT, 0),
        ({"kind": "status", "status": 400, "code": "invalid_request_error"}, Outcome.REJECTED, 0),
        ({"kind": "status", "status": 401}, Outcome.NOT_RUN, 0),
        ({"kind": "status", "status": 429, "code": "insufficient_quota"}, Outcome.NOT_RUN, 0),
        ({"kind": "status", "status": 500, "acted": True}, Outcome.ARTIFACT_UNAVAILABLE, 1),
        ({"kind": "lose_reply"}, Outcome.ARTIFACT_UNAVAILABLE, 1),
        ({"kind": "drop"}, Outcome.ARTIFACT_UNAVAILABLE, 0),
        ({"kind": "truncate"}, Outcome.ARTIFACT_UNAVAILABLE, 1),
        ({"kind": "truncate", "silent": True}, Outcome.ARTIFACT_UNAVAILABLE, 1),
        ({"kind": "late", "seconds": 4}, Outcome.ARTIFACT_UNAVAILABLE, 1),
        ({"kind": "slow", "seconds": 8}, Outcome.ARTIFACT_UNAVAILABLE, 1),
        ({"kind": "odd_answer", "answer": "refusal"}, Outcome.REFUSED, 1),
        ({"kind": "odd_answer", "answer": "empty"}, Outcome.INVALID_OUTPUT, 1),
        ({"kind": "odd_answer", "answer": "length"}, Outcome.TRUNCATED, 1),
        ({"kind": "odd_answer", "answer": "content_filter"}, Outcome.REFUSED, 1),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_every_end_is_a_value_and_nothing_is_sent_twice(
    chats: OpenAIChats,
    batch_api: RunningServer,
    failures: list[ApiFailure],
    fault: dict[str, Any],
    outcome: Outcome,
    billed: int,
) -> None:
    _script(batch_api, **fault)
    end = chats.complete(BODY)
    assert (end.outcome, _billed(batch_api)) == (outcome, billed)
    calls = [entry for entry in batch_api.service.journal()["entries"] if entry["operation"] == "chat_completion"]
    assert len(calls) == 1
    assert (end.failure is not None) is bool(failures)
    if fault.get("retry_after"):
        assert failures[0].retry_after == 7


def test_where_nobody_listens_nothing_was_sent() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    with OpenAIChats(f"http://127.0.0.1:{port}/v1", "test-key", timeout=1.0) as chats:
        end = chats.complete(BODY)
    assert (end.outcome, end.is_free) == (Outcome.TRANSIENT, True)


def test_a_model_is_looked_up_and_the_stand_in_is_known(chats: OpenAIChats) -> None:
    assert (chats.check_model("gpt-5-mini").ok, chats.check_model("gpt-5-mini").stand_in) == (True, True)
    assert not chats.check_model("gpt-nothing").ok


def test_an_answer_without_end_is_left(monkeypatch: pytest.MonkeyPatch, chats: OpenAIChats) -> None:
    assert MOST_BYTES > 1_000_000
    monkeypatch.setattr("livedash_pipeline.services.openai.chats.MOST_BYTES", 10)
    end = chats.complete(BODY)
    assert end.outcome is Outcome.ARTIFACT_UNAVAILABLE
    assert "longer than" in (end.error_message or "")


@pytest.mark.parametrize(
    "dribbled",
    [b"HTTP/1.1 200 OK\r\nx-note: ", b"HTTP/1.1 500 Broken\r\ncontent-length: 9000\r\n\r\n"],
    ids=["headers", "refusal"],
)
def test_a_server_that_dribbles_is_left_after_the_time_out(dribbled: bytes) -> None:
    over = threading.Event()

    def dribble(client: socket.socket) -> None:
        read_request(client)
        client.sendall(dribbled)
        with suppress(OSError):
            while not over.wait(0.05):
                client.sendall(b"a")

    with listening(dribble) as address, OpenAIChats(address, "test-key", timeout=0.5) as chats:
        for _ in range(2):
            end = chats.complete(BODY)
            assert (end.outcome, end.failure and end.failure.kind) == (
                Outcome.ARTIFACT_UNAVAILABLE,
                FailureKind.TIMEOUT,
            )
        over.set()


def test_no_more_of_a_refusal_is_read_than_sentences_need() -> None:
    sent = []

    def flood(client: socket.socket) -> None:
        read_request(client)
        client.sendall(b"HTTP/1.1 500 Broken\r\ncontent-length: 90000000\r\n\r\n")
        with suppress(OSError):
            for _ in range(90):
                client.sendall(b"a" * 1_000_000)
                sent.append(1)

    with listening(flood) as address, OpenAIChats(address, "test-key", timeout=30) as chats:
        end = chats.complete(BODY)
    assert end.outcome is Outcome.ARTIFACT_UNAVAILABLE
    assert "longer than" in (end.error_message or "")
    assert len(sent) < 90


def test_a_connection_that_is_kept_is_watched_in_the_next_call_too() -> None:
    over = threading.Event()
    connections = []

    def serve(client: socket.socket) -> None:
        connections.append(client)
        read_request(client)
        answer = b'{"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]}'
        client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(answer), answer))
        read_request(client)
        client.sendall(b"HTTP/1.1 200 OK\r\nx-note: ")
        with suppress(OSError):
            while not over.wait(0.05):
                client.sendall(b"a")

    with listening(serve) as address, OpenAIChats(address, "test-key", timeout=1.0) as chats:
        assert chats.complete(BODY).outcome is Outcome.PARSED
        rescue = threading.Timer(20, over.set)
        # Without a watch on it the call would go on until here.
        rescue.start()
        end = chats.complete(BODY)
        ended_by_itself = not over.is_set()
        rescue.cancel()
        over.set()
    assert ended_by_itself
    assert (end.failure and end.failure.message, len(connections)) == ("no complete answer within 1 s", 1)
    assert end.outcome is Outcome.ARTIFACT_UNAVAILABLE
