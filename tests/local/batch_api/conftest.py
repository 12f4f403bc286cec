"""Shared parts: a clock moved by hand, requests as our prompt makes them, the service in-process and over HTTP."""

import io
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from livedash_pipeline.local.batch_api.faults.faulty_service import FaultyService
from livedash_pipeline.local.batch_api.faults.script import FaultScript, parse_script
from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from livedash_pipeline.local.batch_api.service import BatchService
from tests.support.openai_client import openai_client

SESSION = "0b5b6a3e-7a5c-4a53-9a0e-3f6f0f4c2d11"
KEYS = ("language", "sentiment", "escalated", "forwarded_hr", "category", "questions", "summary", "session_id")


class Clock:
    """Seconds since 1970, moved by the test."""

    def __init__(self) -> None:
        self.now = 1_750_000_000.0

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


class Requests:
    """Builds requests of our prompt's shape."""

    keys = KEYS
    session = SESSION

    def schema(self) -> dict[str, Any]:
        properties = {key: {"type": "string"} for key in KEYS}
        return {
            "type": "object",
            "properties": properties,
            "required": list(KEYS),
            "additionalProperties": False,
        }

    def body(self, *texts: str, model: str = "gpt-5-mini", role: str = "user", **overrides: Any) -> dict[str, Any]:
        messages = [{"role": role, "at": None, "text": text} for text in texts or ("When does my shift start?",)]
        transcript = {"session_id": SESSION, "messages": messages}
        body = {
            "model": model,
            "messages": [
                {"role": "system", "content": "You analyse chat transcripts and answer with one JSON object."},
                {"role": "user", "content": json.dumps(transcript)},
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "session_analysis", "strict": True, "schema": self.schema()},
            },
            "max_completion_tokens": 2000,
        }
        body.update(overrides)
        return {name: value for name, value in body.items() if value is not None}

    def line(self, custom_id: str = "r-0", body: dict[str, Any] | None = None, **overrides: Any) -> dict[str, Any]:
        line: dict[str, Any] = {
            "custom_id": custom_id,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": body or self.body(),
        }
        line.update(overrides)
        return line

    def jsonl(self, *lines: dict[str, Any]) -> bytes:
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)

    def file(self, count: int, *, bad: int = 0) -> bytes:
        """A file of `count` good requests and `bad` ones that the model refuses."""
        good = [self.line(f"good-{i}") for i in range(count)]
        refused = [self.line(f"bad-{i}", self.body(temperature=0.3)) for i in range(bad)]
        return self.jsonl(*good, *refused)

    def upload(self, service: BatchService | FaultyService, content: bytes) -> str:
        stored = service.upload_file(io.BytesIO(content), filename="requests.jsonl", purpose="batch")
        return str(stored["id"])

    def asked(self, file_id: str, **more: Any) -> dict[str, Any]:
        """The body of a create."""
        wanted = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        return {**wanted, **more}

    def create(self, service: BatchService | FaultyService, content: bytes, **more: Any) -> str:
        return str(service.create_batch(self.asked(self.upload(service, content), **more))["id"])

    def results(self, service: BatchService, file_id: str) -> list[dict[str, Any]]:
        content = service.file_content(file_id).read_bytes()
        assert content.endswith(b"\n")
        return [json.loads(line) for line in content[:-1].split(b"\n")]

    def script(self, *faults: dict[str, Any], seed: int = 0) -> FaultScript:
        return parse_script(json.dumps({"seed": seed, "faults": faults}))


@pytest.fixture
def requests() -> Requests:
    return Requests()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_service(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., BatchService]]:
    """Opens services, by default on one state directory; what is still open at the end is closed."""
    opened: list[BatchService] = []
    numbers = itertools.count()

    def open_one(directory: str = "state", **options: Any) -> BatchService:
        options.setdefault("new_id", lambda prefix: f"{prefix}{next(numbers):032d}")
        service = BatchService(tmp_path / directory, clock=clock, **options)
        opened.append(service)
        return service

    yield open_one
    for service in opened:
        service.close()


@pytest.fixture
def server(tmp_path: Path, clock: Clock) -> Iterator[RunningServer]:
    with running_server(tmp_path / "state", speed=1, clock=clock, models=["my-own-model"]) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[OpenAI]:
    with openai_client(server.base_url, "sk-test") as client:
        yield client


@pytest.fixture(scope="module")
def quiet_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for the tests after which it is as empty as before."""
    with running_server(tmp_path_factory.mktemp("quiet"), models=["my-own-model"]) as running:
        yield running


@pytest.fixture
def quiet_client(quiet_server: RunningServer) -> Iterator[OpenAI]:
    with openai_client(quiet_server.base_url, "sk-test") as client:
        yield client
