"""Chat batches over HTTP: uploads, slices, ends, lists and results, for whose token it is and for nobody else's."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.api.routes.chats import batches
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.chats.steps.create import create_batch
from livedash_pipeline.local.batch_api.server import RunningServer
from tests.api.world import Api, api_settings, running_api
from tests.support.rows import insert_company

pytest_plugins = ["tests.support.fixtures"]
QUESTIONS = "id,Question,chatId\n7,How do I apply for leave?,\n8,What is 2 + 3?,\n"


@pytest.fixture
def api(engine: Engine, company: Company, batch_api: RunningServer, tmp_path: Path) -> Iterator[Api]:
    """The API beside a local server that answers; there are two companies."""
    assert company.slug == "acme"
    with engine.begin() as connection:
        insert_company(connection, "globex")
    settings = api_settings(tmp_path, openai_base_url=batch_api.base_url, openai_api_key="test-key")
    with running_api(settings, engine) as running:
        yield running


def upload(
    api: Api, content: str = QUESTIONS, *, token: str | None = None, headers: Any = None, **fields: str
) -> httpx2.Response:
    """A form with a file."""
    files = {"file": ("questions.csv", content.encode(), "text/csv")}
    return api.call("POST", "/api/batch/create", token=token, files=files, data=fields, headers=headers or {})


def test_a_form_becomes_a_batch_that_is_answered(api: Api) -> None:
    token = api.token(company="acme")
    made = upload(api, token=token, name="Frühling 🌱 of “leave”", pageLanguage="en", applyOverrides="false")
    assert (made.status_code, made.json()["ok"], made.json()["chats"]) == (200, True, 2)
    batch_id = made.json()["batchId"]
    listed = api.get("/api/batch/list", token=token).json()["batches"]
    assert [(row["id"], row["name"], row["status"]) for row in listed] == [
        (batch_id, "Frühling 🌱 of “leave”", "created")
    ]
    sliced = api.post("/api/batch/process-for-duration", {"batchId": batch_id, "durationSeconds": 30}, token=token)
    assert sliced.status_code == 200, sliced.text
    assert list(sliced.json())[:5] == ["ok", "processed", "failed", "remaining", "stopReason"]
    assert (sliced.json()["processed"], sliced.json()["stopReason"]) == (2, "finished")
    shown = api.get(f"/api/batch/{batch_id}", token=token).json()["batch"]
    assert (shown["processedItems"], shown["lastProcessedIndex"], shown["percent"]) == (2, 1, 100)
    results = api.get(f"/api/batch/results?batchId={batch_id}&format=csv", token=token)
    rows = list(csv.DictReader(io.StringIO(results.content.decode())))
    assert [(row["id"], row["Question"], row["status"]) for row in rows] == [
        ("7", "How do I apply for leave?", "completed"),
        ("8", "What is 2 + 3?", "completed"),
    ]
    assert "5" in rows[1]["answer"]
    document = api.get(f"/api/batch/results?batchId={batch_id}&format=json", token=token).json()
    assert [row["original"]["id"] for row in document["rows"]] == ["7", "8"]
    sheet = api.get(f"/api/batch/results?batchId={batch_id}&format=xlsx", token=token)
    assert sheet.content.startswith(b"PK")


def test_a_document_becomes_a_batch(api: Api) -> None:
    body = {"company": "acme", "name": "From JSON", "mode": "slices", "items": [{"question": "Who?"}, "What is it?"]}
    made = api.post("/api/batch/create", body)
    assert (made.status_code, made.json().get("rows")) == (200, 2), made.text
    seen = api.post("/api/batch/preview", body)
    assert (seen.status_code, seen.json()["chats"]) == (200, 2)
    assert float(seen.json()["costEurAtMost"]) > 0


def test_a_third_file_is_refused_while_two_are_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, all_read = threading.Semaphore(0), threading.Event()

    def read(*given: Any) -> Any:
        reading.release()
        assert all_read.wait(30)
        return create_batch(*given)

    monkeypatch.setattr(batches, "create_batch", read)
    token = api.token(company="acme")
    with ThreadPoolExecutor(2) as pool:
        made = [pool.submit(upload, api, token=token) for _ in range(2)]
        try:
            assert all(reading.acquire(timeout=30) for _ in made)
            begun = time.monotonic()
            refused = [upload(api, token=token, headers={"Idempotency-Key": "k-3"})]
            refused.append(api.post("/api/batch/preview", {"company": "acme", "items": ["Who?"]}))
            assert time.monotonic() - begun < 10
        finally:
            all_read.set()
        assert [each.result().status_code for each in made] == [200, 200]
    assert [(each.status_code, each.json()["code"]) for each in refused] == [(503, "unavailable")] * 2
    assert refused[0].headers["retry-after"]
    assert upload(api, token=token, headers={"Idempotency-Key": "k-3"}).status_code == 200


def test_the_same_key_makes_one_batch(api: Api) -> None:
    token = api.token(company="acme")
    first, second = (upload(api, token=token, headers={"Idempotency-Key": "k-1"}) for _ in range(2))
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    other = upload(api, QUESTIONS + "9,Another one?,\n", token=token, headers={"Idempotency-Key": "k-1"})
    assert other.status_code == 422
    with api.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM chat_batches")).scalar_one() == 1


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("", "empty"),
        ("name,email\na,b\n", "question"),
        ('question\n"never closed\n', "quot"),
        ("question\n", "row"),
        ("question\na\x00b\n", "NUL"),
    ],
)
def test_a_bad_file_is_refused_whole_with_its_errors(api: Api, content: str, word: str) -> None:
    refused = upload(api, content, token=api.token(company="acme"))
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (422, "invalid_body"), refused.text
    assert word.lower() in json.dumps(problem).lower()
    assert problem["errors"]
    with api.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM chat_batches")).scalar_one() == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": "sideways"},
        {"aiProvider": "nobody"},
        {"searchProvider": "web"},
        {"pageLanguage": "klingon!"},
        {"applyOverrides": "perhaps"},
        {"name": "two\nlines"},
        {"company": "globex"},
        {"unknown": "field"},
        {"applyOverrides": "true"},
    ],
)
def test_a_bad_field_is_refused(api: Api, fields: dict[str, str]) -> None:
    assert upload(api, token=api.token(company="acme"), **fields).status_code in (400, 422)


def test_foreign_batches_do_not_exist_on_any_route(api: Api) -> None:
    batch_id = upload(api, token=api.token(company="acme")).json()["batchId"]
    for token in (api.token(company="globex"), api.token(scopes=["chats:read", "chats:write"])):
        answers = [
            api.get(f"/api/batch/{batch_id}", token=token),
            api.get(f"/api/batch/results?batchId={batch_id}", token=token),
            api.get(f"/api/batch/compare?a={batch_id}", token=token),
            api.post("/api/batch/compare", {"a": batch_id}, token=token),
            api.post("/api/batch/process-for-duration", {"batchId": batch_id}, token=token),
            api.post("/api/batch/cancel", {"batchId": batch_id}, token=token),
            api.post("/api/batch/resume", {"batchId": batch_id}, token=token),
        ]
        assert [answer.status_code for answer in answers] == [404] * 7, [answer.text for answer in answers]
        assert api.get("/api/batch/list", token=token).json()["batches"] == []
    assert api.get("/api/batch/list").json()["batches"][0]["id"] == batch_id
    assert api.get(f"/api/batch/{batch_id}").json()["batch"]["status"] == "created"


def test_what_is_cancelled_is_taken_up_again(api: Api) -> None:
    token = api.token(company="acme")
    batch_id = upload(api, token=token).json()["batchId"]
    cancelled = api.post("/api/batch/cancel", {"batchId": batch_id}, token=token).json()
    assert (cancelled["cancelRequested"], cancelled["alreadyEnded"]) == (True, False)
    again = api.post("/api/batch/cancel", {"batchId": batch_id}, token=token).json()
    assert (again["cancelRequested"], again["alreadyEnded"]) == (False, True)
    dry = api.post("/api/batch/resume", {"batchId": batch_id, "dryRun": True}, token=token).json()
    assert (dry["items"], dry["resumed"], dry["status"]) == (2, False, "cancelled")
    assert api.post("/api/batch/resume", {"batchId": batch_id}, token=token).json()["resumed"]
    sliced = api.post("/api/batch/process-for-duration", {"batchId": batch_id}, token=token).json()
    assert (sliced["processed"], sliced["status"]) == (2, "completed")


def test_two_runs_of_a_file_are_compared(api: Api) -> None:
    token = api.token(company="acme")
    runs = [upload(api, token=token).json()["batchId"] for _ in range(2)]
    api.post("/api/batch/process-for-duration", {"batchId": runs[0]}, token=token)
    found = api.get(f"/api/batch/compare?a={runs[0]}&b={runs[1]}", token=token)
    assert found.status_code == 200, found.text
    assert (found.json()["same"], found.json()["missing"], len(found.json()["rows"])) == (0, 2, 2)
    assert "question" not in found.json()["rows"][0]
    expected = api.get(f"/api/batch/compare?a={runs[0]}", token=token)
    assert (expected.status_code, expected.json()["code"]) == (400, "bad_argument")


def test_a_judge_is_asked_only_by_those_who_may_buy(api: Api) -> None:
    token = api.token(company="acme")
    runs = [upload(api, token=token).json()["batchId"] for _ in range(2)]
    for each in runs:
        api.post("/api/batch/process-for-duration", {"batchId": each}, token=token)
    with api.engine.begin() as connection:
        connection.execute(
            text("UPDATE chat_interactions SET answer = 'Something else.' WHERE batch_id = :id"), {"id": runs[1]}
        )
    named = {"a": runs[0], "b": runs[1]}
    assert (
        api.post("/api/batch/compare", named, token=api.token(company="acme", scopes=["chats:read"])).status_code == 403
    )
    foreseen = api.post("/api/batch/compare", {**named, "dryRun": True}, token=token).json()
    assert (foreseen["ok"], foreseen["pairs"], foreseen["requested"], foreseen["dryRun"]) == (True, 2, 2, True)
    assert float(foreseen["costEurAtMost"]) > 0
    asked = api.post("/api/batch/compare", {**named, "judgeModel": "gpt-5"}, token=token).json()
    assert (asked["model"], asked["requested"], asked["known"]) == ("gpt-5", 2, 0)
    shown = api.get(f"/api/batch/compare?a={runs[0]}&b={runs[1]}&judgeModel=gpt-5", token=token).json()
    assert (shown["judgements"]["waiting"], shown["judgements"]["costEur"]) == (2, "0")
    assert [row["judgement"] for row in shown["rows"]] == ["waiting", "waiting"]
    other = api.get(f"/api/batch/compare?a={runs[0]}&b={runs[1]}", token=token).json()
    assert other["judgements"]["notJudged"] == 2


@pytest.mark.parametrize("seconds", [0, 301, -1, "30"])
def test_a_slice_of_no_length_is_refused(api: Api, seconds: Any) -> None:
    batch_id = upload(api, token=api.token(company="acme")).json()["batchId"]
    refused = api.post("/api/batch/process-for-duration", {"batchId": batch_id, "durationSeconds": seconds})
    assert refused.status_code == 422


def test_a_batch_is_tried_with_its_first_questions(api: Api) -> None:
    token = api.token(company="acme")
    batch_id = upload(api, token=token).json()["batchId"]
    foreseen = api.post("/api/batch/try", {"batchId": batch_id, "items": 1, "dryRun": True}, token=token).json()
    assert (foreseen["tried"], foreseen["items"], foreseen["setAside"], foreseen["dryRun"]) == (False, 1, 1, True)
    tried = api.post("/api/batch/try", {"batchId": batch_id, "items": 1}, token=token).json()
    assert (tried["ok"], tried["tried"], tried["status"]) == (True, True, "processing")
    api.post("/api/batch/process-for-duration", {"batchId": batch_id}, token=token)
    shown = api.get(f"/api/batch/{batch_id}", token=token).json()["batch"]
    assert (shown["status"], shown["processedItems"], shown["cancelledItems"]) == ("cancelled", 1, 1)
    foreign = api.post("/api/batch/try", {"batchId": batch_id}, token=api.token(company="acme", scopes=["chats:read"]))
    assert foreign.status_code == 403
    assert api.post("/api/batch/try", {"batchId": batch_id, "items": 0}, token=token).status_code == 422


@pytest.mark.parametrize("file_format", ["csv", "json", "xlsx"])
def test_a_template_becomes_a_batch(api: Api, file_format: str) -> None:
    token = api.token(company="acme")
    found = api.get(f"/api/batch/template?format={file_format}", token=token)
    assert found.status_code == 200
    assert f'filename="questions.{file_format}"' in found.headers["content-disposition"]
    files = {"file": (f"questions.{file_format}", found.content)}
    made = api.call("POST", "/api/batch/create", token=token, files=files)
    assert (made.status_code, made.json()["chats"], made.json()["rows"]) == (200, 1, 2)
