"""Lines answered by another server: here a second stand-in, and small ones that misbehave."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from openai import OpenAI

from livedash_pipeline.errors import UsageError
from livedash_pipeline.local.batch_api.answering.upstream import Upstream, connect_upstream
from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from livedash_pipeline.local.server_thread import AppServer, serving
from livedash_pipeline.sockets import listening, listening_origin
from tests.local.batch_api.conftest import Requests
from tests.support.openai_client import openai_client

Answer = Callable[[dict[str, Any]], Response]


def completion(content: str = "yes", **usage: Any) -> Response:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return JSONResponse({"id": "x", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage})


class ChatServer:
    """A chat server that answers as it is told, and counts how often and how many at once."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()

    def app(self, models: Response) -> FastAPI:
        app = FastAPI()

        @app.get("/api/v9/models")
        def list_models() -> Response:
            return models

        @app.post("/api/v9/chat/completions")
        def chat(request: Request, body: dict[str, Any]) -> Response:
            with self._lock:
                self.asked.append(body)
                self.keys.add(request.headers.get("authorization"))
                self._now += 1
                self.most_at_once = max(self.most_at_once, self._now)
            try:
                return self.answer(body)
            finally:
                with self._lock:
                    self._now -= 1

        return app


@contextmanager
def chat_server(answer: Answer, models: Response | None = None) -> Iterator[tuple[ChatServer, str]]:
    server = ChatServer(answer)
    app = server.app(models or JSONResponse({"object": "list", "data": [{"id": "llama"}]}))
    with listening("127.0.0.1", 0) as listener, serving(AppServer(app), listener, name="chat"):
        yield server, f"{listening_origin(listener)}/api/v9"


@contextmanager
def batch_server(state: Path, url: str, **options: Any) -> Iterator[tuple[RunningServer, OpenAI]]:
    options.setdefault("sleep", lambda _seconds: None)
    upstream = connect_upstream(url, **options)
    with (
        running_server(state, upstream=upstream) as server,
        openai_client(server.base_url) as client,
    ):
        yield server, client


def run(client: OpenAI, requests: Any, content: bytes) -> tuple[Any, dict[str, dict[str, Any]]]:
    """Run a batch to its end and return it with its result lines by their ids."""
    file = client.files.create(file=("a.jsonl", content), purpose="batch")
    batch_id = client.batches.create(**requests.asked(file.id)).id
    while (batch := client.batches.retrieve(batch_id)).status not in ("completed", "failed"):
        pass
    lines = {}
    for file_id in (batch.output_file_id, batch.error_file_id):
        for line in client.files.content(file_id).content.splitlines() if file_id else ():
            lines[json.loads(line)["custom_id"]] = json.loads(line)
    return batch, lines


def own_lines(requests: Any, count: int, model: str = "llama") -> bytes:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    return bytes(requests.jsonl(*(requests.line(f"r-{i}", body) for i in range(count))))


def test_lines_are_answered_by_another_server(tmp_path: Path, requests: Any) -> None:
    with (
        running_server(tmp_path / "upstream") as other,
        batch_server(tmp_path / "own", other.base_url, key="k") as (own, client),
    ):
        batch, lines = run(client, requests, requests.file(5, bad=2))
        assert (batch.request_counts.completed, batch.request_counts.failed) == (5, 2)
        with openai_client(other.base_url) as direct:
            expected = direct.chat.completions.create(**requests.body())
        good, bad = lines["good-0"]["response"], lines["bad-0"]["response"]
        assert good["body"]["choices"][0]["message"]["content"] == expected.choices[0].message.content
        assert (bad["status_code"], bad["body"]["error"]["param"]) == (400, "temperature")
        assert good["body"]["id"] != lines["good-1"]["response"]["body"]["id"]
        assert sum(line["output_tokens"] for line in own.service.journal()["bill"]) == batch.usage.output_tokens > 0
        calls = [e["operation"] for e in other.service.journal()["entries"]]
        assert calls.count("chat_completion") == 8
        assert client.chat.completions.create(**requests.body()).choices == expected.choices


