"""Faults of calls: over HTTP as a client sees them, and in this process as the simulation does."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from livedash_pipeline.local.batch_api.faults.faulty_service import FaultyService, ReplyLost
from livedash_pipeline.local.batch_api.refusals import Refusal
from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from livedash_pipeline.local.batch_api.service import BatchService
from livedash_pipeline.tls import machine_authorities
from tests.local.batch_api.conftest import Clock, Requests

KEY = {"Authorization": "Bearer k"}


@pytest.fixture
def faulty(open_service: Callable[..., Any], requests: Any) -> Callable[..., FaultyService]:
    """Makes a service behind a script, with everything done at the next look."""

    def make(*faults: dict[str, Any], **options: Any) -> FaultyService:
        return FaultyService(open_service(faults=requests.script(*faults), **{"speed": 0, **options}))

    return make


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.base_url, headers=KEY, timeout=10, verify=machine_authorities()) as client:
        yield client


@pytest.fixture
def site(server: RunningServer) -> str:
    return server.base_url.removesuffix("/v1")


def install(site: str, *faults: dict[str, Any], **query: Any) -> dict[str, Any]:
    reply = httpx2.post(f"{site}/_faults", json={"faults": faults}, params=query)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def entries(site: str, **query: Any) -> list[dict[str, Any]]:
    return list(httpx2.get(f"{site}/_journal", params=query).json()["entries"])


def ids(page: dict[str, Any]) -> list[str]:
    return [item["id"] for item in page["data"]]


# Over HTTP


def test_lost_reply_leaves_a_batch_that_the_caller_does_not_know(client: OpenAI, site: str, requests: Requests) -> None:
    file = client.files.create(file=("a.jsonl", requests.file(1)), purpose="batch")
    install(site, {"kind": "lose_reply", "operation": "create_batch", "match": {"nth": 1}})
    with pytest.raises(openai.APIConnectionError):
        client.batches.create(**requests.asked(file.id))
    (batch,) = client.batches.list().data
    assert batch.input_file_id == file.id
    (created,) = [entry for entry in entries(site) if entry["operation"] == "create_batch"]
    assert (created["batch_id"], created["file_id"]) == (batch.id, file.id)
    assert (created["acted"], created["delivered"], created["fault"]) == (True, False, "lose_reply")


def test_client_that_retries_a_lost_create_buys_several_times(
    server: RunningServer, site: str, requests: Requests
) -> None:
    """What makes a create without the client's retries necessary."""
    install(site, {"kind": "lose_reply", "operation": "create_batch", "times": 2})
    with OpenAI(base_url=server.base_url, api_key="k", max_retries=2) as client:
        file = client.files.create(file=("a.jsonl", requests.file(1)), purpose="batch")
        known = client.batches.create(**requests.asked(file.id))
        assert len(client.batches.list().data) == 3
        assert known.id == client.batches.list().data[0].id


@pytest.mark.parametrize("operation", ["upload_file", "create_batch", "any"])
def test_dropped_call_never_happens(client: OpenAI, site: str, requests: Requests, operation: str) -> None:
    file = client.files.create(file=("a.jsonl", requests.file(1)), purpose="batch")
    install(site, {"kind": "drop", "operation": operation, "times": 1})
    with pytest.raises(openai.APIConnectionError):
        if operation == "upload_file":
            client.files.create(file=("b.jsonl", requests.file(2000)), purpose="batch")
        else:
            client.batches.create(**requests.asked(file.id))
    assert [item.id for item in client.files.list()] == [file.id]
    assert client.batches.list().data == []
    dropped = [entry for entry in entries(site) if entry["fault"] == "drop"]
    assert [(entry["acted"], entry["status"], entry["delivered"]) for entry in dropped] == [(False, None, False)]


def test_silence_lets_the_client_run_into_its_own_time_out(server: RunningServer, site: str) -> None:
    install(site, {"kind": "drop", "operation": "list_batches", "hang": 0.5, "times": 1})
    with httpx2.Client(headers=KEY, timeout=0.1) as client, pytest.raises(httpx2.ReadTimeout):
        client.get(f"{server.base_url}/batches")
    assert httpx2.get(f"{server.base_url}/batches", headers=KEY).status_code == 200


