"""Faults of lines: what stands in the files, how our own reader takes it, and what is billed all the same."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.ledger.rules.results.result_lines import split_lines
from livedash_pipeline.local.batch_api.service import BatchService
from tests.local.batch_api.conftest import Clock, Requests
from tests.support.result_lines import read_result_line

STRUCK = "good-1"
ALL = ["good-0", "good-1", "good-2"]


class Ended:
    """A batch of three good requests and a refused one that has ended, with a fault on one line."""

    def __init__(self, service: BatchService, requests: Any) -> None:
        self.batch = service.get_batch(requests.create(service, requests.file(3, bad=1)))
        self.output = self._lines(service, "output_file_id")
        self.errors = self._lines(service, "error_file_id")
        self.bill = sorted(line["custom_id"] for line in service.journal()["bill"])
        self.billed_tokens = sum(line["output_tokens"] for line in service.journal()["bill"])

    def _lines(self, service: BatchService, name: str) -> list[bytes]:
        content = service.file_content(self.batch[name]).read_bytes()
        assert content.endswith(b"\n")
        return list(split_lines([content]))

    def ids(self, lines: list[bytes]) -> list[str]:
        return sorted(str(read_result_line(line).custom_id) for line in lines)

    def struck(self, lines: list[bytes]) -> dict[str, Any]:
        (found,) = [document for document in map(json.loads, lines) if document["custom_id"] == STRUCK]
        return dict(found)

    def outcome(self) -> Outcome | None:
        (line,) = [line for line in self.output + self.errors if read_result_line(line).custom_id == STRUCK]
        return read_result_line(line).outcome


@pytest.fixture
def end(open_service: Callable[..., BatchService], requests: Any) -> Callable[..., Ended]:
    def make(kind: str, **fields: Any) -> Ended:
        script = requests.script({"kind": kind, **fields, "match": {"custom_id": STRUCK}})
        return Ended(open_service(speed=0, faults=script), requests)

    return make


def test_missing_line_is_in_neither_file_and_billed(end: Callable[..., Ended]) -> None:
    ended = end("missing_line")
    assert ended.ids(ended.output + ended.errors) == ["bad-0", "good-0", "good-2"]
    assert ended.batch["request_counts"] == {"total": 4, "completed": 3, "failed": 1}
    assert ended.bill == ALL
    assert ended.batch["usage"]["output_tokens"] == ended.billed_tokens


@pytest.mark.parametrize(("other_file", "copies"), [(False, (4, 1)), (True, (3, 2))])
def test_duplicate_line_is_billed_once(end: Callable[..., Ended], other_file: bool, copies: tuple[int, int]) -> None:
    ended = end("duplicate_line", other_file=other_file)
    assert (len(ended.output), len(ended.errors)) == copies
    lines = [line for line in ended.output + ended.errors if read_result_line(line).custom_id == STRUCK]
    assert len(lines) == 2
    assert lines[0] == lines[1]
    assert ended.bill == ALL


def test_foreign_line_stands_beside_the_own_one(end: Callable[..., Ended]) -> None:
    ended = end("foreign_line", custom_id="not-yours")
    assert ended.ids(ended.output) == [*ALL, "not-yours"]
    assert ended.bill == ALL


def test_lost_line_has_status_0_and_costs_nothing(end: Callable[..., Ended]) -> None:
    ended = end("lost_line")
    line = ended.struck(ended.errors)
    assert line["response"] == {"status_code": 0, "request_id": "", "body": {}}
    assert line["error"] is None
    assert (ended.outcome(), ended.bill) == (Outcome.TRANSIENT, ["good-0", "good-2"])


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (429, None, Outcome.TRANSIENT),
        (500, None, Outcome.TRANSIENT),
        (503, None, Outcome.TRANSIENT),
        (429, "insufficient_quota", Outcome.NOT_RUN),
        (400, "context_length_exceeded", Outcome.REJECTED),
    ],
)
def test_error_line_is_read_as_what_it_is_and_costs_nothing(
    end: Callable[..., Ended], status: int, code: str | None, outcome: Outcome
) -> None:
    ended = end("error_line", status=status, code=code)
    response = ended.struck(ended.errors)["response"]
    assert (response["status_code"], response["body"]["error"]["code"]) == (status, code)
    assert (ended.outcome(), ended.bill) == (outcome, ["good-0", "good-2"])
    assert ended.batch["request_counts"]["failed"] == 2


def test_garbled_line_is_no_json_and_the_others_stand(end: Callable[..., Ended]) -> None:
    ended = end("garbled_line")
    read = [read_result_line(line) for line in ended.output]
    assert [line.unreadable for line in read].count(True) == 1
    assert sorted(str(line.custom_id) for line in read if not line.unreadable) == ["good-0", "good-2"]
    assert ended.bill == ALL


def test_body_may_be_a_string(end: Callable[..., Ended]) -> None:
    ended = end("string_body")
    body = ended.struck(ended.output)["response"]["body"]
    assert isinstance(body, str)
    assert json.loads(body)["object"] == "chat.completion"
    assert (ended.outcome(), ended.bill) == (Outcome.PARSED, ALL)


@pytest.mark.parametrize(
    ("kind", "fields", "outcome"),
    [
        ("refusal", {}, Outcome.REFUSED),
        ("length", {}, Outcome.TRUNCATED),
        ("length", {"keep": 0}, Outcome.TRUNCATED),
        ("invalid_json", {}, None),
        ("off_schema", {}, None),
        ("other_session", {"session_id": "s-2"}, None),
    ],
)
def test_answer_that_is_of_no_use_is_billed(
    end: Callable[..., Ended], requests: Requests, kind: str, fields: dict[str, Any], outcome: Outcome | None
) -> None:
    ended = end(kind, **fields)
    choice = ended.struck(ended.output)["response"]["body"]["choices"][0]
    content = choice["message"]["content"]
    if outcome is not None:
        assert ended.outcome() is outcome
    if kind == "refusal":
        assert (content, bool(choice["message"]["refusal"])) == (None, True)
    elif kind == "length":
        assert choice["finish_reason"] == "length"
        assert (content == "") is (fields.get("keep") == 0)
    elif kind == "invalid_json":
        with pytest.raises(ValueError, match="Expecting"):
            json.loads(content)
    else:
        answer = json.loads(content)
        assert (set(answer) == set(requests.keys)) is (kind == "other_session")
        assert answer.get("session_id") == fields.get("session_id")
    assert ended.bill == ALL


@pytest.mark.parametrize(
    ("text", "odd", "raw"),
    [("nul", "\x00", b"u0000"), ("surrogate", "\ud800", b"\\ud800"), ("line_separator", "\u2028", "\u2028".encode())],
)
def test_odd_text_arrives_in_the_answer(end: Callable[..., Ended], text: str, odd: str, raw: bytes) -> None:
    ended = end("odd_text", text=text)
    assert len(ended.output) == 3
    (line,) = [line for line in ended.output if raw in line]
    content = read_result_line(line).content
    assert content is not None
    assert json.loads(content)["summary"].endswith(odd)
    assert ended.bill == ALL


def test_odd_text_stands_in_an_answer_that_is_no_object_too(
    open_service: Callable[..., BatchService], requests: Requests
) -> None:
    service = open_service(speed=0, faults=requests.script({"kind": "odd_text", "text": "nul"}))
    line = requests.line(body={"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]})
    batch = service.get_batch(requests.create(service, requests.jsonl(line)))
    (result,) = requests.results(service, batch["output_file_id"])
    assert result["response"]["body"]["choices"][0]["message"]["content"].endswith("\x00")


def test_fault_of_the_answer_spares_a_line_that_is_refused(
    open_service: Callable[..., BatchService], requests: Requests
) -> None:
    service = open_service(speed=0, faults=requests.script({"kind": "refusal"}))
    batch = service.get_batch(requests.create(service, requests.file(1, bad=1)))
    (error,) = requests.results(service, batch["error_file_id"])
    assert error["response"]["status_code"] == 400


def test_share_of_lines_differs_from_batch_to_batch_and_not_from_run_to_run(
    open_service: Callable[..., BatchService], requests: Requests
) -> None:
    """A line that was struck once is not struck for ever when it is sent again in another batch."""
    script = requests.script({"kind": "missing_line", "match": {"share": 0.3}}, seed=3)
    found = []
    for directory in ("one", "two"):
        numbers = iter(range(1000))
        service = open_service(directory, speed=0, faults=script, new_id=lambda prefix, n=numbers: f"{prefix}{next(n)}")
        batches = [service.get_batch(requests.create(service, requests.file(60))) for _ in range(2)]
        found.append([{line["custom_id"] for line in requests.results(service, b["output_file_id"])} for b in batches])
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]
    assert all(30 < len(ids) < 54 for ids in found[0])


def test_faults_of_lines_are_for_as_many_batches_as_the_script_says(
    open_service: Callable[..., BatchService], requests: Requests
) -> None:
    service = open_service(speed=0, faults=requests.script({"kind": "lost_line", "times": 1}))
    counts = [service.get_batch(requests.create(service, requests.file(2)))["request_counts"] for _ in range(2)]
    assert [count["failed"] for count in counts] == [2, 0]


def test_restart_in_the_middle_strikes_the_same_lines(
    open_service: Callable[..., BatchService], clock: Clock, requests: Requests
) -> None:
    script = requests.script({"kind": "duplicate_line", "match": {"share": 0.5}}, {"kind": "lost_line"})
    contents = []
    for directory, stops in (("one", []), ("two", [3.1, 0.6, 0.6])):
        numbers = iter(range(1000))
        options: dict[str, Any] = {"new_id": lambda prefix, n=numbers: f"{prefix}{next(n)}"}
        clock.now = 1_750_000_000.0
        service = open_service(directory, faults=script, **options)
        batch_id = requests.create(service, requests.file(30))
        for stop in stops:
            clock.move(stop)
            service.get_batch(batch_id)
            service.close()
            service = open_service(directory, **options)
        clock.now = 1_750_000_100.0
        batch = service.get_batch(batch_id)
        contents.append(
            [service.file_content(batch[name]).read_bytes() for name in ("output_file_id", "error_file_id")]
        )
        assert len(service.journal()["bill"]) * 2 == contents[-1][0].count(b"\n")
    assert contents[0] == contents[1]