def test_requests_are_passed_on_as_they_are_and_not_too_many_at_once(tmp_path: Path, requests: Any) -> None:
    both = threading.Barrier(2, timeout=300)

    def together(_body: dict[str, Any]) -> Response:
        both.wait()  # breaks, and so ends in a 500, if no second request comes
        return completion(prompt_tokens=3, completion_tokens=2)

    with chat_server(together) as (chat, url), batch_server(tmp_path, url, concurrency=2, key="sk-up") as (_, client):
        batch, lines = run(client, requests, own_lines(requests, 20))
    assert (len(lines), batch.request_counts.completed, batch.usage.total_tokens) == (20, 20, 100)
    assert chat.most_at_once == 2
    assert chat.keys == {"Bearer sk-up"}
    assert chat.asked == [{"model": "llama", "messages": [{"role": "user", "content": "hi"}]}] * 20


@pytest.mark.parametrize(
    ("answer", "status", "asked"),
    [
        (lambda _: JSONResponse({"error": {"message": "no", "code": "bad_thing", "param": "p"}}, 400), 400, 1),
        (lambda _: JSONResponse({"error": "no such model"}, 404), 404, 1),
        (lambda _: PlainTextResponse("busy", 429), 429, 3),
        (lambda _: PlainTextResponse("<html>", 503), 503, 3),
        (lambda _: PlainTextResponse("not JSON"), 502, 3),
        (lambda _: JSONResponse({"choices": []}), 502, 3),
        (lambda _: PlainTextResponse("moved", 302), 502, 3),
    ],
)
def test_error_of_the_other_server_is_the_lines_own(
    tmp_path: Path, requests: Requests, answer: Answer, status: int, asked: int
) -> None:
    with chat_server(answer) as (chat, url), batch_server(tmp_path, url) as (_own, client):
        batch, lines = run(client, requests, own_lines(requests, 1))
    assert lines["r-0"]["response"]["status_code"] == status
    assert lines["r-0"]["response"]["body"]["error"]["message"]
    assert (batch.status, batch.request_counts.failed, len(chat.asked)) == ("completed", 1, asked)


def test_answer_without_usage_is_kept_and_billed_as_nothing(tmp_path: Path, requests: Any) -> None:
    answer = json.loads(bytes(completion().body))
    with (
        chat_server(lambda _: JSONResponse({**answer, "usage": "none"})) as (_, url),
        batch_server(tmp_path, url) as (server, client),
    ):
        batch, _ = run(client, requests, own_lines(requests, 1))
        bill = server.service.journal()["bill"]
    assert (batch.request_counts.completed, [line["input_tokens"] for line in bill]) == (1, [0])


def test_trouble_that_passes_is_not_noticed(tmp_path: Path, requests: Any) -> None:
    replies = [PlainTextResponse("", 500), PlainTextResponse("", 429), completion("third")]
    with chat_server(lambda _: replies.pop(0)) as (_, url), batch_server(tmp_path, url) as (_own, client):
        _, lines = run(client, requests, own_lines(requests, 1))
    assert lines["r-0"]["response"]["body"]["choices"][0]["message"]["content"] == "third"


def test_silence_becomes_a_504(tmp_path: Path, requests: Any) -> None:
    done = threading.Event()

    def silent(_body: dict[str, Any]) -> Response:
        done.wait(300)
        return completion()

    with chat_server(silent) as (_, url), batch_server(tmp_path, url, timeout=0.1) as (_own, client):
        _, lines = run(client, requests, own_lines(requests, 1))
        done.set()
    assert lines["r-0"]["response"]["status_code"] == 504


def test_models_are_those_of_the_other_server(tmp_path: Path, requests: Any) -> None:
    with chat_server(lambda _: completion()) as (_, url), batch_server(tmp_path, url) as (server, client):
        assert [model.id for model in client.models.list()] == ["llama"]
        batch, _ = run(client, requests, own_lines(requests, 1, model="gpt-5-mini"))
        assert (batch.status, batch.errors.data[0].code) == ("failed", "model_not_found")
        described = httpx2.get(server.base_url.removesuffix("/v1"))
    assert described.json()["stand_in"] is False
    assert "x-livedash-stand-in" not in described.headers


def test_server_without_a_list_of_models_gets_every_name(tmp_path: Path, requests: Any) -> None:
    gone = JSONResponse({"detail": "Not Found"}, 404)
    with chat_server(lambda _: completion(), gone) as (_, url), batch_server(tmp_path, url) as (_own, client):
        batch, _ = run(client, requests, own_lines(requests, 1, model="anything:8b"))
    assert batch.request_counts.completed == 1


