"""Every endpoint over HTTP, spoken to by OpenAI's own client."""

import json
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from openai import OpenAI

from livedash_pipeline.local.batch_api.app import Proceed
from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from tests.local.batch_api.conftest import Clock, Requests
from tests.local.batch_api.looking import until
from tests.support.openai_client import openai_client


def upload(client: OpenAI, content: bytes, name: str = "requests.jsonl", **more: Any) -> Any:
    return client.files.create(file=(name, content), purpose="batch", **more)


def create(client: OpenAI, file_id: str, **more: Any) -> Any:
    asked = {"endpoint": "/v1/chat/completions", "completion_window": "24h", **more}
    return client.batches.create(input_file_id=file_id, **asked)


def test_batch_from_upload_to_results(client: OpenAI, clock: Clock, requests: Requests) -> None:
    content = requests.file(6, bad=2)
    file = upload(client, content)
    batch = create(client, file.id, metadata={"livedash_batch_id": "b-1"})
    assert (batch.status, batch.request_counts.total, batch.metadata) == (
        "validating",
        0,
        {"livedash_batch_id": "b-1"},
    )
    assert (batch.output_file_id, batch.error_file_id, batch.errors, batch.model) == (None, None, None, None)
    assert batch.expires_at == batch.created_at + 86_400
    clock.move(2)
    assert until(client, batch.id, "in_progress").request_counts.total == 8
    clock.move(3)
    assert until(client, batch.id, "finalizing").finalizing_at == batch.created_at + 5
    clock.move(1)
    batch = until(client, batch.id, "completed")
    assert (batch.request_counts.completed, batch.request_counts.failed) == (6, 2)
    output = client.files.content(batch.output_file_id).content
    lines = [json.loads(line) for line in output.removesuffix(b"\n").split(b"\n")]
    assert {line["custom_id"] for line in lines} == {f"good-{i}" for i in range(6)}
    assert set(lines[0]) == {"id", "custom_id", "response", "error"}
    answer = json.loads(lines[0]["response"]["body"]["choices"][0]["message"]["content"])
    assert (answer["category"], answer["session_id"]) == ("SCHEDULE_HOURS", requests.session)
    stored = client.files.retrieve(batch.output_file_id)
    assert (stored.purpose, stored.bytes) == ("batch_output", len(output))
    assert batch.usage.total_tokens == sum(line["response"]["body"]["usage"]["total_tokens"] for line in lines)


def test_batches_are_listed_newest_first_in_pages(client: OpenAI, server: RunningServer, requests: Requests) -> None:
    file = upload(client, requests.file(1))
    ids = [create(client, file.id).id for _ in range(5)]
    raw = httpx2.get(f"{server.base_url}/batches?limit=2", headers={"Authorization": "Bearer k"}).json()
    assert (raw["object"], raw["first_id"], raw["last_id"], raw["has_more"]) == ("list", ids[4], ids[3], True)
    assert [batch.id for batch in client.batches.list(limit=2)] == ids[::-1]
    last = client.batches.list(after=ids[1], limit=100)
    assert ([batch.id for batch in last.data], last.has_more) == ([ids[0]], False)
    assert len(client.batches.list().data) == 5


@pytest.mark.parametrize("limit", [0, 101])
def test_page_size_has_limits(quiet_client: OpenAI, limit: int) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        quiet_client.batches.list(limit=limit)
    assert refusal.value.param == "limit"


def test_unknown_input_file_is_found_by_validation_only(client: OpenAI, clock: Clock) -> None:
    batch = create(client, "file-nobody")
    assert batch.status == "validating"
    clock.move(2)
    failed = until(client, batch.id, "failed")
    assert [(e.code, e.param, e.line) for e in failed.errors.data] == [("invalid_request", "file_id", None)]
    assert failed.failed_at == failed.created_at + 2


