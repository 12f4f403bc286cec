"""The server as a process and as a thread: start, kill, restart, clean end."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from livedash_pipeline.local.batch_api.records import BatchRecord
from livedash_pipeline.local.batch_api.server import RunningServer, running_server, serve
from livedash_pipeline.local.batch_api.store import StateInUseError


@contextmanager
def server_process(state_dir: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "livedash_pipeline.cli", "batch-api", "--port", "0", "--speed", "0"]
    process = subprocess.Popen([*command, "--state", str(state_dir)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def base_url(line: str) -> str:
    return next(word.rstrip(",") for word in line.split() if word.startswith("http://"))


def test_killed_server_starts_again_with_everything_it_had(tmp_path: Path, requests: Any) -> None:
    with server_process(tmp_path) as (_, line):
        assert "stand-in" in line
        assert "no model" in line
        with OpenAI(base_url=base_url(line), api_key="k", max_retries=0) as client:
            file = client.files.create(file=("a.jsonl", requests.file(400)), purpose="batch")
            asked: Any = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
            batch = client.batches.create(input_file_id=file.id, **asked)
    with running_server(tmp_path) as server, OpenAI(base_url=server.base_url, api_key="k", max_retries=0) as client:
        assert client.files.content(file.id).content == requests.file(400)
        while client.batches.retrieve(batch.id).status != "completed":
            pass
        done = client.batches.retrieve(batch.id)
        assert done.output_file_id is not None and done.request_counts is not None
        assert client.files.content(done.output_file_id).content.count(b"\n") == 400
        assert done.request_counts.completed == 400


def test_running_server_leaves_no_thread_and_no_socket(tmp_path: Path, requests: Any) -> None:
    before = set(threading.enumerate())
    with running_server(tmp_path, speed=0) as server:
        with OpenAI(base_url=server.base_url, api_key="k", max_retries=0) as client:
            client.files.create(file=("a.jsonl", requests.file(1)), purpose="batch")
        assert len(set(threading.enumerate()) - before) >= 2
    assert set(threading.enumerate()) <= before
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(server.base_url)
    with running_server(tmp_path, speed=0, port=int(server.base_url.split(":")[2].split("/")[0])) as again:
        assert again.base_url == server.base_url


def test_second_server_on_the_same_state_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with running_server(tmp_path):
        before = set(threading.enumerate())
        with pytest.raises(StateInUseError, match=str(tmp_path)):
            serve("127.0.0.1", 0, tmp_path, 1.0, announce=lambda line: None)
        assert set(threading.enumerate()) <= before


def _recorded(server: RunningServer, batch_id: str) -> BatchRecord:
    record = server.service._store.batch(batch_id)
    assert record is not None
    return record


def test_worker_finishes_batches_that_nobody_looks_at(tmp_path: Path, requests: Any) -> None:
    with running_server(tmp_path, speed=0) as server:
        batch_id = requests.create(server.service, requests.file(300))
        while (batch := _recorded(server, batch_id)).status != "completed":
            pass
        assert batch.completed == 300
