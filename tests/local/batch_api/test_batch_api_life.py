"""A batch from creation to its end, in one thread with a clock moved by hand."""

import json
from collections.abc import Callable

import pytest

from livedash_pipeline.local.batch_api.batches.pace import Pace
from livedash_pipeline.local.batch_api.refusals import Refusal
from livedash_pipeline.local.batch_api.service import BatchService
from tests.local.batch_api.conftest import Clock, Requests

SLOW = Pace(lines_per_second=10 / 86_400)
TIMES = ("in_progress_at", "finalizing_at", "completed_at", "failed_at", "expired_at", "cancelling_at", "cancelled_at")


def test_batch_walks_through_its_states_at_the_stated_pace(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = open_service()
    batch_id = requests.create(service, requests.file(10))
    start, seen = int(clock.now), []
    for _ in range(8):
        batch = service.get_batch(batch_id)
        seen.append((batch["status"], batch["request_counts"]["completed"]))
        clock.move(1)
    assert seen == [
        ("validating", 0),
        ("validating", 0),
        ("in_progress", 0),
        ("in_progress", 3),
        ("in_progress", 6),
        ("finalizing", 10),
        ("completed", 10),
        ("completed", 10),
    ]
    times = [batch[name] and batch[name] - start for name in TIMES]
    assert times == [2, 5, 6, None, None, None, None]
    assert batch["expires_at"] == start + 86_400
    assert batch["model"] == "gpt-5-mini-2025-08-07"


def test_time_nobody_looked_makes_no_difference(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = open_service()
    batch_id = requests.create(service, requests.file(3))
    start = int(clock.now)
    clock.move(5000)
    batch = service.get_batch(batch_id)
    assert (batch["status"], batch["completed_at"]) == ("completed", start + 6)


def test_higher_speed_divides_all_durations(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = open_service(speed=100)
    batch_id = requests.create(service, requests.file(3))
    clock.move(0.061)
    assert service.get_batch(batch_id)["status"] == "completed"


def test_speed_zero_completes_at_the_next_look(open_service: Callable[..., BatchService], requests: Requests) -> None:
    service = open_service(speed=0)
    batch_id = requests.create(service, requests.file(300))
    assert service.get_batch(batch_id)["request_counts"] == {"total": 300, "completed": 300, "failed": 0}


@pytest.mark.parametrize("speed", [-1, float("nan"), float("inf")])
def test_senseless_speed_is_refused(open_service: Callable[..., BatchService], speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        open_service(speed=speed)


def test_results_are_complete_and_in_another_order_than_the_input(
    open_service: Callable[..., BatchService], requests: Requests
) -> None:
    service = open_service(speed=0)
    batch = service.get_batch(requests.create(service, requests.file(40)))
    ids = [line["custom_id"] for line in requests.results(service, batch["output_file_id"])]
    assert sorted(ids) == sorted(f"good-{i}" for i in range(40))
    assert ids != [f"good-{i}" for i in range(40)]
    assert ids != sorted(ids)


def test_batch_usage_is_the_sum_of_its_lines(open_service: Callable[..., BatchService], requests: Requests) -> None:
    service = open_service(speed=0)
    batch = service.get_batch(requests.create(service, requests.file(7, bad=2)))
    usages = [line["response"]["body"]["usage"] for line in requests.results(service, batch["output_file_id"])]
    assert len(usages) == 7
    assert batch["usage"]["input_tokens"] == sum(usage["prompt_tokens"] for usage in usages)
    assert batch["usage"]["output_tokens"] == sum(usage["completion_tokens"] for usage in usages)
    assert batch["usage"]["total_tokens"] == sum(usage["total_tokens"] for usage in usages)


def test_lines_that_the_model_refuses_are_in_the_error_file(
    open_service: Callable[..., BatchService], requests: Requests
) -> None:
    service = open_service(speed=0)
    batch = service.get_batch(requests.create(service, requests.file(3, bad=2)))
    assert batch["request_counts"] == {"total": 5, "completed": 3, "failed": 2}
    errors = requests.results(service, batch["error_file_id"])
    assert {line["custom_id"] for line in errors} == {"bad-0", "bad-1"}
    assert all(line["error"] is None and line["response"]["status_code"] == 400 for line in errors)
    assert errors[0]["response"]["body"]["error"]["param"] == "temperature"


@pytest.mark.parametrize(("good", "bad"), [(2, 0), (0, 2)])
def test_file_without_lines_does_not_exist(
    open_service: Callable[..., BatchService], requests: Requests, good: int, bad: int
) -> None:
    service = open_service(speed=0)
    batch = service.get_batch(requests.create(service, requests.file(good, bad=bad)))
    assert batch["status"] == "completed"
    assert (batch["output_file_id"] is None, batch["error_file_id"] is None) == (good == 0, bad == 0)
    assert len(service.list_files(purpose="batch_output")["data"]) == 1


def test_cancelled_batch_keeps_its_finished_lines(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = open_service()
    batch_id = requests.create(service, requests.file(10))
    clock.move(3.5)
    assert service.cancel_batch(batch_id)["status"] == "cancelling"
    clock.move(1)
    assert service.get_batch(batch_id)["status"] == "cancelling"
    clock.move(1)
    batch = service.get_batch(batch_id)
    assert (batch["status"], batch["cancelled_at"] - batch["cancelling_at"]) == ("cancelled", 2)
    assert batch["request_counts"] == {"total": 10, "completed": 5, "failed": 0}
    done = {line["custom_id"] for line in requests.results(service, batch["output_file_id"])}
    rest = requests.results(service, batch["error_file_id"])
    assert (len(done), len(rest), len(done | {line["custom_id"] for line in rest})) == (5, 5, 10)
    assert {(line["response"], line["error"]["code"]) for line in rest} == {(None, "batch_cancelled")}
    assert service.cancel_batch(batch_id)["status"] == "cancelled"


def test_batch_cancelled_while_validating_runs_nothing(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = open_service()
    batch_id = requests.create(service, requests.file(4))
    service.cancel_batch(batch_id)
    clock.move(10)
    batch = service.get_batch(batch_id)
    assert (batch["status"], batch["output_file_id"], batch["error_file_id"]) == ("cancelled", None, None)
    assert batch["usage"]["total_tokens"] == 0


def test_batch_that_is_not_done_in_24_hours_expires_with_its_finished_lines(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = open_service(pace=SLOW)
    batch_id = requests.create(service, requests.file(20))
    clock.move(86_399)
    assert service.get_batch(batch_id)["status"] == "in_progress"
    clock.move(1)
    batch = service.get_batch(batch_id)
    assert (batch["status"], batch["expired_at"]) == ("expired", batch["expires_at"])
    assert batch["request_counts"] == {"total": 20, "completed": 9, "failed": 0}
    rest = requests.results(service, batch["error_file_id"])
    assert len(requests.results(service, batch["output_file_id"])) == 9
    assert [line["error"]["code"] for line in rest] == ["batch_expired"] * 11
    with pytest.raises(Refusal, match="expired"):
        service.cancel_batch(batch_id)


def test_24_hours_are_simulated_too(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = open_service(pace=SLOW, speed=86_400)
    batch_id = requests.create(service, requests.file(20))
    clock.move(1)
    assert service.get_batch(batch_id)["status"] == "expired"


def test_input_deleted_before_validation_fails_the_batch_unbilled(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = open_service()
    batch_id = requests.create(service, requests.file(2))
    service.delete_file(service.get_batch(batch_id)["input_file_id"])
    clock.move(2)
    batch = service.get_batch(batch_id)
    assert batch["status"] == "failed"
    assert [(e["code"], e["param"], e["line"]) for e in batch["errors"]["data"]] == [
        ("invalid_request", "file_id", None)
    ]
    assert (batch["usage"]["total_tokens"], batch["request_counts"]["total"]) == (0, 0)


def test_input_deleted_while_running_is_not_missed(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = open_service()
    batch_id = requests.create(service, requests.file(5))
    clock.move(3)
    service.delete_file(service.get_batch(batch_id)["input_file_id"])
    clock.move(3)
    assert service.get_batch(batch_id)["request_counts"]["completed"] == 5


def test_result_files_expire_as_the_batch_says(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    service = open_service(speed=0)
    expiry = {"anchor": "created_at", "seconds": 3600}
    batch = service.get_batch(requests.create(service, requests.file(1), output_expires_after=expiry))
    assert service.get_file(batch["output_file_id"])["expires_at"] == batch["completed_at"] + 3600
    clock.move(3600)
    with pytest.raises(Refusal) as refusal:
        service.get_file(batch["output_file_id"])
    assert refusal.value.status == 404
    assert service.get_batch(batch["id"])["output_file_id"] == batch["output_file_id"]


def test_endpoint_without_rules_gets_a_refusal_in_every_line(
    open_service: Callable[..., BatchService], requests: Requests
) -> None:
    service = open_service(speed=0)
    line = requests.line(url="/v1/embeddings", body={"model": "gpt-4o", "input": "x"})
    batch_id = requests.create(service, requests.jsonl(line), endpoint="/v1/embeddings")
    batch = service.get_batch(batch_id)
    (error,) = requests.results(service, batch["error_file_id"])
    assert "/v1/embeddings" in error["response"]["body"]["error"]["message"]


def test_line_separators_are_not_escaped_and_stay_inside_a_result_line(
    open_service: Callable[..., BatchService], requests: Requests
) -> None:
    service = open_service(speed=0)
    custom_id = "r\u2028\u0085"
    batch = service.get_batch(requests.create(service, requests.jsonl(requests.line(custom_id))))
    content = service.file_content(batch["output_file_id"]).read_bytes()
    assert content.count(b"\n") == 1
    assert custom_id.encode() in content
    assert json.loads(content)["custom_id"] == custom_id
