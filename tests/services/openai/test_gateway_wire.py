"""The gateway over real connections: the local Batch API server, a relay that loses answers, sockets that dribble."""

from __future__ import annotations

import socket
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.deadline import Deadline
from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.ledger.rules.service.gateway import BatchGateway
from livedash_pipeline.ledger.rules.service.remote import local_status
from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.services.openai.gateway import connect
from tests.services.openai.scripted_http import KEY, listening, losing_answers_to, read_request

OURS = "0d9d1c9e-9c5b-4b61-8e9f-0f4a52d3a001"
METADATA = {"livedash_batch_id": OURS}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path / "batch-api") as running:
        yield running


@pytest.fixture
def gateway(server: RunningServer) -> Iterator[BatchGateway]:
    with connect(server.base_url, KEY, sleep=lambda _: None) as found:
        yield found


def test_batch_makes_the_whole_round_at_the_local_server(
    gateway: BatchGateway, input_file: Path, tmp_path: Path
) -> None:
    check = gateway.check_model("gpt-5-mini")
    assert (check.ok, check.stand_in) == (True, True)
    assert gateway.check_model("no-such-model").failure is not None

    uploaded = gateway.upload_input(input_file, f"livedash-{OURS}.jsonl")
    assert (uploaded.bytes, uploaded.purpose) == (input_file.stat().st_size, "batch")
    made = gateway.create_batch(uploaded.id, metadata=METADATA, deadline=30)
    assert (str(made.our_batch_id), made.input_file_id) == (OURS, uploaded.id)
    assert [remote.id for remote in gateway.list_batches()] == [made.id]

    ended = gateway.retrieve_batch(made.id)
    assert local_status(ended) is BatchStatus.COMPLETED
    assert (ended.total, ended.completed) == (2, 2)
    assert ended.output_file_id is not None
    fetched = gateway.download(ended.output_file_id, tmp_path / "output.jsonl")
    assert fetched.complete
    assert fetched.path.read_bytes().count(b"\n") == 2

    assert gateway.cancel_batch(made.id).status == "completed"
    assert uploaded.id in [found.id for found in gateway.list_files("batch")]
    assert gateway.delete_file(uploaded.id) is True
    assert gateway.delete_file(uploaded.id) is False
    with pytest.raises(ServiceError) as raised:
        gateway.download(uploaded.id, tmp_path / "gone.jsonl")
    assert raised.value.failure.kind is FailureKind.NOT_FOUND


def test_create_whose_answer_is_lost_makes_exactly_one_batch(
    server: RunningServer, gateway: BatchGateway, input_file: Path
) -> None:
    uploaded = gateway.upload_input(input_file, "input.jsonl")
    with (
        losing_answers_to(b"POST /v1/batches ", server.base_url) as address,
        connect(address, KEY) as lossy,
        pytest.raises(ServiceError) as raised,
    ):
        lossy.create_batch(uploaded.id, metadata=METADATA, deadline=30)
    assert raised.value.failure.kind in (FailureKind.UNREACHABLE, FailureKind.TIMEOUT)
    assert raised.value.failure.definite_refusal is False
    found = [remote for remote in gateway.list_batches() if remote.input_file_id == uploaded.id]
    assert [str(remote.our_batch_id) for remote in found] == [OURS]


def test_create_ends_at_its_deadline_though_every_read_brings_a_byte() -> None:
    over = threading.Event()

    def dribble(client: socket.socket) -> None:
        read_request(client)
        client.sendall(b"HTTP/1.1 200 OK\r\n")
        # Without a deadline for the whole call this answer would be complete in the end.
        for _ in range(100):
            client.sendall(b"x-more: to come\r\n")
            if over.wait(0.05):
                return
        body = b'{"id": "batch_1", "object": "batch", "status": "validating"}'
        client.sendall(b"content-length: %d\r\n\r\n%s" % (len(body), body))

    with listening(dribble) as address, connect(address, KEY) as gateway, pytest.raises(ServiceError) as raised:
        gateway.create_batch("file-in", metadata={}, deadline=0.3)
    over.set()
    assert raised.value.failure.kind is FailureKind.TIMEOUT
    assert raised.value.failure.definite_refusal is False
    assert raised.value.message == "Creating a batch of file 'file-in' failed: no complete answer within 0.3 s."


def test_request_whose_deadline_passed_while_connecting_is_not_sent() -> None:
    received: list[bytes] = []

    def record(client: socket.socket) -> None:
        received.append(read_request(client))
        client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    moment = 0.0
    watch = Deadline(60, clock=lambda: moment)
    with listening(record) as address, httpx2.Client(event_hooks={"request": [watch.attach]}) as client:
        assert client.post(address).status_code == 200
        moment = 60.0
        received.clear()
        with pytest.raises(httpx2.ConnectTimeout):
            client.post(address)
    assert not any(received)


def test_server_that_is_not_there_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        pauses: list[float] = []
        with connect(address, KEY, sleep=pauses.append) as gateway:
            check = gateway.check_model("gpt-5-mini")
            with pytest.raises(ServiceError) as raised:
                gateway.create_batch("file-in", metadata={}, deadline=5)
    assert check.failure is not None
    assert check.failure.kind is FailureKind.UNREACHABLE
    assert len(pauses) == 2
    assert raised.value.failure.kind is FailureKind.UNREACHABLE
    assert "127.0.0.1/v1" in raised.value.message


def test_upload_is_streamed_and_not_held_in_memory(tmp_path: Path) -> None:
    big = tmp_path / "big.jsonl"
    with big.open("wb") as target:
        target.truncate(64 * 1024 * 1024)

    def swallow(client: socket.socket) -> None:
        read_request(client)
        body = b'{"id": "file-1", "object": "file"}'
        client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

    with listening(swallow) as address, connect(address, KEY) as gateway:
        tracemalloc.start()
        assert gateway.upload_input(big, "big.jsonl").id == "file-1"
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 16 * 1024 * 1024
