"""Faults of batches: what is seen when, what validation says, how they end, and how the object is written."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from livedash_pipeline.ledger.rules.admission.admission import learned_limit
from livedash_pipeline.ledger.rules.service.remote import read_remote_batch
from livedash_pipeline.local.batch_api.batches.pace import Pace
from livedash_pipeline.local.batch_api.refusals import Refusal
from livedash_pipeline.local.batch_api.server import RunningServer
from livedash_pipeline.local.batch_api.service import BatchService
from tests.local.batch_api.conftest import Clock, Requests
from tests.local.batch_api.looking import until


@pytest.fixture
def scripted(open_service: Callable[..., BatchService], requests: Any) -> Callable[..., BatchService]:
    def make(*faults: dict[str, Any], **options: Any) -> BatchService:
        return open_service(faults=requests.script(*faults), **options)

    return make


def is_found(look: Callable[[], Any]) -> bool:
    try:
        look()
    except Refusal as refusal:
        assert refusal.status in (404, 409)
        return refusal.status == 409
    return True


def listed(service: BatchService) -> list[str]:
    return [batch["id"] for batch in service.list_batches()["data"]]


@pytest.mark.parametrize(("on", "hidden"), [("both", (False, [])), ("get", (False, 1)), ("list", (True, []))])
def test_new_batch_cannot_be_seen_for_a_while(
    scripted: Callable[..., BatchService], clock: Clock, requests: Requests, on: str, hidden: tuple[bool, Any]
) -> None:
    service = scripted({"kind": "visibility_lag", "seconds": 120, "on": on})
    batch_id = requests.create(service, requests.file(1))
    seen, expected = hidden
    expected_list = [batch_id] if expected else []
    clock.move(119)
    assert (is_found(lambda: service.get_batch(batch_id)), listed(service)) == (seen, expected_list)
    assert is_found(lambda: service.cancel_batch(batch_id)) is seen
    clock.move(1)
    assert (is_found(lambda: service.get_batch(batch_id)), listed(service)) == (True, [batch_id])


def test_hidden_batch_leaves_no_gap_in_pages(
    scripted: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = scripted({"kind": "visibility_lag", "seconds": 60, "match": {"nth": 3}})
    ids = [requests.create(service, requests.file(1)) for _ in range(4)]
    page = service.list_batches(limit=2)
    assert ([batch["id"] for batch in page["data"]], page["has_more"]) == ([ids[3], ids[1]], True)
    clock.move(60)
    assert listed(service) == ids[::-1]


def test_new_file_cannot_be_seen_for_a_while_but_is_there(
    scripted: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = scripted({"kind": "visibility_lag", "seconds": 60, "of": "input_file"})
    batch_id = requests.create(service, requests.file(1))
    file_id = service.get_batch(batch_id)["input_file_id"]
    assert not is_found(lambda: service.get_file(file_id))
    assert service.list_files()["data"] == []
    clock.move(59)
    assert service.get_batch(batch_id)["status"] == "completed"
    assert not is_found(lambda: service.file_content(file_id))
    clock.move(1)
    assert is_found(lambda: service.get_file(file_id))


def test_result_files_cannot_be_seen_for_a_while(
    scripted: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = scripted({"kind": "visibility_lag", "seconds": 60, "of": "result_files"}, speed=0)
    batch = service.get_batch(requests.create(service, requests.file(1)))
    assert not is_found(lambda: service.get_file(batch["output_file_id"]))
    clock.move(60)
    assert service.get_file(batch["output_file_id"])["bytes"] > 0


def test_batch_vanishes_while_it_goes_on(
    scripted: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = scripted({"kind": "vanish_batch", "after": 3})
    batch_id = requests.create(service, requests.file(2))
    assert listed(service) == [batch_id]
    clock.move(3)
    assert (is_found(lambda: service.get_batch(batch_id)), listed(service)) == (False, [])
    clock.move(10)
    service.advance()
    assert len(service.journal(batch_id=batch_id)["bill"]) == 2


@pytest.mark.parametrize(
    ("file", "gone"), [("output", [True, False]), ("error", [False, True]), ("both", [True, True])]
)
def test_result_file_vanishes_and_stays_named(
    scripted: Callable[..., BatchService], clock: Clock, requests: Requests, file: str, gone: list[bool]
) -> None:
    service = scripted({"kind": "vanish_file", "file": file, "after": 30}, speed=0)
    batch_id = requests.create(service, requests.file(1, bad=1))
    batch = service.get_batch(batch_id)
    files = [batch["output_file_id"], batch["error_file_id"]]
    assert all(is_found(partial(service.file_content, f)) for f in files)
    clock.move(30)
    assert [not is_found(partial(service.get_file, f)) for f in files] == gone
    assert [not is_found(partial(service.file_content, f)) for f in files] == gone
    assert service.get_batch(batch_id) == batch


def test_fault_that_names_a_batch_strikes_it_although_it_exists(
    scripted: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = scripted(speed=0)
    ended, other = (requests.create(service, requests.file(1)) for _ in range(2))
    batch = service.get_batch(ended)
    service.install_faults(requests.script({"kind": "vanish_file", "match": {"batch_id": ended}}))
    assert not is_found(lambda: service.get_file(batch["output_file_id"]))
    assert is_found(lambda: service.get_file(service.get_batch(other)["output_file_id"]))
    service.install_faults(requests.script({"kind": "vanish_batch", "match": {"batch_id": other}}))
    assert listed(service) == [ended]
    assert [fault["struck"] for fault in service.faults()["faults"]] == [1, 1]


@pytest.mark.parametrize("speed", [0, 1])
@pytest.mark.parametrize(("share", "run"), [(0, 0), (0.4, 4), (0.45, 5), (1, 10)])
def test_batch_expires_when_a_share_of_its_lines_has_run(
    scripted: Callable[..., BatchService], clock: Clock, requests: Requests, share: float | int, run: int, speed: int
) -> None:
    service = scripted({"kind": "expire", "share": share}, speed=speed)
    batch_id = requests.create(service, requests.file(10))
    clock.move(10)
    batch = service.get_batch(batch_id)
    assert (batch["status"], batch["request_counts"]["completed"]) == ("expired", run)
    assert batch["expired_at"] < batch["expires_at"]
    rest = requests.results(service, batch["error_file_id"]) if run < 10 else []
    assert [line["error"]["code"] for line in rest] == ["batch_expired"] * (10 - run)
    assert len(service.journal(batch_id=batch_id)["bill"]) == run


@pytest.mark.parametrize("steps", [[10], [1, 1, 1, 1, 1, 5], [2.7, 0.9, 0.1, 6.3]])
def test_early_expiry_does_not_depend_on_who_looks_when(
    scripted: Callable[..., BatchService], clock: Clock, requests: Requests, steps: list[float]
) -> None:
    service = scripted({"kind": "expire", "share": 0.7})
    batch_id = requests.create(service, requests.file(10))
    start = clock.now
    for step in steps:
        clock.move(step)
        batch = service.get_batch(batch_id)
    assert (batch["status"], batch["request_counts"]["completed"]) == ("expired", 7)
    assert batch["expired_at"] == int(start + 2 + 3 * 0.7)


@pytest.mark.parametrize("state", ["validating", "in_progress", "finalizing"])
def test_batch_stays_in_a_state_for_longer_or_for_ever(
    scripted: Callable[..., BatchService], clock: Clock, requests: Requests, state: str
) -> None:
    stuck = {"kind": "stuck", "state": state}
    service = scripted({**stuck, "seconds": 500, "match": {"nth": 1}}, {**stuck, "match": {"nth": 2}}, speed=0)
    longer, for_ever = (requests.create(service, requests.file(2)) for _ in range(2))
    clock.move(499)
    assert [service.get_batch(each)["status"] for each in (longer, for_ever)] == [state, state]
    counts = service.get_batch(longer)["request_counts"]
    assert counts["completed"] == (0 if state == "validating" else 2)
    clock.move(1)
    assert service.get_batch(longer)["status"] == "completed"
    clock.move(10_000_000)
    assert service.get_batch(for_ever)["status"] == state


def test_cancelling_may_get_stuck_too(scripted: Callable[..., BatchService], clock: Clock, requests: Requests) -> None:
    service = scripted({"kind": "stuck", "state": "cancelling", "seconds": 600})
    batch_id = requests.create(service, requests.file(2))
    clock.move(3)
    service.cancel_batch(batch_id)
    clock.move(601)
    assert service.get_batch(batch_id)["status"] == "cancelling"
    clock.move(1)
    assert service.get_batch(batch_id)["status"] == "cancelled"


def test_counts_are_wrong_as_the_script_says(scripted: Callable[..., BatchService], requests: Requests) -> None:
    service = scripted(
        {"kind": "wrong_counts", "all_completed": True, "match": {"nth": 1}},
        {"kind": "wrong_counts", "completed_by": -5, "failed_by": 2, "total_by": 1, "match": {"nth": 2}},
        speed=0,
    )
    shown = [service.get_batch(requests.create(service, requests.file(3, bad=1)))["request_counts"] for _ in range(3)]
    assert shown == [
        {"total": 4, "completed": 4, "failed": 0},
        {"total": 5, "completed": 0, "failed": 3},
        {"total": 4, "completed": 3, "failed": 1},
    ]


def test_a_batch_may_state_no_usage(scripted: Callable[..., BatchService], requests: Requests) -> None:
    service = scripted({"kind": "unstated_usage", "match": {"nth": 1}}, speed=0)
    shown = [service.get_batch(requests.create(service, requests.file(2)))["usage"] for _ in range(2)]
    assert shown[0] is None
    assert shown[1]["total_tokens"] > 0


def test_queue_takes_no_more_tokens_than_its_limit(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    measured = open_service("measure", speed=0)
    one = measured.get_batch(requests.create(measured, requests.file(10)))["usage"]["input_tokens"]
    limit = 2 * one + 5
    service = open_service(faults=requests.script({"kind": "token_limit", "limit": limit}))
    ids = [requests.create(service, requests.file(10)) for _ in range(3)]
    clock.move(2)
    assert [service.get_batch(each)["status"] for each in ids] == ["in_progress", "in_progress", "failed"]
    (error,) = service.get_batch(ids[2])["errors"]["data"]
    assert (error["code"], error["line"]) == ("token_limit_exceeded", None)
    assert f"{limit:,}" in error["message"]
    assert learned_limit(error["message"], 0) == limit
    assert service.journal(batch_id=ids[2])["bill"] == []
    clock.move(20)
    again = requests.create(service, requests.file(10))
    clock.move(2)
    assert service.get_batch(again)["status"] == "in_progress"


def test_token_limit_is_per_model(scripted: Callable[..., BatchService], clock: Clock, requests: Requests) -> None:
    limit = {"kind": "token_limit", "limit": 10, "model": "gpt-5-mini-2025-08-07"}
    service = scripted(limit)
    other = requests.create(service, requests.jsonl(requests.line(body=requests.body(model="gpt-5-nano"))))
    refused = requests.create(service, requests.file(1))
    clock.move(2)
    assert [service.get_batch(each)["status"] for each in (other, refused)] == ["in_progress", "failed"]


def test_validation_fails_as_the_script_says_and_costs_nothing(
    scripted: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    fault = {"kind": "fail_validation", "code": "billing_hard_limit_reached", "message": "No money.", "line": 2}
    service = scripted({**fault, "times": 1})
    batch_id = requests.create(service, requests.file(2))
    clock.move(2)
    batch = service.get_batch(batch_id)
    assert batch["status"] == "failed"
    assert batch["errors"]["data"] == [
        {"code": "billing_hard_limit_reached", "message": "No money.", "param": None, "line": 2}
    ]
    assert service.journal()["bill"] == []


def test_error_file_may_be_empty(scripted: Callable[..., BatchService], requests: Requests) -> None:
    service = scripted({"kind": "empty_error_file"}, speed=0)
    batch = service.get_batch(requests.create(service, requests.file(1)))
    assert service.get_file(batch["error_file_id"])["bytes"] == 0
    assert service.file_content(batch["error_file_id"]).read_bytes() == b""


@pytest.mark.parametrize("time_format", ["milliseconds", "string", "iso"])
def test_other_dialect_means_the_same(
    open_service: Callable[..., BatchService], requests: Requests, time_format: str
) -> None:
    dialect = {"upper_case_states": True, "empty_ids": True, "null_counts": True, "time_format": time_format}
    script = requests.script({"kind": "dialect", **dialect})
    plain, odd = open_service("plain", speed=0), open_service("odd", speed=0, faults=script)
    shown = [service.get_batch(requests.create(service, requests.file(2))) for service in (plain, odd)]
    assert (shown[1]["status"], shown[1]["error_file_id"], shown[1]["request_counts"]) == ("COMPLETED", "", None)
    assert shown[1]["created_at"] != shown[0]["created_at"]
    assert shown[1]["failed_at"] is None
    read = [read_remote_batch(document) for document in shown]
    for name in ("status", "created_at", "in_progress_at", "completed_at", "expires_at", "error_file_id"):
        assert getattr(read[1], name) == getattr(read[0], name), name
    file = odd.get_file(shown[1]["input_file_id"])
    assert file["created_at"] == shown[1]["created_at"]


def test_unknown_word_stands_for_the_state_for_a_while(
    scripted: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = scripted({"kind": "unknown_state", "word": "pending_review", "seconds": 3, "times": 1})
    batch_id = requests.create(service, requests.file(1))
    words = []
    for _ in range(4):
        words.append(service.get_batch(batch_id)["status"])
        clock.move(2)
    assert words == ["pending_review", "pending_review", "in_progress", "completed"]
    assert [batch["status"] for batch in service.list_batches()["data"]] == ["completed"]


def test_what_has_struck_a_batch_survives_a_restart(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    script = requests.script({"kind": "stuck", "state": "finalizing"}, {"kind": "dialect", "upper_case_states": True})
    service = open_service(faults=script)
    batch_id = requests.create(service, requests.file(1))
    service.close()
    clock.move(1_000_000)
    again = open_service()
    assert again.get_batch(batch_id)["status"] == "FINALIZING"
    assert again.faults()["faults"] == []


def test_slow_pace_and_early_expiry_keep_the_window(
    scripted: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    """The window of 24 hours ends first where that many lines would take longer."""
    service = scripted({"kind": "expire", "share": 0.9}, pace=Pace(lines_per_second=10 / 86_400))
    batch_id = requests.create(service, requests.file(20))
    clock.move(86_400)
    batch = service.get_batch(batch_id)
    assert (batch["status"], batch["expired_at"]) == ("expired", batch["expires_at"])
    assert batch["request_counts"]["completed"] == 9


def test_faults_of_batches_over_http(server: RunningServer, client: OpenAI, clock: Clock, requests: Requests) -> None:
    """The same faults, installed by the admin route and seen by the client library."""
    site = server.base_url.removesuffix("/v1")
    faults = [
        {"kind": "visibility_lag", "seconds": 60, "match": {"nth": 1}},
        {"kind": "fail_validation", "code": "token_limit_exceeded", "match": {"nth": 2}},
        {"kind": "dialect", "upper_case_states": True, "match": {"nth": 3}},
    ]
    assert httpx2.post(f"{site}/_faults", content=json.dumps(faults)).status_code == 200
    file = client.files.create(file=("a.jsonl", requests.file(1)), purpose="batch")
    hidden, failing, shouting = (client.batches.create(**requests.asked(file.id)) for _ in range(3))
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve(hidden.id)
    assert [batch.id for batch in client.batches.list()] == [shouting.id, failing.id]
    clock.move(60)
    for batch_id, status in ((hidden.id, "completed"), (failing.id, "failed"), (shouting.id, "COMPLETED")):
        until(client, batch_id, status)
    errors = client.batches.retrieve(failing.id).errors
    assert errors is not None and errors.data is not None
    (error,) = errors.data
    assert error.code == "token_limit_exceeded"
