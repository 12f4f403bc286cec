"""Lines of result files: every shape that was seen, and anything else without an exception."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.ledger.rules.results.answer_bodies import as_json
from livedash_pipeline.ledger.rules.results.result_lines import ResultLine, last_line_parses, split_lines
from tests.support.result_lines import read_result_line

USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 80,
    "total_tokens": 1280,
    "prompt_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 64, "audio_tokens": 1},
    "completion_tokens_details": {
        "reasoning_tokens": 40,
        "audio_tokens": 2,
        "accepted_prediction_tokens": 3,
        "rejected_prediction_tokens": 4,
    },
}


def chat(message: dict[str, Any] | None = None, finish_reason: str | None = "stop", **body: Any) -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": {"role": "assistant", **(message or {"content": "{}"})},
        "finish_reason": finish_reason,
    }
    return {"object": "chat.completion", "model": "gpt-5-mini-2025-08-07", "choices": [choice], **body}


def response(*content: dict[str, Any], status: str = "completed", **body: Any) -> dict[str, Any]:
    output = [{"type": "reasoning", "summary": []}, {"type": "message", "role": "assistant", "content": list(content)}]
    return {"object": "response", "status": status, "error": None, "output": output, **body}


def line(
    status: object = 200, body: object = None, *, error: object = None, custom_id: object = "r-1", **response: Any
) -> bytes:
    whole = {"status_code": status, "request_id": "req_7", "body": body, **response}
    document = {"id": "batch_req_1", "custom_id": custom_id, "response": whole, "error": error}
    return json.dumps(document).encode()


def failure(status: object, code: str | None, message: str = "No.", kind: str | None = None) -> bytes:
    return line(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})


def unanswered(error: object) -> bytes:
    return json.dumps({"id": "b", "custom_id": "r-1", "response": None, "error": error}).encode()


def test_answer_of_a_chat_completion_is_read_whole() -> None:
    body = chat({"content": "naïve\u2028"}, usage=USAGE, service_tier="default", system_fingerprint="fp_1")
    assert read_result_line(line(200, body)) == ResultLine(
        custom_id="r-1",
        outcome=Outcome.PARSED,
        content="naïve\u2028",
        http_status=200,
        finish_reason="stop",
        remote_request_id="req_7",
        model="gpt-5-mini-2025-08-07",
        service_tier="default",
        system_fingerprint="fp_1",
        usage=TokenUsage(1200, 80, 1280, 1024, 64, 1, 40, 2, 3, 4),
    )


def test_answer_of_a_response_object_passes_over_reasoning() -> None:
    usage = {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 4},
        "total_tokens": 14,
    }
    found = read_result_line(line(200, response({"type": "output_text", "text": "yes"}, usage=usage)))
    assert (found.outcome, found.content, found.finish_reason) == (Outcome.PARSED, "yes", "stop")
    assert found.usage == TokenUsage(9, 5, 14, 3, 2, None, 4)


INCOMPLETE: dict[str, Any] = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
ANSWERED = [
    ("refusal", chat({"content": None, "refusal": "I cannot."}), Outcome.REFUSED, "I cannot."),
    ("cut off", chat({"content": '{"summ'}, "length"), Outcome.TRUNCATED, '{"summ'),
    ("cut off while thinking", chat({"content": None}, "length"), Outcome.TRUNCATED, None),
    ("filtered", chat({"content": "so"}, "content_filter"), Outcome.REFUSED, "so"),
    ("null content", chat({"content": None}), Outcome.INVALID_OUTPUT, None),
    ("empty content", chat({"content": ""}), Outcome.INVALID_OUTPUT, None),
    ("blank content", chat({"content": " \n"}), Outcome.INVALID_OUTPUT, " \n"),
    ("content in parts", chat({"content": [{"type": "text", "text": "a"}, {"text": "b"}]}), Outcome.PARSED, "ab"),
    ("odd content", chat({"content": 7}), Outcome.INVALID_OUTPUT, None),
    ("no choices", {"choices": []}, Outcome.INVALID_OUTPUT, None),
    ("odd choices", {"choices": [None]}, Outcome.INVALID_OUTPUT, None),
    ("message is text", {"choices": [{"message": "hi"}]}, Outcome.PARSED, "hi"),
    ("odd message", {"choices": [{"message": 7}]}, Outcome.INVALID_OUTPUT, None),
    ("empty body", {}, Outcome.INVALID_OUTPUT, None),
    ("null body", None, Outcome.INVALID_OUTPUT, None),
    ("body as text", json.dumps(chat({"content": "x"})), Outcome.PARSED, "x"),
    ("body is no object", "oops", Outcome.INVALID_OUTPUT, None),
    ("body is a list as text", "[]", Outcome.INVALID_OUTPUT, None),
    ("response refusal", response({"type": "refusal", "refusal": "No."}), Outcome.REFUSED, "No."),
    ("response cut off", response({"text": "{"}, **INCOMPLETE), Outcome.TRUNCATED, "{"),
    ("response cut off, no reason", response(status="incomplete"), Outcome.TRUNCATED, None),
    (
        "response filtered",
        response(status="incomplete", incomplete_details={"reason": "content_filter"}),
        Outcome.REFUSED,
        None,
    ),
    ("response without message", {"output": [{"type": "reasoning"}, 3]}, Outcome.INVALID_OUTPUT, None),
]


@pytest.mark.parametrize(("body", "outcome", "content"), [c[1:] for c in ANSWERED], ids=[c[0] for c in ANSWERED])
def test_answered_line_is_judged_by_its_body(body: object, outcome: Outcome, content: str | None) -> None:
    found = read_result_line(line(200, body))
    assert (found.outcome, found.content) == (outcome, content)
    assert (found.http_status, found.error_code, found.hold_code) == (200, None, None)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *[(status, "rejected") for status in (400, 401, 403, 404, 413, 422, "400", 400.0)],
        *[(status, "transient") for status in (0, 408, 409, 429, 500, 503, "429")],
        *[(status, "transient") for status in (302, None, "?", True, 10**30, -1)],
    ],
)
def test_failed_line_is_judged_by_its_status(status: object, outcome: str) -> None:
    found = read_result_line(failure(status, "some_code", "Because."))
    assert (found.outcome, found.error_code, found.error_message) == (outcome, "some_code", "Because.")
    assert found.http_status is None or 0 <= found.http_status <= 999


def test_context_too_long_is_rejected_with_the_services_words() -> None:
    found = read_result_line(failure(400, "context_length_exceeded", "x" * 600, "invalid_request_error"))
    assert (found.outcome, found.error_code, found.http_status) == ("rejected", "context_length_exceeded", 400)
    assert found.error_message == "x" * 500


def test_type_stands_in_for_a_missing_code() -> None:
    assert read_result_line(failure(400, None, kind="invalid_request_error")).error_code == "invalid_request_error"


def test_line_lost_inside_the_service_is_transient() -> None:
    found = read_result_line(line(0, {}, request_id=""))
    assert found == ResultLine(custom_id="r-1", outcome=Outcome.TRANSIENT, http_status=0)


@pytest.mark.parametrize("code", ["batch_expired", "batch_cancelled"])
def test_line_that_never_ran_counts_as_a_release(code: str) -> None:
    found = read_result_line(unanswered({"code": code, "message": "Too late."}))
    assert (found.outcome, found.error_code, found.error_message) == (Outcome.NOT_RUN, code, "Too late.")
    assert found.counted_release
    assert read_result_line(line(0, {}, error={"code": code})).outcome is Outcome.NOT_RUN
    assert read_result_line(unanswered(code)).outcome is Outcome.NOT_RUN


@pytest.mark.parametrize(
    ("raw", "hold"),
    [
        (failure(429, "insufficient_quota"), "quota"),
        (failure(429, None, kind="insufficient_quota"), "quota"),
        (failure(400, "billing_hard_limit_reached"), "billing"),
        (failure(429, "billing_not_active"), "billing"),
        (failure(402, None), "billing"),
        (unanswered({"code": "insufficient_quota", "message": "m"}), "quota"),
    ],
)
def test_fault_of_the_account_is_released_uncounted_with_a_hold(raw: bytes, hold: str) -> None:
    found = read_result_line(raw)
    assert (found.outcome, found.hold_code, found.counted_release) == (Outcome.NOT_RUN, hold, False)


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (unanswered({"code": "server_error", "message": "m"}), "transient"),
        (unanswered({"code": "invalid_request", "message": "m"}), "rejected"),
        (unanswered({"code": 17, "message": None}), "transient"),
        (unanswered("something broke"), "transient"),
        (unanswered(None), "transient"),
        (b'{"custom_id": "r-1"}', "transient"),
        (line(200, {"error": {"code": "server_error"}}), "transient"),
        (line(200, {"error": "invalid_prompt"}), "rejected"),
        (line(500, "upstream connect error"), "transient"),
        (line(200, response(status="failed") | {"error": {"code": "server_error"}}), "transient"),
    ],
)
def test_error_without_a_telling_status_is_judged_by_its_code(raw: bytes, outcome: str) -> None:
    found = read_result_line(raw)
    assert (found.custom_id, found.outcome) == ("r-1", outcome)


def test_text_of_a_body_that_is_no_object_becomes_the_message() -> None:
    assert read_result_line(line(502, "Bad Gateway")).error_message == "Bad Gateway"


def test_answer_counts_whatever_stands_beside_it() -> None:
    """It was paid, so neither a missing status nor a stray error may throw it away."""
    assert read_result_line(line(None, chat())).outcome is Outcome.PARSED
    assert read_result_line(line(200, chat(), error={"code": "odd"})).outcome is Outcome.PARSED


@pytest.mark.parametrize(
    ("custom_id", "found"), [("r-1", "r-1"), (12, "12"), (None, None), (True, None), ([1], None), (1.5, None)]
)
def test_id_is_text(custom_id: object, found: str | None) -> None:
    assert read_result_line(line(200, chat(), custom_id=custom_id)).custom_id == found


@pytest.mark.parametrize(
    "raw", [b"", b"oops", b'{"custom_id": "r-1", "resp', b"[1]", b"7", b"\xff", b"[" * 100_000, b"9" * 5_000]
)
def test_line_that_is_no_object_is_unreadable(raw: bytes) -> None:
    assert read_result_line(raw) == ResultLine(unreadable=True)


def test_broken_text_does_not_cost_the_answer() -> None:
    raw = line(200, chat({"content": "A_B \ud800 \x00"})).replace(b"A_B", b"A\xffB")
    found = read_result_line(b"\xef\xbb\xbf" + raw)
    assert (found.outcome, found.content) == (Outcome.PARSED, "A\udcffB \ud800 \x00")


@pytest.mark.parametrize("count", [-1, True, "1 2", "-3", "1" * 14, "٣", None, 1.5, 10**13, float("nan"), [3]])
def test_count_that_is_none_is_unknown(count: object) -> None:
    usage = {"prompt_tokens": count, "completion_tokens": 5.0, "prompt_tokens_details": count}
    assert read_result_line(line(200, chat(usage=usage))).usage == TokenUsage(completion_tokens=5)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ODD_BODIES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("output", "status", "incomplete_details", "error", "usage", "model", "service_tier"), JSON)
    | {"choices": st.lists(st.fixed_dictionaries({"message": JSON, "finish_reason": JSON}))},
)
ODD_LINES = st.fixed_dictionaries(
    {},
    optional={
        "custom_id": JSON,
        "error": JSON | st.fixed_dictionaries({"code": JSON, "message": JSON, "type": JSON}),
        "response": JSON | st.fixed_dictionaries({"status_code": JSON | st.sampled_from([200]), "body": ODD_BODIES}),
    },
)


@given(ODD_LINES)
def test_any_object_gets_exactly_one_outcome(document: dict[str, Any]) -> None:
    found = read_result_line(json.dumps(document).encode())
    assert isinstance(found.outcome, Outcome)
    assert not found.unreadable
    assert len(found.error_message or "") <= 500
    assert (found.hold_code is None) or found.outcome is Outcome.NOT_RUN
    assert found.outcome is not Outcome.PARSED or found.content


@given(st.binary())
def test_any_bytes_are_read_without_an_exception(raw: bytes) -> None:
    found = read_result_line(raw)
    assert found.unreadable == (found.outcome is None)


def test_lines_are_cut_at_the_byte_10_only() -> None:
    text = "a\u2028\u0085\x0b\x0c\x1cb\r\nsecond\n\n \nthird".encode()
    assert list(split_lines([text])) == ["a\u2028\u0085\x0b\x0c\x1cb\r".encode(), b"second", b"third"]


def test_lines_that_say_that_there_is_nothing_are_left_out() -> None:
    assert list(split_lines([b'[]\n{}\r\n null \n[ ]\n{"a": 1}\n[{}]\nnulls\n'])) == [b'{"a": 1}', b"[{}]", b"nulls"]


@given(st.lists(st.binary()))
def test_lines_do_not_depend_on_where_the_stream_is_cut(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    assert list(split_lines(chunks)) == [
        piece for piece in whole.split(b"\n") if b"".join(piece.split()) not in (b"", b"[]", b"{}", b"null")
    ]


def test_only_one_line_is_held() -> None:
    taken = 0

    def endless() -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield b"line\nli"

    lines = split_lines(endless())
    assert [next(lines) for _ in range(3)] == [b"line", b"liline", b"liline"]
    assert taken == 3


@pytest.mark.parametrize(
    ("tail", "whole"),
    [
        (b"", True),
        (b"\n\n", True),
        (b'{"a": 1}', True),
        (b'cut {"a": 1}\n{"b": 2}\n', True),
        (b"[]\n", True),
        (b"null", True),
        (b'{"a": 1}\n{}', True),
        (b"nul", False),
        (b'{"a": 1}\n{"b": ', False),
        (b'{"a": 1}\n{"b": \n', False),
        (b'{"a": 1}\n7', False),
    ],
)
def test_cut_off_last_line_is_noticed(tail: bytes, whole: bool) -> None:
    assert last_line_parses(tail) is whole


def test_a_value_that_is_nested_too_deep_has_no_text() -> None:
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    assert as_json(deep) is None
    assert as_json({"a": "é"}) == '{"a": "é"}'
