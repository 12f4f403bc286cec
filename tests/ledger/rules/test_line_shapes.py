"""Lines of unusual shapes: what they hold is read where there is no doubt, and what ran is never bought again by itself."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from livedash_pipeline.analysis.rules.answer_reading import read_analysis
from livedash_pipeline.base.rules.json_lines import find_ids, objects_on
from livedash_pipeline.base.rules.outcomes import PAID_OUTCOMES, Outcome
from livedash_pipeline.ledger.rules.results.answers import UnusableAnswer, UsableAnswer
from livedash_pipeline.ledger.rules.results.judgement import judge_kept, judge_line
from livedash_pipeline.ledger.rules.results.result_lines import ResultLine, cut_line, read_result_lines
from tests.analysis.rules.test_analysis import GOOD, SESSION
from tests.support.result_lines import read_result_line

TEXT = json.dumps(GOOD)
OTHER = json.dumps(GOOD | {"sentiment": "NEGATIVE"})
USED = {"prompt_tokens": 1200, "completion_tokens": 80, "total_tokens": 1280}
CALL = {"name": "session_analysis", "arguments": TEXT}


def chat(message: Any = None, **body: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": TEXT} if message is None else message
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USED, **body}


def in_response(body: Any, **response: Any) -> dict[str, Any]:
    return {
        "custom_id": "r-1",
        "response": {"status_code": 200, "request_id": "q", "body": body} | response,
        "error": None,
    }


def read(document: Any) -> ResultLine:
    return read_result_line(json.dumps(document).encode())


# Lines with the good answer, and the flags of where it was found.
ANSWERS: list[tuple[str, dict[str, Any], str]] = [
    ("as the service writes it", in_response(chat()), ""),
    ("directly in the response", {"custom_id": "r-1", "response": chat()}, "unusual_line"),
    (
        "directly in the response, with a status",
        {"custom_id": "r-1", "response": chat(status_code=200)},
        "unusual_line",
    ),
    ("directly in the line", {"custom_id": "r-1", "error": None} | chat(), "unusual_line"),
    ("in the line's body", {"custom_id": "r-1", "body": chat(), "status_code": 200}, "unusual_line"),
    ("in the line's result", {"custom_id": "r-1", "result": {"response": {"body": chat()}}}, "unusual_line"),
    ("in a body in the body", in_response({"body": chat()}), "unusual_line"),
    ("response as text", {"custom_id": "r-1", "response": json.dumps(chat())}, "unusual_line"),
    ("body as text", in_response(json.dumps(chat())), ""),
    ("twice, alike", {"custom_id": "r-1", "response": {"result": chat()}, "result": chat()}, "unusual_line"),
    ("no status", in_response(chat(), status_code=None), ""),
    ("a status in words", in_response(chat(), status_code="ok"), ""),
    ("a status that says failure, and no error", in_response(chat(), status_code=500), ""),
    ("a stray error", in_response(chat()) | {"error": {"code": "odd"}}, ""),
    (
        "in the arguments of a call",
        in_response(chat({"content": None, "tool_calls": [{"function": CALL}]})),
        "answer_in_call",
    ),
    (
        "in arguments as an object",
        in_response(chat({"tool_calls": [{"function": {"arguments": GOOD}}]})),
        "answer_in_call",
    ),
    (
        "in two calls alike",
        in_response(chat({"content": "", "tool_calls": [{"function": CALL}] * 2})),
        "answer_in_call",
    ),
    ("in a function call", in_response(chat({"content": None, "function_call": CALL})), "answer_in_call"),
    ("in reasoning_content", in_response(chat({"content": None, "reasoning_content": TEXT})), "answer_in_reasoning"),
    ("in reasoning", in_response(chat({"content": "", "reasoning": TEXT})), "answer_in_reasoning"),
    ("content as an object", in_response(chat({"content": GOOD})), ""),
    ("content as one part", in_response(chat({"content": {"type": "text", "text": TEXT}})), ""),
    (
        "content behind thoughts",
        in_response(chat({"content": [{"type": "reasoning", "text": "{"}, {"text": TEXT}]})),
        "",
    ),
    ("choices as one object", in_response({"choices": {"message": {"content": TEXT}}}), "unusual_body"),
    ("choices by number", in_response({"choices": {"0": {"message": {"content": TEXT}}}}), "unusual_body"),
    ("message as text", in_response({"choices": [{"message": TEXT}]}), "unusual_body"),
    ("a delta", in_response({"choices": [{"delta": {"content": TEXT}}]}), "unusual_body"),
    ("a plain completion", in_response({"choices": [{"text": TEXT}]}), "unusual_body"),
    (
        "output as one message",
        in_response({"output": {"type": "message", "content": [{"text": TEXT}]}}),
        "unusual_body",
    ),
    ("output_text", in_response({"output": [{"type": "reasoning"}], "output_text": TEXT}), "unusual_body"),
    ("a call in the output", in_response({"output": [{"type": "function_call", "arguments": TEXT}]}), "answer_in_call"),
    ("the answer as body", in_response(GOOD), "unusual_body"),
    ("the answer in the body", in_response({"result": {"answer": GOOD}}), "unusual_body wrapped"),
    (
        "a message in the result",
        {"custom_id": "r-1", "result": {"type": "succeeded", "message": {"content": [{"type": "text", "text": TEXT}]}}},
        "unusual_body unusual_line",
    ),
    (
        "a message in the response",
        {"custom_id": "r-1", "response": {"message": {"role": "assistant", "content": TEXT}}},
        "unusual_body unusual_line",
    ),
    ("content in the response", {"custom_id": "r-1", "response": {"content": TEXT}}, "unusual_body unusual_line"),
    ("output_text", {"custom_id": "r-1", "response": {"output_text": TEXT}}, "unusual_body unusual_line"),
    ("content in the line", {"custom_id": "r-1", "content": TEXT}, "unusual_body unusual_line"),
    ("content in the body", in_response({"content": TEXT}), "unusual_body unusual_line"),
    ("the answer as response", {"custom_id": "r-1", "response": TEXT}, "json_in_text unusual_body wrapped"),
    (
        "text as response",
        {"custom_id": "r-1", "response": f"Sure: {TEXT}"},
        "json_in_text text_around unusual_body wrapped",
    ),
    ("the answer as its own field", {"custom_id": "r-1", "answer": GOOD}, "unusual_body wrapped"),
    ("in other words", {"custom_id": "r-1", "outputs": [{"generated": TEXT}]}, "json_in_text unusual_body wrapped"),
    ("a body that is its text", in_response(f"Sure: {TEXT}"), "text_around unusual_body"),
]


@pytest.mark.parametrize(("document", "flags"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS])
def test_an_answer_is_found_wherever_it_stands(document: dict[str, Any], flags: str) -> None:
    judged = judge_line(read(document), SESSION, read_analysis)
    assert judged is not None and judged.outcome is Outcome.PARSED, judged
    assert judged.flags == tuple(flags.split())
    assert json.loads(judged.parsed_answer or "") == GOOD


EMPTY = {"role": "assistant", "content": None}
UNREADABLE: list[tuple[str, dict[str, Any], str]] = [
    ("no content", in_response(chat(EMPTY)), "invalid_output"),
    ("no content and no status", {"custom_id": "r-1", "response": chat(EMPTY)}, "invalid_output"),
    (
        "two different calls",
        in_response(chat(EMPTY | {"tool_calls": [{"function": CALL}, {"function": {"arguments": OTHER}}]})),
        "invalid_output",
    ),
    (
        "two different answers",
        {"custom_id": "r-1", "response": {"result": chat(), "data": chat({"content": OTHER})}},
        "invalid_output",
    ),
    (
        "an unknown shape with usage",
        {"custom_id": "r-1", "result": {"message": {"text": "Hm."}, "usage": USED}},
        "invalid_output",
    ),
    (
        "an unknown shape with other usage",
        {"custom_id": "r-1", "response": {"usageMetadata": {"totalTokenCount": 7}}},
        "invalid_output",
    ),
    (
        "usage and a failure",
        in_response({"error": {"code": "server_error"}, "usage": USED}, status_code=500),
        "invalid_output",
    ),
    ("usage and an error", in_response({"error": {"code": "server_error"}, "usage": USED}), "invalid_output"),
    ("choices without a status", {"custom_id": "r-1", "response": {"choices": [{"message": EMPTY}]}}, "invalid_output"),
    ("an empty body", in_response({}), "invalid_output"),
    ("a message in prose", {"custom_id": "r-1", "response": {"message": {"content": "Hm."}}}, "invalid_output"),
    (
        "a message that is cut off",
        {"custom_id": "r-1", "result": {"message": {"content": [{"text": "{"}], "stop_reason": "max_tokens"}}},
        "truncated",
    ),
    (
        "two different messages",
        {"custom_id": "r-1", "result": {"content": TEXT}, "response": {"content": OTHER}},
        "invalid_output",
    ),
    ("null as body", in_response(None), "invalid_output"),
    ("text as body", in_response("oops"), "invalid_output"),
    ("a list as body", in_response([1]), "invalid_output"),
    (
        "cut off while thinking",
        in_response({"choices": [{"message": EMPTY, "finish_reason": "length"}], "usage": USED}),
        "truncated",
    ),
    (
        "cut off in other words",
        in_response({"choices": [{"message": {"content": "{"}, "finish_reason": "MAX_TOKENS"}]}),
        "truncated",
    ),
    ("filtered", in_response({"choices": [{"message": EMPTY, "finish_reason": "content_filter"}]}), "refused"),
]


@pytest.mark.parametrize(
    ("document", "outcome"), [case[1:] for case in UNREADABLE], ids=[case[0] for case in UNREADABLE]
)
def test_what_ran_and_cannot_be_read_is_kept_whole_and_not_bought_again(document: dict[str, Any], outcome: str) -> None:
    line = read(document)
    judged = judge_line(line, SESSION, read_analysis)
    assert judged is not None
    assert (judged.outcome, judged.outcome in PAID_OUTCOMES) == (outcome, True)
    assert judged.raw_answer
    # The service's words are no place for a model's text.
    assert judged.error_message in (None, "the answer is not JSON")


NOT_RUN = [
    ({"custom_id": "r-1"}, "transient"),
    ({"custom_id": "r-1", "response": "upstream connect error"}, "transient"),
    ({"custom_id": "r-1", "response": {"message": "upstream connect error"}}, "transient"),
    ({"custom_id": "r-1", "response": {"content": ""}}, "transient"),
    ({"custom_id": "r-1", "response": {"content": "Busy.", "error": {"code": "server_error"}}}, "transient"),
    (in_response({"content": "Bad gateway"}, status_code=502), "transient"),
    ({"custom_id": "r-1", "response": json.dumps(GOOD | {"session_id": str(UUID(int=9))})}, "transient"),
    ({"custom_id": "r-1", "response": {"choices": []}}, "transient"),
    (in_response({"choices": []}, status_code=500), "transient"),
    (in_response({"error": {"code": "server_error"}, "usage": {"prompt_tokens": 0}}), "transient"),
    (in_response({"error": {"code": "server_error"}, "usage": None, "output": [{"content": []}]}), "transient"),
    ({"custom_id": "r-1", "response": {"error": {"code": "invalid_prompt"}}}, "rejected"),
    ({"custom_id": "r-1", "status_code": 400, "response": {"error": {"message": "No."}}}, "rejected"),
    ({"custom_id": "r-1", "error": {"code": "batch_expired"}}, "not_run"),
]


@pytest.mark.parametrize(("document", "outcome"), NOT_RUN)
def test_what_shows_no_work_is_judged_by_its_error(document: dict[str, Any], outcome: str) -> None:
    judged = judge_line(read(document), SESSION, read_analysis)
    assert judged is not None
    assert (judged.outcome, judged.raw_answer, judged.parsed_answer) == (outcome, None, None)


def test_usage_is_found_outside_of_the_body() -> None:
    body = chat() | {"usage": None}
    for document in (in_response(body, usage=USED), in_response(body) | {"usage": USED}):
        assert read(document).usage.total_tokens == 1280


def test_usage_that_disagrees_is_flagged_on_every_outcome() -> None:
    odd = USED | {"total_tokens": 5000}
    for message, outcome in ((None, "parsed"), ({"refusal": "No."}, "refused"), (EMPTY, "invalid_output")):
        judged = judge_line(read(in_response(chat(message, usage=odd))), SESSION, read_analysis)
        assert judged is not None
        assert (judged.outcome, judged.flags) == (outcome, ("usage_disagrees",))


def test_a_line_may_hold_several_results() -> None:
    first, second = in_response(chat()), in_response(chat()) | {"custom_id": "r-2"}
    one = json.dumps(first).encode()
    two = json.dumps(second).encode()
    for raw in (one + two, one + b" ,\t" + two, b"[" + one + b"," + two + b"]"):
        assert [line.custom_id for line in read_result_lines(raw)] == ["r-1", "r-2"]
    assert objects_on(one + b" x") == objects_on(one + two[:40]) == objects_on(b"[" + one + b", 1]") == []


def test_a_raw_line_end_in_a_string_does_not_cost_the_answer() -> None:
    raw = json.dumps(in_response(chat())).encode().replace(b"about ", b"about\r")
    assert read_result_line(raw).outcome is Outcome.PARSED


FIRST, SECOND, FOREIGN = UUID(int=1), UUID(int=2), UUID(int=3)


def test_our_ids_are_found_on_a_line_that_is_no_json() -> None:
    whole = f'{{"custom_id": "{FIRST}", "response": {{"body'.encode()
    assert find_ids(whole, {FIRST, SECOND}) == {FIRST: whole}
    assert find_ids(whole, {SECOND}) == {}
    assert find_ids(f"{FOREIGN} {FIRST} ".encode() + whole, {FIRST}) == {FIRST: f"{FOREIGN} {FIRST} ".encode() + whole}
    both = f"a {FIRST} b {SECOND} c {FIRST}".encode()
    assert find_ids(both, {FIRST, SECOND}) == {FIRST: f"a {FIRST} b ".encode(), SECOND: f"{SECOND} c {FIRST}".encode()}


def test_one_bad_object_costs_no_other_on_its_line() -> None:
    """Objects on a line, good ones and bad ones, and who is read, kept to be read later, or kept."""
    a, b = (json.dumps(in_response(chat()) | {"custom_id": str(each)}).encode() for each in (FIRST, SECOND))
    table: list[tuple[bytes, list[UUID], list[UUID], list[UUID]]] = [
        (a + b[:-9], [FIRST], [], [SECOND]),
        (b"[" + a + b"," + b[:-9], [FIRST], [], [SECOND]),
        (b"[" + a + b", 1]", [FIRST], [], []),
        (a + b" 1", [FIRST], [], []),
        (a + b"<html>" + b, [FIRST], [SECOND], []),
        (a[:-9] + b, [], [SECOND], [FIRST]),
        (a.replace(b'": {', b'" {', 1) + b, [], [SECOND], [FIRST]),
        (b"data: " + a, [], [FIRST], []),
        (b"data: " + a + b"data: " + b[:-9], [], [FIRST], [SECOND]),
    ]
    for line, read_now, read_later, kept in table:
        found = read_result_lines(line, {FIRST, SECOND})
        assert [each.custom_id for each in found if not each.unreadable] == [str(each) for each in read_now], line
        assert any(each.unreadable for each in found), line
        parts = {UUID(each.custom_id): each.raw or "" for each in found if each.unreadable and each.custom_id}
        assert sorted(parts) == sorted(read_later + kept), line
        readable = [each for each in parts if isinstance(judge_kept(parts[each], SESSION, read_analysis), UsableAnswer)]
        assert sorted(readable) == read_later, line


def test_a_line_that_is_cut_is_paid_and_kept() -> None:
    judged = judge_line(cut_line(str(FIRST), b'{"custom_id": "\xff'), SESSION, read_analysis)
    assert judged is not None
    assert (judged.outcome, judged.error_code) == (Outcome.INVALID_OUTPUT, "unreadable_line")
    assert judged.raw_answer == '{"custom_id": "\ufffd'


DRAFT = {"content": TEXT, "reasoning_content": OTHER}


@pytest.mark.parametrize(
    "kept",
    [
        json.dumps(chat(DRAFT)),
        TEXT,
        f"```json\n{TEXT}\n```",
        json.dumps(chat({"tool_calls": [{"function": CALL}]})),
        json.dumps({"response": chat()}),
    ],
)
def test_a_kept_text_or_body_is_judged_again(kept: str) -> None:
    answer = judge_kept(kept, SESSION, read_analysis)
    assert isinstance(answer, UsableAnswer)
    assert json.loads(answer.document) == GOOD


@pytest.mark.parametrize(
    "kept", ["", "No.", TEXT[:50], json.dumps(chat(EMPTY)), json.dumps({"response": {}}), "[" * 10_000]
)
def test_a_kept_text_that_still_has_no_answer_is_refused(kept: str) -> None:
    assert isinstance(judge_kept(kept, SESSION, read_analysis), UnusableAnswer)