def test_bad_lines_are_found_by_validation_only(client: OpenAI, clock: Clock, requests: Requests) -> None:
    content = requests.jsonl(requests.line("a"), requests.line("a"), {"custom_id": "c"})
    batch = create(client, upload(client, content).id)
    clock.move(2)
    failed = until(client, batch.id, "failed")
    assert [(e.code, e.line) for e in failed.errors.data] == [
        ("duplicate_custom_id", 2),
        ("missing_required_parameter", 3),
    ]
    assert (failed.request_counts.total, failed.output_file_id, failed.error_file_id) == (0, None, None)


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"endpoint": "/v1/nonsense"}, "invalid_value", "endpoint"),
        ({"completion_window": "48h"}, "invalid_value", "completion_window"),
        ({"metadata": {"n": 1}}, "invalid_type", "metadata.n"),
        ({"metadata": {"n": "x" * 513}}, "string_above_max_length", "metadata.n"),
        ({"metadata": {"k" * 65: "x"}}, "string_above_max_length", "metadata." + "k" * 64),
        ({"metadata": {str(n): "x" for n in range(17)}}, "object_above_max_properties", "metadata"),
        ({"endpoint": openai.omit}, "missing_required_parameter", "endpoint"),
        ({"completion_window": openai.omit}, "missing_required_parameter", "completion_window"),
        ({"input_file_id": openai.omit}, "missing_required_parameter", "input_file_id"),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 1}},
            "integer_below_min_value",
            "output_expires_after.seconds",
        ),
        ({"output_expires_after": {"anchor": "now", "seconds": 3600}}, "invalid_value", "output_expires_after.anchor"),
        ({"extra_body": {"colour": "red"}}, "unknown_parameter", "colour"),
    ],
)
def test_bad_create_is_refused_at_once(quiet_client: OpenAI, change: dict[str, Any], code: str, param: str) -> None:
    asked = {"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "completion_window": "24h", **change}
    with pytest.raises(openai.BadRequestError) as refusal:
        quiet_client.batches.create(**asked)
    assert (refusal.value.code, refusal.value.param) == (code, param)
    assert quiet_client.batches.list().data == []


def test_cancelling_takes_a_while_and_keeps_results(client: OpenAI, clock: Clock, requests: Requests) -> None:
    batch = create(client, upload(client, requests.file(10)).id)
    clock.move(3.5)
    assert until(client, batch.id, "in_progress").request_counts.completed == 5
    assert client.batches.cancel(batch.id).status == "cancelling"
    assert client.batches.cancel(batch.id).status == "cancelling"
    clock.move(2)
    cancelled = until(client, batch.id, "cancelled")
    rest = client.files.content(cancelled.error_file_id).text.splitlines()
    assert [json.loads(line)["error"]["code"] for line in rest] == ["batch_cancelled"] * 5
    assert client.files.content(cancelled.output_file_id).text.count("\n") == 5
    assert client.batches.cancel(batch.id).status == "cancelled"


def test_cancelling_an_ended_batch_is_a_conflict(client: OpenAI, clock: Clock, requests: Requests) -> None:
    completed = create(client, upload(client, requests.file(1)).id)
    failed = create(client, "file-nobody")
    clock.move(10)
    for batch, status in ((completed, "completed"), (failed, "failed")):
        until(client, batch.id, status)
        with pytest.raises(openai.ConflictError, match=status):
            client.batches.cancel(batch.id)


def test_unknown_batch_is_not_found(quiet_client: OpenAI) -> None:
    for call in (quiet_client.batches.retrieve, quiet_client.batches.cancel):
        with pytest.raises(openai.NotFoundError, match="No batch found with id 'batch_x'"):
            call("batch_x")


def test_models_are_listed_and_found_by_name(quiet_client: OpenAI) -> None:
    names = {model.id for model in quiet_client.models.list()}
    assert {"gpt-5-mini", "gpt-5-mini-2025-08-07", "gpt-6-luna", "o3", "my-own-model"} <= names
    assert quiet_client.models.retrieve("my-own-model").id == "my-own-model"
    with pytest.raises(openai.NotFoundError) as refusal:
        quiet_client.models.retrieve("gpt-0")
    assert refusal.value.code == "model_not_found"


def test_chat_completion_answers_at_once(quiet_client: OpenAI, requests: Requests) -> None:
    reply = quiet_client.chat.completions.create(**requests.body("Wo ist mein Dienstplan?"))
    answer = json.loads(reply.choices[0].message.content)
    assert (answer["language"], answer["category"], reply.model) == ("de", "SCHEDULE_HOURS", "gpt-5-mini-2025-08-07")
    with pytest.raises(openai.BadRequestError, match="max_completion_tokens"):
        quiet_client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "hi"}], max_tokens=5)