def test_create_that_acts_later_is_found_later_and_dated_then(
    client: OpenAI, site: str, clock: Clock, requests: Requests
) -> None:
    file = client.files.create(file=("a.jsonl", requests.file(1)), purpose="batch")
    install(site, {"kind": "delay", "operation": "create_batch", "seconds": 90, "times": 1})
    with pytest.raises(openai.APIConnectionError):
        client.batches.create(**requests.asked(file.id, metadata={"k": "v"}))
    clock.move(89)
    assert client.batches.list().data == []
    assert httpx2.get(f"{site}/_faults").json()["delayed"] == 1
    clock.move(2)
    (batch,) = client.batches.list().data
    assert (batch.created_at, batch.metadata) == (file.created_at + 90, {"k": "v"})
    late = [entry for entry in entries(site) if entry["operation"] == "delayed_create_batch"]
    assert [(entry["batch_id"], entry["acted"], entry["delivered"]) for entry in late] == [(batch.id, True, False)]


def test_create_delayed_without_bound_waits_for_its_release(
    client: OpenAI, site: str, clock: Clock, requests: Requests
) -> None:
    file = client.files.create(file=("a.jsonl", requests.file(1)), purpose="batch")
    install(site, {"kind": "delay", "operation": "create_batch"})
    with pytest.raises(openai.APIConnectionError):
        client.batches.create(**requests.asked(file.id))
    clock.move(1_000_000)
    assert client.batches.list().data == []
    assert httpx2.post(f"{site}/_faults/release").json() == {"released": 1}
    assert len(client.batches.list().data) == 1


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (408, None, openai.APIStatusError),
        (409, None, openai.ConflictError),
        (425, None, openai.APIStatusError),
        (429, None, openai.RateLimitError),
        (429, "insufficient_quota", openai.RateLimitError),
        (500, None, openai.InternalServerError),
        (502, None, openai.InternalServerError),
        (503, None, openai.InternalServerError),
    ],
)
def test_refused_call_does_not_act_and_names_its_reason(
    client: OpenAI, site: str, requests: Requests, status: int, code: str | None, error: type[openai.APIStatusError]
) -> None:
    file = client.files.create(file=("a.jsonl", requests.file(1)), purpose="batch")
    fault = {"kind": "status", "operation": "create_batch", "status": status, "code": code, "retry_after": 7}
    install(site, {**fault, "times": 1})
    with pytest.raises(error) as refusal:
        client.batches.create(**requests.asked(file.id))
    assert (refusal.value.status_code, refusal.value.code) == (status, code)
    assert refusal.value.response.headers["retry-after"] == "7"
    assert client.batches.list().data == []


def test_error_after_acting_leaves_a_batch(client: OpenAI, site: str, requests: Requests) -> None:
    file = client.files.create(file=("a.jsonl", requests.file(1)), purpose="batch")
    install(site, {"kind": "status", "operation": "create_batch", "status": 502, "acted": True, "times": 1})
    with pytest.raises(openai.InternalServerError):
        client.batches.create(**requests.asked(file.id))
    assert len(client.batches.list().data) == 1
    created = [entry for entry in entries(site) if entry["operation"] == "create_batch"]
    assert [(entry["acted"], entry["status"], entry["delivered"]) for entry in created] == [(True, 502, False)]


