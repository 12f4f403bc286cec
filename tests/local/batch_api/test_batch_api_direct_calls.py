"""Direct chat completions when something goes wrong: what a client sees, and that each answer is billed exactly once."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from livedash_pipeline.local.batch_api.answering.questions import REFUSAL_TEXT
from livedash_pipeline.local.batch_api.faults.faulty_service import FaultyService, ReplyLost
from livedash_pipeline.local.batch_api.journal import body_digest
from livedash_pipeline.local.batch_api.refusals import Refusal
from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from livedash_pipeline.local.batch_api.service import BatchService
from livedash_pipeline.tls import machine_authorities
from tests.local.batch_api.conftest import Requests

KEY = {"Authorization": "Bearer k"}
BODY: dict[str, Any] = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "What is 2 + 3?"}]}


@pytest.fixture
def site(server: RunningServer) -> str:
    return server.base_url.removesuffix("/v1")


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.base_url, headers=KEY, timeout=10, verify=machine_authorities()) as client:
        yield client


def install(site: str, **fault: Any) -> None:
    reply = httpx2.post(f"{site}/_faults", json=[{"operation": "chat_completion", "times": 1, **fault}])
    assert reply.status_code == 200, reply.text


def bill(site: str) -> list[dict[str, Any]]:
    return list(httpx2.get(f"{site}/_journal").json()["bill"])


def entries(site: str) -> list[tuple[object, ...]]:
    told = httpx2.get(f"{site}/_journal").json()["entries"]
    return [(e["acted"], e["status"], e["delivered"], e["fault"]) for e in told if e["operation"] == "chat_completion"]


def test_a_call_is_billed_with_its_completion_and_the_digest_of_its_body(client: OpenAI, site: str) -> None:
    replies = [client.chat.completions.create(**BODY) for _ in range(2)]
    digest = hashlib.sha256(json.dumps(BODY, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    assert bill(site) == [
        {
            "batch_id": None,
            "custom_id": None,
            "at": 1_750_000_000.0,
            "completion_id": reply.id,
            "body_sha256": digest,
            "input_tokens": reply.usage.prompt_tokens if reply.usage else None,
            "cached_tokens": 0,
            "output_tokens": reply.usage.completion_tokens if reply.usage else None,
            "reasoning_tokens": 0,
        }
        for reply in replies
    ]
    told = httpx2.get(f"{site}/_journal").json()["entries"]
    assert [entry["detail"] for entry in told] == [reply.id for reply in replies]


def test_the_digest_depends_on_what_a_body_says_alone() -> None:
    assert body_digest({"a": 1, "b": ["é", "\ud800"]}) == body_digest({"b": ["é", "\ud800"], "a": 1})
    assert body_digest({"a": 1}) != body_digest({"a": 2})


def test_a_call_that_is_refused_is_not_billed(client: OpenAI, site: str) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(**{**BODY, "model": "gpt-0"})
    assert bill(site) == []


def test_the_bill_survives_a_restart_and_holds_lines_and_calls(tmp_path: Path, requests: Requests) -> None:
    with running_server(tmp_path, speed=0) as server:
        service = server.service
        batch_id = requests.create(service, requests.jsonl(requests.line("r-0", BODY)))
        service.get_batch(batch_id)
        service.chat_completion(BODY)
        before = service.journal()["bill"]
        assert [(line["batch_id"], line["custom_id"]) for line in before] == [(batch_id, "r-0"), (None, None)]
        assert [line["input_tokens"] for line in before] == [before[0]["input_tokens"]] * 2
        assert service.journal(batch_id=batch_id)["bill"] == before[:1]
    with running_server(tmp_path, speed=0) as server:
        assert server.service.journal()["bill"] == before


def test_a_rate_limit_says_when_to_come_again_and_costs_nothing(client: OpenAI, site: str) -> None:
    install(site, kind="status", status=429, retry_after=3)
    with pytest.raises(openai.RateLimitError) as limited:
        client.chat.completions.create(**BODY)
    assert limited.value.response.headers["retry-after"] == "3"
    assert bill(site) == []
    assert client.chat.completions.create(**BODY).choices[0].message.content
    assert len(bill(site)) == 1


@pytest.mark.parametrize(
    ("fault", "billed"),
    [
        ({"kind": "lose_reply"}, 1),
        ({"kind": "drop"}, 0),
        ({"kind": "truncate", "keep": 0.5}, 1),
        ({"kind": "truncate", "keep": 0.0}, 1),
        ({"kind": "status", "status": 503, "acted": True}, 1),
        ({"kind": "status", "status": 503}, 0),
    ],
)
def test_an_answer_that_never_comes_is_billed_if_it_was_made(
    client: OpenAI, site: str, fault: dict[str, Any], billed: int
) -> None:
    install(site, **fault)
    with pytest.raises((openai.APIConnectionError, openai.InternalServerError)):
        client.chat.completions.create(**BODY)
    assert len(bill(site)) == billed
    ((acted, _, delivered, kind),) = entries(site)
    assert (acted, kind) == (bool(billed), fault["kind"])
    assert delivered == (fault["kind"] == "status" and not billed)


def test_a_body_can_end_before_its_stated_length(http: httpx2.Client, site: str) -> None:
    install(site, kind="truncate", keep=0.5)
    with pytest.raises(httpx2.RemoteProtocolError):
        http.post("chat/completions", json=BODY)
    install(site, kind="truncate", keep=0.5, silent=True)
    cut = http.post("chat/completions", json=BODY)
    assert int(cut.headers["content-length"]) == len(cut.content)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|JSON"):
        cut.json()
    assert len(bill(site)) == 2


def test_a_late_answer_beyond_the_clients_patience_is_billed(server: RunningServer, site: str) -> None:
    install(site, kind="late", seconds=1)
    hasty = httpx2.Timeout(10, read=0.1)
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(f"{server.base_url}/chat/completions", json=BODY, headers=KEY, timeout=hasty)
    while not bill(site):  # The client may have left before the call was looked at.
        pass
    assert len(bill(site)) == 1


@pytest.mark.parametrize("kind", ["late", "slow"])
def test_a_patient_client_gets_the_whole_answer(http: httpx2.Client, site: str, kind: str) -> None:
    install(site, kind=kind, seconds=0.1)
    assert "2 + 3 = 5" in http.post("chat/completions", json=BODY).json()["choices"][0]["message"]["content"]
    assert entries(site) == [(True, 200, True, kind)]
    assert len(bill(site)) == 1


@pytest.mark.parametrize(
    ("answer", "content", "refusal", "finish_reason"),
    [
        ("refusal", None, REFUSAL_TEXT, "stop"),
        ("empty", "", None, "stop"),
        ("length", "half", None, "length"),
        ("content_filter", "half", None, "content_filter"),
    ],
)
def test_the_nth_answer_is_of_no_use_and_billed(
    client: OpenAI, site: str, answer: str, content: str | None, refusal: str | None, finish_reason: str
) -> None:
    install(site, kind="odd_answer", answer=answer, match={"nth": 2})
    good, odd, last = (client.chat.completions.create(**BODY) for _ in range(3))
    whole = good.choices[0].message.content or ""
    choice = odd.choices[0]
    expected = whole[: len(whole) // 2] if content == "half" else content
    assert (choice.message.content, choice.message.refusal) == (expected, refusal)
    assert (choice.finish_reason, odd.usage) == (finish_reason, good.usage)
    assert last.choices == good.choices
    assert [line["completion_id"] for line in bill(site)] == [good.id, odd.id, last.id]


def test_faults_of_answers_strike_direct_calls_alone(http: httpx2.Client, site: str) -> None:
    refused = httpx2.post(f"{site}/_faults", json=[{"kind": "odd_answer", "answer": "empty", "operation": "any"}])
    assert refused.status_code == 400
    install(site, kind="odd_answer", answer="empty")
    assert http.get("models").json()["data"]
    assert http.post("chat/completions", json={**BODY, "model": "gpt-0"}).status_code == 404


def test_the_same_faults_in_this_process(open_service: Callable[..., BatchService], requests: Requests) -> None:
    slept: list[float] = []
    script = requests.script(
        {"kind": "odd_answer", "answer": "refusal", "match": {"nth": 1}},
        {"kind": "late", "operation": "chat_completion", "seconds": 7, "match": {"nth": 2}},
        {"kind": "truncate", "operation": "chat_completion", "match": {"nth": 3}},
        {"kind": "status", "operation": "chat_completion", "status": 429, "match": {"nth": 4}},
    )
    service = FaultyService(open_service(faults=script), sleep=slept.append)
    assert service.chat_completion(BODY)["choices"][0]["message"]["refusal"] == REFUSAL_TEXT
    assert "2 + 3 = 5" in service.chat_completion(BODY)["choices"][0]["message"]["content"]
    with pytest.raises(ReplyLost):
        service.chat_completion(BODY)
    with pytest.raises(Refusal):
        service.chat_completion(BODY)
    assert slept == [0.0, 0.0, 7.0, 0.0]
    journal = service.service.journal()
    assert [entry["detail"] for entry in journal["entries"][:3]] == [line["completion_id"] for line in journal["bill"]]
