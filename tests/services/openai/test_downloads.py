"""Downloads are measured, fetched again when short or broken, and appear only when they are done."""

from __future__ import annotations

import gzip
import hashlib
import socket
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.services.openai.gateway import connect
from tests.services.openai.scripted_http import KEY, Script, listening, ok, read_request, refusal

CONTENT = b'{"custom_id": "1"}\n{"custom_id": "2"}\n'
FILE = {"id": "file-out", "object": "file", "bytes": len(CONTENT)}


def content(body: bytes = CONTENT, **headers: str) -> httpx2.Response:
    return httpx2.Response(200, content=body, headers=headers)


def test_whole_file_is_stored_under_its_name_only(tmp_path: Path) -> None:
    script = Script(ok(FILE), content())
    with script.gateway() as gateway:
        found = gateway.download("file-out", tmp_path / "output.jsonl")
    assert (found.bytes, found.expected_bytes, found.complete, found.broken_by) == (
        len(CONTENT),
        len(CONTENT),
        True,
        None,
    )
    assert found.path.read_bytes() == CONTENT
    assert found.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert [path.name for path in tmp_path.iterdir()] == ["output.jsonl"]
    assert script.calls == ["GET /files/file-out", "GET /files/file-out/content"]


@pytest.mark.parametrize("first", [CONTENT[:10], b"", CONTENT + b"more"])
def test_file_of_another_size_is_fetched_again(tmp_path: Path, first: bytes) -> None:
    script = Script(ok(FILE), content(first), content())
    with script.gateway() as gateway:
        found = gateway.download("file-out", tmp_path / "output.jsonl")
    assert (found.complete, found.path.read_bytes()) == (True, CONTENT)
    assert len(script.pauses) == 1


@pytest.mark.parametrize("body", [CONTENT[:10], b"", CONTENT + b"more"])
def test_file_of_another_size_three_times_is_reported_as_incomplete(tmp_path: Path, body: bytes) -> None:
    script = Script(ok(FILE), content(body))
    with script.gateway() as gateway:
        found = gateway.download("file-out", tmp_path / "output.jsonl")
    assert (found.complete, found.bytes, found.broken_by) == (False, len(body), None)
    assert found.path.read_bytes() == body
    assert script.calls.count("GET /files/file-out/content") == 3


def test_compressed_content_is_measured_as_it_was_before(tmp_path: Path) -> None:
    script = Script(ok(FILE), lambda _: content(gzip.compress(CONTENT), **{"content-encoding": "gzip"}))
    with script.gateway() as gateway:
        found = gateway.download("file-out", tmp_path / "output.jsonl")
    assert (found.complete, found.path.read_bytes()) == (True, CONTENT)


def test_size_that_is_not_stated_is_not_compared(tmp_path: Path) -> None:
    script = Script(ok({"id": "file-out"}), content())
    with script.gateway() as gateway:
        found = gateway.download("file-out", tmp_path / "output.jsonl")
    assert (found.expected_bytes, found.complete) == (None, True)


@pytest.mark.parametrize("answers", [(refusal(404), refusal(404)), (ok(FILE), refusal(404))])
def test_file_that_is_gone_is_an_error_at_once(tmp_path: Path, answers: tuple[httpx2.Response, ...]) -> None:
    script = Script(*answers)
    with script.gateway() as gateway, pytest.raises(ServiceError) as raised:
        gateway.download("file-out", tmp_path / "output.jsonl")
    assert raised.value.failure.kind is FailureKind.NOT_FOUND
    assert len(script.requests) == len(answers)
    assert list(tmp_path.iterdir()) == []


def test_passing_failure_is_waited_out_as_long_as_the_service_asks(tmp_path: Path) -> None:
    script = Script(ok(FILE), refusal(429, **{"retry-after": "9"}), httpx2.ReadTimeout("slow"), content())
    with script.gateway() as gateway:
        found = gateway.download("file-out", tmp_path / "output.jsonl")
    assert found.complete
    assert script.pauses[0] == 9
    assert len(script.pauses) == 2


def test_earlier_file_stays_when_nothing_could_be_fetched(tmp_path: Path) -> None:
    destination = tmp_path / "output.jsonl"
    destination.write_bytes(b"earlier")
    script = Script(ok(FILE), refusal(500))
    with script.gateway() as gateway, pytest.raises(ServiceError):
        gateway.download("file-out", destination)
    assert destination.read_bytes() == b"earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["output.jsonl"]


def _serving(*contents: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """A handler for a File object and, in turn, what happens when its content is asked for; the last one stays."""
    left = list(contents)

    def handle(client: socket.socket) -> None:
        while request := read_request(client):
            if b"/content" in request:
                (left.pop(0) if len(left) > 1 else left[0])(client)
                return
            body = b'{"id": "file-out", "bytes": %d}' % len(CONTENT)
            client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

    return handle


def _cut(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(CONTENT), CONTENT[:10]))


def _cut_chunks(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n%s\r\n" % CONTENT[:10])


def _whole(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(CONTENT), CONTENT))


@pytest.mark.parametrize("cut", [_cut, _cut_chunks])
def test_connection_cut_in_the_middle_is_tried_again(tmp_path: Path, cut: Callable[[socket.socket], None]) -> None:
    with listening(_serving(cut, _whole)) as address, connect(address, KEY, sleep=lambda _: None) as gateway:
        found = gateway.download("file-out", tmp_path / "output.jsonl")
    assert (found.complete, found.path.read_bytes()) == (True, CONTENT)


@pytest.mark.parametrize("cut", [_cut, _cut_chunks])
def test_connection_cut_every_time_leaves_an_incomplete_download_that_says_why(
    tmp_path: Path, cut: Callable[[socket.socket], None]
) -> None:
    with listening(_serving(cut)) as address, connect(address, KEY, sleep=lambda _: None) as gateway:
        found = gateway.download("file-out", tmp_path / "output.jsonl")
    assert (found.complete, found.bytes) == (False, 10)
    assert found.broken_by is not None
    assert found.broken_by.kind is FailureKind.UNREACHABLE
    assert found.path.read_bytes() == CONTENT[:10]