def test_content_ends_early_with_and_without_notice(http: httpx2.Client, site: str, requests: Requests) -> None:
    content = requests.file(50)
    stored = http.post("files", files={"file": ("a.jsonl", content)}, data={"purpose": "batch"}).json()
    install(site, {"kind": "truncate", "operation": "download_file", "times": 1, "keep": 0.5})
    with pytest.raises(httpx2.RemoteProtocolError):
        http.get(f"files/{stored['id']}/content")
    install(site, {"kind": "truncate", "operation": "download_file", "times": 1, "keep": 0.25, "silent": True})
    assert http.get(f"files/{stored['id']}/content").content == content[: len(content) // 4]
    assert http.get(f"files/{stored['id']}/content").content == content
    assert [entry["delivered"] for entry in entries(site) if entry["operation"] == "download_file"] == [
        False,
        False,
        True,
    ]


def test_cut_json_is_no_answer(http: httpx2.Client, site: str) -> None:
    install(site, {"kind": "truncate", "operation": "list_batches", "silent": True, "times": 1})
    reply = http.get("batches")
    assert reply.status_code == 200
    with pytest.raises(ValueError, match="JSON|Expecting|Unterminated"):
        reply.json()


def test_slow_answer_is_whole(http: httpx2.Client, site: str) -> None:
    install(site, {"kind": "slow", "operation": "any", "seconds": 0.1})
    assert http.get("batches").json()["data"] == []
    assert httpx2.get(f"{site}/_faults").json()["faults"][0]["struck"] == 1


def test_script_is_added_replaced_and_removed(site: str) -> None:
    drop = {"kind": "drop", "operation": "get_model"}
    assert len(install(site, drop)["faults"]) == 1
    assert len(install(site, drop, drop)["faults"]) == 3
    assert len(install(site, drop, replace=True)["faults"]) == 1
    assert httpx2.get(f"{site}/_faults").json()["faults"][0]["operation"] == "get_model"
    assert httpx2.request("DELETE", f"{site}/_faults").json()["faults"] == []
    assert httpx2.get(f"{site}/_faults").json()["faults"] == []


def test_bad_script_over_http_is_a_400_that_changes_nothing(site: str) -> None:
    reply = httpx2.post(f"{site}/_faults", json=[{"kind": "drop", "operation": "any"}, {"kind": "nonsense"}])
    assert reply.status_code == 400
    assert "fault 2 has the unknown kind 'nonsense'" in reply.json()["error"]["message"]
    assert httpx2.get(f"{site}/_faults").json()["faults"] == []


def test_page_of_another_host_name_may_not_steer_the_faults(site: str) -> None:
    for path in ("_faults", "_journal"):
        assert httpx2.get(f"{site}/{path}", headers={"Host": "evil.example"}).status_code == 403
        assert httpx2.get(f"{site}/{path}").status_code == 200


def test_script_given_at_the_start_works(tmp_path: Path, requests: Any) -> None:
    script = requests.script({"kind": "status", "operation": "get_model", "status": 503})
    with running_server(tmp_path, faults=script) as server:
        assert httpx2.get(f"{server.base_url}/models/o3", headers=KEY).status_code == 503
        assert httpx2.get(f"{server.base_url}/models", headers=KEY).status_code == 200


# In this process


def test_reply_lost_in_process_acts_or_not(faulty: Callable[..., FaultyService], requests: Requests) -> None:
    service = faulty(
        {"kind": "lose_reply", "operation": "create_batch", "match": {"nth": 1}},
        {"kind": "drop", "operation": "create_batch", "match": {"nth": 2}},
    )
    file_id = requests.upload(service, requests.file(1))
    for _ in range(2):
        with pytest.raises(ReplyLost):
            service.create_batch(requests.asked(file_id))
        assert len(ids(service.list_batches())) == 1
    created = [entry for entry in service.service.journal()["entries"] if entry["operation"] == "create_batch"]
    assert [(entry["fault"], entry["acted"]) for entry in created] == [("lose_reply", True), ("drop", False)]


def test_late_create_on_a_deleted_file_fails_unbilled(
    faulty: Callable[..., FaultyService], clock: Clock, requests: Requests
) -> None:
    service = faulty({"kind": "delay", "operation": "create_batch", "seconds": 300, "times": 1}, speed=1)
    file_id = requests.upload(service, requests.file(3))
    with pytest.raises(ReplyLost):
        service.create_batch(requests.asked(file_id))
    clock.move(200)
    service.delete_file(file_id)
    clock.move(101)
    (batch_id,) = ids(service.list_batches())
    clock.move(10)
    batch = service.get_batch(batch_id)
    assert (batch["status"], batch["errors"]["data"][0]["param"]) == ("failed", "file_id")
    journal = service.service.journal(batch_id=batch_id)
    assert journal["bill"] == []
    assert [(entry["operation"], entry["detail"]) for entry in journal["entries"][:2]] == [
        ("delayed_create_batch", None),
        ("end_batch", "failed"),
    ]


def test_delayed_calls_act_at_their_own_time_whenever_somebody_looks(
    faulty: Callable[..., FaultyService], clock: Clock, requests: Requests
) -> None:
    service = faulty(
        {"kind": "delay", "operation": "cancel_batch", "seconds": 1.5},
        {"kind": "delay", "operation": "delete_file", "seconds": 1},
        speed=1,
    )
    batch_id = requests.create(service, requests.file(10))
    file_id = service.get_batch(batch_id)["input_file_id"]
    clock.move(2)
    with pytest.raises(ReplyLost):
        service.cancel_batch(batch_id)
    with pytest.raises(ReplyLost):
        service.delete_file(file_id)
    assert service.get_file(file_id)["id"] == file_id
    clock.move(1000)
    batch = service.get_batch(batch_id)
    assert (batch["status"], batch["cancelling_at"] - batch["created_at"]) == ("cancelled", 3)
    assert batch["request_counts"]["completed"] == 5
    with pytest.raises(Refusal):
        service.get_file(file_id)


def test_delayed_call_survives_a_restart(
    faulty: Callable[..., FaultyService], clock: Clock, requests: Requests
) -> None:
    service = faulty({"kind": "delay", "operation": "create_batch", "seconds": 10})
    file_id = requests.upload(service, requests.file(1))
    with pytest.raises(ReplyLost):
        service.create_batch(requests.asked(file_id))
    service.service.close()
    again = faulty()
    clock.move(10)
    assert len(ids(again.list_batches())) == 1


def test_late_call_that_is_refused_stands_in_the_journal(
    faulty: Callable[..., FaultyService], clock: Clock, requests: Requests
) -> None:
    service = faulty({"kind": "delay", "operation": "cancel_batch", "seconds": 5})
    batch_id = requests.create(service, requests.file(1))
    with pytest.raises(ReplyLost):
        service.cancel_batch(batch_id)
    clock.move(10)
    assert service.get_batch(batch_id)["status"] == "completed"
    (late,) = [e for e in service.service.journal()["entries"] if e["operation"] == "delayed_cancel_batch"]
    assert (late["acted"], late["status"]) == (False, 409)


def test_refusals_in_process_carry_what_http_would(faulty: Callable[..., FaultyService]) -> None:
    service = faulty({"kind": "status", "operation": "any", "status": 429, "retry_after": 3})
    with pytest.raises(Refusal) as refusal:
        service.get_model("o3")
    assert (refusal.value.status, refusal.value.code, refusal.value.retry_after) == (429, None, 3)


def test_error_after_acting_in_process(faulty: Callable[..., FaultyService], requests: Requests) -> None:
    service = faulty({"kind": "status", "operation": "any", "status": 504, "acted": True, "match": {"nth": 2}})
    file_id = requests.upload(service, requests.file(1))
    with pytest.raises(Refusal) as refusal:
        service.create_batch(requests.asked(file_id))
    assert refusal.value.status == 504
    assert len(ids(service.list_batches())) == 1


def test_content_in_process_may_be_cut_and_documents_get_lost(
    faulty: Callable[..., FaultyService], requests: Requests
) -> None:
    content = requests.file(4)
    service = faulty({"kind": "truncate", "operation": "any", "keep": 0.1, "match": {"nth": 2}})
    file_id = requests.upload(service, content)
    assert service.file_content(file_id) == content[: len(content) // 10]
    assert service.file_content(file_id) == content
    documents = faulty({"kind": "truncate", "operation": "list_files"}, directory="other")
    with pytest.raises(ReplyLost):
        documents.list_files()


def test_waiting_in_process_is_on_the_callers_clock(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    script = requests.script(
        {"kind": "drop", "operation": "get_model", "hang": 20},
        {"kind": "slow", "operation": "list_models", "seconds": 5},
    )
    service = FaultyService(open_service(faults=script), sleep=clock.move)
    start = clock.now
    with pytest.raises(ReplyLost):
        service.get_model("o3")
    assert clock.now == start + 20
    assert service.list_models()["data"]
    assert clock.now == start + 25


def test_same_script_same_calls_same_journal(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    script = requests.script(
        {"kind": "lose_reply", "operation": "create_batch", "match": {"share": 0.3}},
        {"kind": "drop", "operation": "any", "match": {"share": 0.2}},
        {"kind": "missing_line", "match": {"share": 0.2}},
        {"kind": "expire", "share": 0.5, "match": {"share": 0.5}},
        seed=11,
    )
    journals = []
    for directory in ("one", "two"):
        counter = iter(range(1000))
        service = FaultyService(
            open_service(directory, speed=0, faults=script, new_id=lambda prefix, n=counter: f"{prefix}{next(n)}")
        )
        for _ in range(20):
            try:
                requests.create(service, requests.file(3))
                service.list_batches()
            except ReplyLost:
                continue
        journals.append(json.dumps(service.service.journal()))
    assert journals[0] == journals[1]
    assert {"lose_reply", "drop"} <= {entry["fault"] for entry in json.loads(journals[0])["entries"]}