def test_stand_in_behind_a_stand_in_is_one(tmp_path: Path) -> None:
    with running_server(tmp_path / "a") as other, batch_server(tmp_path / "b", other.base_url, key="k") as (own, _):
        assert httpx2.get(f"{own.base_url}/models").headers["x-livedash-stand-in"] == "true"


def test_faults_strike_lines_of_another_server_too(tmp_path: Path, requests: Any) -> None:
    with chat_server(lambda _: completion()) as (_, url), batch_server(tmp_path, url) as (server, client):
        server.service.install_faults(requests.script({"kind": "refusal", "match": {"custom_id": "r-1"}}))
        _, lines = run(client, requests, own_lines(requests, 3))
    refusals = [line["response"]["body"]["choices"][0]["message"].get("refusal") for line in lines.values()]
    assert [bool(refusal) for refusal in refusals].count(True) == 1


def test_server_stays_responsive_and_cancels_while_the_other_one_thinks(tmp_path: Path, requests: Any) -> None:
    go_on = threading.Event()

    def slow(_body: dict[str, Any]) -> Response:
        go_on.wait(300)
        return completion()

    with chat_server(slow) as (chat, url), batch_server(tmp_path, url, concurrency=1) as (_, client):
        file = client.files.create(file=("a.jsonl", own_lines(requests, 40)), purpose="batch")
        batch_id = client.batches.create(**requests.asked(file.id)).id
        while not chat.asked:
            pass
        assert client.batches.retrieve(batch_id).status == "in_progress"
        assert client.batches.cancel(batch_id).status == "cancelling"
        go_on.set()
        while (batch := client.batches.retrieve(batch_id)).status != "cancelled":
            pass
    assert batch.request_counts is not None
    assert batch.request_counts.completed == len(chat.asked) <= 4


@pytest.mark.parametrize("url", ["", "no address", "ftp://127.0.0.1/v1", "http://"])
def test_senseless_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        connect_upstream(url)


def test_server_that_refuses_the_key_is_refused_at_the_start() -> None:
    refused = JSONResponse({"error": {"message": "bad key"}}, 401)
    with chat_server(lambda _: completion(), refused) as (_, url), pytest.raises(UsageError, match="401"):
        connect_upstream(url)


def test_concurrency_is_kept_by_whoever_asks() -> None:
    with chat_server(lambda body: completion(body["model"])) as (chat, url):
        upstream: Upstream = connect_upstream(url, concurrency=3)
        try:
            asked = [{"model": f"m-{i}"} for i in range(12)]
            replies = list(upstream.map(lambda body: upstream.answer(body, "", 0), asked))
        finally:
            upstream.close()
    assert [reply["choices"][0]["message"]["content"] for reply in replies] == [f"m-{i}" for i in range(12)]
    assert chat.most_at_once <= 3


@pytest.mark.parametrize("key", ["another", "expecte", "expected2", "\u00e9xpected", "EXPECTED"])
def test_only_its_owner_spends_at_the_upstream(tmp_path: Path, key: str) -> None:
    with (
        chat_server(lambda _body: completion()) as (chat, url),
        running_server(tmp_path, upstream=connect_upstream(url, key="sk-up"), api_keys=["expected"]) as server,
        httpx2.Client(base_url=server.base_url, trust_env=False) as client,
    ):
        question = {"model": "llama", "messages": [{"role": "user", "content": "hi"}]}
        paths = ["chat/completions", "../_journal", "../_faults"]
        for given, status in ((key, 401), ("expected", 200)):
            headers = {b"Authorization": f"Bearer {given}".encode()}
            answers = [client.post(paths[0], json=question, headers=headers)]
            answers += [client.get(path, headers=headers) for path in paths[1:]]
            assert [answer.status_code for answer in answers] == [status] * 3
        assert len(chat.asked) == 1


def test_a_page_steers_no_faults(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, httpx2.Client(base_url=server.base_url, trust_env=False) as client:
        for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            assert client.post("../_faults", content=b"[]", headers=headers).status_code == 403
        assert client.post("../_faults", content=b"[]").status_code == 200
