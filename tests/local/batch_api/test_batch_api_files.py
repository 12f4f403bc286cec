"""The files endpoints over HTTP, spoken to by OpenAI's own client."""

from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from livedash_pipeline.local.batch_api.server import RunningServer
from tests.local.batch_api.conftest import Requests


def upload(client: OpenAI, content: bytes, name: str = "requests.jsonl", **more: Any) -> Any:
    return client.files.create(file=(name, content), purpose="batch", **more)


def test_file_can_be_read_back_and_deleted(client: OpenAI, requests: Requests) -> None:
    content = requests.file(3)
    file = upload(client, content)
    assert (file.object, file.bytes, file.filename, file.status) == (
        "file",
        len(content),
        "requests.jsonl",
        "processed",
    )
    assert file.expires_at == file.created_at + 30 * 86_400
    assert client.files.retrieve(file.id) == file
    assert client.files.content(file.id).content == content
    deleted = client.files.delete(file.id)
    assert (deleted.id, deleted.deleted) == (file.id, True)
    for call in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError):
            call(file.id)


def test_large_download_arrives_whole(client: OpenAI, requests: Requests) -> None:
    content = requests.jsonl(requests.line("r", {"model": "gpt-5", "padding": "x" * 3_000_000}))
    file = upload(client, content)
    with client.files.with_streaming_response.content(file.id) as reply:
        received = b"".join(reply.iter_bytes(65_536))
    assert received == content


def test_upload_keeps_the_expiry_it_asks_for(client: OpenAI, requests: Requests) -> None:
    file = upload(client, requests.file(1), expires_after={"anchor": "created_at", "seconds": 7200})
    assert file.expires_at == file.created_at + 7200
    with pytest.raises(openai.BadRequestError, match=r"expires_after\.seconds"):
        upload(client, requests.file(1), expires_after={"anchor": "created_at", "seconds": 60})


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"{}\n", "requests.txt", "Must be .jsonl"),
        (b"", "requests.jsonl", "empty"),
        (b"nothing\nhere\n", "requests.jsonl", "Invalid file format"),
    ],
)
def test_bad_upload_is_refused(quiet_client: OpenAI, content: bytes, name: str, message: str) -> None:
    with pytest.raises(openai.BadRequestError, match=message):
        upload(quiet_client, content, name)
    assert quiet_client.files.list().data == []


def test_upload_without_its_parts_is_refused(quiet_server: RunningServer) -> None:
    headers = {"Authorization": "Bearer k"}
    for parts, missing in (({}, "file"), ({"file": ("a.jsonl", b"{}")}, "purpose")):
        reply = httpx2.post(f"{quiet_server.base_url}/files", headers=headers, files=parts or {"x": (None, b"")})
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, missing)


def test_unknown_purpose_is_refused(quiet_client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        quiet_client.files.create(file=("a.jsonl", b"{}"), purpose="batch_output")  # type: ignore[arg-type]
    assert (refusal.value.code, refusal.value.param) == ("invalid_value", "purpose")


def test_files_are_listed_newest_first_in_pages(client: OpenAI, requests: Requests) -> None:
    ids = [upload(client, requests.file(1)).id for _ in range(5)]
    client.files.create(file=("note.txt", b"x"), purpose="user_data")
    page = client.files.list(purpose="batch", limit=2)
    assert ([file.id for file in page.data], page.has_more) == ([ids[4], ids[3]], True)
    assert [file.id for file in client.files.list(purpose="batch", limit=2)] == ids[::-1]
    assert [file.id for file in client.files.list(purpose="batch", order="asc", after=ids[2])] == ids[3:]
    assert len(client.files.list().data) == 6