def test_every_reply_says_that_this_is_a_stand_in(quiet_server: RunningServer) -> None:
    site = quiet_server.base_url.removesuffix("/v1")
    key = {"Authorization": "Bearer k"}
    described = httpx2.get(f"{site}/")
    assert described.json()["stand_in"] is True
    replies = [
        described,
        httpx2.get(f"{quiet_server.base_url}/models", headers=key),
        httpx2.get(f"{quiet_server.base_url}/models"),
        httpx2.get(f"{quiet_server.base_url}/batches/none", headers=key),
        httpx2.get(f"{site}/nowhere"),
        httpx2.put(f"{quiet_server.base_url}/batches", headers=key),
        httpx2.post(f"{quiet_server.base_url}/batches", headers=key, content=b"{"),
    ]
    assert [reply.status_code for reply in replies] == [200, 200, 401, 404, 404, 405, 400]
    assert {reply.headers["x-livedash-stand-in"] for reply in replies} == {"true"}
    assert len({reply.headers["x-request-id"] for reply in replies}) == len(replies)
    assert all(set(reply.json()["error"]) == {"message", "type", "param", "code"} for reply in replies[2:])


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic abc", "secret"])
def test_key_is_needed(quiet_server: RunningServer, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    assert httpx2.get(f"{quiet_server.base_url}/models", headers=headers).status_code == 401


def test_only_given_keys_are_accepted(tmp_path: Path) -> None:
    with running_server(tmp_path, api_keys=["sk-right"]) as server:
        with openai_client(server.base_url, "sk-right") as client:
            assert client.batches.list().data == []
        with openai_client(server.base_url, "sk-wrong") as client:
            with pytest.raises(openai.AuthenticationError) as refusal:
                client.batches.list()
            assert refusal.value.code == "invalid_api_key"
            assert "sk-wrong" not in str(refusal.value)


def test_odd_text_in_a_request_does_not_break_the_reply(server: RunningServer) -> None:
    key = {"Authorization": "Bearer k", "Content-Type": "application/json"}
    asked = (
        '{"input_file_id": "file-\\ud800", "endpoint": "/v1/chat/completions",'
        ' "completion_window": "24h", "metadata": {"k": "\\ud800"}}'
    )
    reply = httpx2.post(f"{server.base_url}/batches", headers=key, content=asked)
    assert (reply.status_code, reply.json()["metadata"]["k"]) == (200, "\ud800")
    assert httpx2.get(f"{server.base_url}/batches/%ED%A0%80", headers=key).status_code == 404


def test_every_operation_passes_the_gate_under_its_name(tmp_path: Path, requests: Any) -> None:
    """The gate sees each operation, may let it happen and still answer something else, or not let it happen."""
    seen: list[str] = []

    async def gate(operation: str, _request: Request, proceed: Proceed) -> Response:
        seen.append(operation)
        if operation == "cancel_batch":
            return JSONResponse({"error": {"message": "busy"}}, status_code=503)
        reply = await proceed()
        return JSONResponse({}, status_code=500) if operation == "create_batch" else reply

    with running_server(tmp_path, gate=gate) as server:
        client = openai_client(server.base_url)
        _call_everything(client, requests.file(1))
        client.close()
    assert seen == [
        "upload_file",
        "get_file",
        "list_files",
        "download_file",
        "create_batch",
        "list_batches",
        "get_batch",
        "cancel_batch",
        "list_models",
        "get_model",
        "chat_completion",
        "delete_file",
    ]


def _call_everything(client: OpenAI, content: bytes) -> None:
    file = upload(client, content)
    client.files.retrieve(file.id)
    assert client.files.list().data == [file]
    client.files.content(file.id)
    with pytest.raises(openai.InternalServerError):
        create(client, file.id)
    (batch,) = client.batches.list().data
    client.batches.retrieve(batch.id)
    with pytest.raises(openai.InternalServerError):
        client.batches.cancel(batch.id)
    client.models.list()
    client.models.retrieve("o3")
    client.chat.completions.create(model="o3", messages=[{"role": "user", "content": "hi"}])
    client.files.delete(file.id)


def test_fault_of_the_stand_in_is_a_500_that_says_so(server: RunningServer) -> None:
    server.service._catalogue.names = None  # type: ignore[assignment, method-assign]
    reply = httpx2.get(f"{server.base_url}/models", headers={"Authorization": "Bearer k"})
    assert (reply.status_code, reply.json()["error"]["type"]) == (500, "server_error")
    assert reply.headers["x-livedash-stand-in"] == "true"
