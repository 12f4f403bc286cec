"""The journal: what was asked and done in order, and a bill that agrees with what was run, whatever happens."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai import OpenAI

from livedash_pipeline.local.batch_api.faults.faulty_service import FaultyService
from livedash_pipeline.local.batch_api.journal import billed_line
from livedash_pipeline.local.batch_api.records import ENDED
from livedash_pipeline.local.batch_api.refusals import Refusal
from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from livedash_pipeline.local.batch_api.service import BatchService
from tests.local.batch_api.conftest import Clock, Requests

_EXAMPLES = itertools.count()


def test_journal_tells_calls_and_ends_in_order(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = FaultyService(open_service())
    batch_id = requests.create(service, requests.file(1))
    file_id = service.get_batch(batch_id)["input_file_id"]
    clock.move(10)
    service.get_batch(batch_id)
    with pytest.raises(Refusal):
        service.cancel_batch(batch_id)
    service.delete_file(file_id)
    with pytest.raises(Refusal):
        service.get_file("file-nobody")
    told = service.service.journal()["entries"]
    assert [(e["operation"], e["batch_id"], e["file_id"], e["acted"], e["status"]) for e in told] == [
        ("upload_file", None, file_id, True, 200),
        ("create_batch", batch_id, file_id, True, 200),
        ("get_batch", batch_id, None, True, 200),
        ("end_batch", batch_id, file_id, True, None),
        ("get_batch", batch_id, None, True, 200),
        ("cancel_batch", batch_id, None, False, 409),
        ("delete_file", None, file_id, True, 200),
        ("get_file", None, "file-nobody", False, 404),
    ]
    assert [e["seq"] for e in told] == list(range(1, 9))
    assert (told[3]["at"], told[3]["detail"]) == (1_750_000_006.0, "completed")
    assert {e["at"] for e in told[4:]} == {1_750_000_010.0}
    assert all(e["delivered"] for e in told if e["operation"] != "end_batch")


def test_journal_over_http_in_parts(server: RunningServer, client: OpenAI, requests: Requests) -> None:
    site = server.base_url.removesuffix("/v1")
    file = client.files.create(file=("a.jsonl", requests.file(1)), purpose="batch")
    batches = [client.batches.create(**requests.asked(file.id)) for _ in range(2)]
    httpx2.get(f"{server.base_url}/batches")
    whole = httpx2.get(f"{site}/_journal").json()["entries"]
    assert [(e["operation"], e["status"]) for e in whole] == [
        ("upload_file", 200),
        ("create_batch", 200),
        ("create_batch", 200),
        ("list_batches", 401),
    ]
    assert [e["batch_id"] for e in whole[1:3]] == [batch.id for batch in batches]
    assert httpx2.get(f"{site}/_journal", params={"after": 3}).json()["entries"] == whole[3:]
    assert httpx2.get(f"{site}/_journal", params={"batch_id": batches[0].id}).json()["entries"] == whole[1:2]
    assert httpx2.get(f"{site}/_journal", params={"after": "x"}).status_code == 400


def test_bill_is_the_usage_of_every_line_that_was_answered(
    open_service: Callable[..., BatchService], requests: Requests
) -> None:
    service = open_service(speed=0)
    batch_id = requests.create(service, requests.file(3, bad=2))
    batch = service.get_batch(batch_id)
    usages = {
        line["custom_id"]: line["response"]["body"]["usage"]
        for line in requests.results(service, batch["output_file_id"])
    }
    assert service.journal()["bill"] == [
        {
            "batch_id": batch_id,
            "custom_id": custom_id,
            "input_tokens": usage["prompt_tokens"],
            "cached_tokens": 0,
            "output_tokens": usage["completion_tokens"],
            "reasoning_tokens": usage["completion_tokens_details"]["reasoning_tokens"],
        }
        for custom_id, usage in sorted(usages.items())
    ]


def test_cancelled_batch_is_billed_for_what_was_run(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = open_service()
    batch_id = requests.create(service, requests.file(10))
    clock.move(3.5)
    service.cancel_batch(batch_id)
    clock.move(10)
    batch = service.get_batch(batch_id)
    run = sorted(line["custom_id"] for line in requests.results(service, batch["output_file_id"]))
    assert len(run) == 5
    assert [line["custom_id"] for line in service.journal()["bill"]] == run


def test_journal_survives_a_restart(tmp_path: Path, requests: Any) -> None:
    with running_server(tmp_path) as server:
        requests.create(server.service, requests.file(5))
        while len(server.service.journal()["bill"]) < 5:
            pass
        httpx2.get(f"{server.base_url}/models", headers={"Authorization": "Bearer k"})
        before = server.service.journal()
    with running_server(tmp_path) as server:
        assert server.service.journal() == before
    assert before["entries"][-1]["operation"] == "list_models"


def test_odd_ids_can_be_told(open_service: Callable[..., BatchService], requests: Requests) -> None:
    service = FaultyService(open_service(speed=0))
    with pytest.raises(Refusal):
        service.get_batch("batch_\ud800")
    line = requests.line("id-\ud800\u2028")
    service.get_batch(requests.create(service, requests.jsonl(line)))
    journal = service.service.journal()
    assert journal["entries"][0]["batch_id"] == "batch_\\ud800"
    assert [line["custom_id"] for line in journal["bill"]] == ["id-\\ud800\u2028"]


@pytest.mark.parametrize(
    "usage",
    [{}, {"prompt_tokens": None, "completion_tokens": -1, "prompt_tokens_details": None}, {"prompt_tokens": "7"}],
)
def test_usage_that_tells_nothing_is_billed_as_nothing(usage: dict[str, Any]) -> None:
    line = billed_line("r", usage)
    assert (line.input_tokens, line.output_tokens, line.cached_tokens, line.reasoning_tokens) == (0, 0, 0, 0)


LINE_FAULTS: list[dict[str, Any]] = [
    {"kind": "missing_line"},
    {"kind": "duplicate_line", "other_file": True},
    {"kind": "foreign_line"},
    {"kind": "lost_line"},
    {"kind": "error_line", "status": 503},
    {"kind": "garbled_line"},
    {"kind": "string_body"},
    {"kind": "refusal"},
    {"kind": "length"},
]
BATCH_FAULTS: list[dict[str, Any]] = [
    {"kind": "expire", "share": 0.5},
    {"kind": "fail_validation", "code": "token_limit_exceeded"},
    {"kind": "wrong_counts", "all_completed": True},
    {"kind": "stuck", "state": "finalizing", "seconds": 50},
    {"kind": "visibility_lag", "seconds": 10},
]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bill_agrees_with_the_usage_whatever_goes_wrong(
    open_service: Callable[..., BatchService], clock: Any, requests: Any, data: st.DataObject
) -> None:
    """Nothing is billed twice or for nothing, in any mixture of faults, cancels and restarts."""
    share = st.sampled_from([0.2, 0.6, 1.0])
    lines = [
        {**fault, "match": {"share": data.draw(share)}} for fault in data.draw(st.lists(st.sampled_from(LINE_FAULTS)))
    ]
    batches = data.draw(st.lists(st.sampled_from(BATCH_FAULTS), max_size=2))
    script = requests.script(*lines, *batches, seed=data.draw(st.integers(0, 9)))
    directory = f"journal-{next(_EXAMPLES)}"
    service = open_service(directory, faults=script)
    batch_id = requests.create(service, requests.file(8))
    for action in data.draw(st.lists(st.sampled_from(["wait", "cancel", "restart"]), max_size=5)):
        clock.move(data.draw(st.floats(0, 3)))
        if action == "restart":
            service.close()
            service = open_service(directory)
        elif action == "cancel":
            try:
                service.cancel_batch(batch_id)
            except Refusal as refusal:
                assert refusal.status in (404, 409)
    clock.move(1000)
    batch = service.get_batch(batch_id)
    journal = service.journal()
    assert batch["status"] in ENDED
    assert [entry["detail"] for entry in journal["entries"] if entry["operation"] == "end_batch"] == [batch["status"]]
    bill = journal["bill"]
    assert len({line["custom_id"] for line in bill}) == len(bill)
    assert batch["usage"]["input_tokens"] == sum(line["input_tokens"] for line in bill)
    assert batch["usage"]["output_tokens"] == sum(line["output_tokens"] for line in bill)
    if not {"wrong_counts"} & {fault["kind"] for fault in batches}:
        assert batch["request_counts"]["completed"] == len(bill)
    service.close()
