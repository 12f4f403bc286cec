"""Lines and ends of batches judged: every submitted id gets one outcome."""

from __future__ import annotations

import json
from typing import Any

import pytest

from livedash_pipeline.analysis.rules.answer_reading import read_analysis
from livedash_pipeline.base.rules.outcomes import PAID_OUTCOMES, Outcome
from livedash_pipeline.ledger.rules.results.judgement import (
    BatchEnd,
    JudgedLine,
    Unanswered,
    is_success,
    judge_line,
    judge_unanswered,
    validation_verdict,
)
from livedash_pipeline.ledger.rules.results.result_lines import UNREADABLE_LINE, ResultLine
from livedash_pipeline.ledger.rules.service.batch_words import EndWord
from livedash_pipeline.ledger.rules.service.failures import ValidationClass
from livedash_pipeline.ledger.rules.service.remote import RemoteError
from tests.analysis.rules.test_analysis import GOOD, SESSION


def end(word: str, **changes: Any) -> BatchEnd:
    values: dict[str, Any] = {
        "has_output": False,
        "has_files": False,
        "gone": (),
        "errors": (),
        "reported_completed": 0,
        "error_code": None,
        "error_message": "Its message.",
    }
    return BatchEnd(end=EndWord(word) if word else None, **(values | changes))


def error(code: str | None, *, param: str | None = None, line: int | None = None) -> RemoteError:
    return RemoteError(code, "Its message.", param, line)


def test_a_usable_answer_is_parsed_and_kept_without_its_raw_text() -> None:
    judged = judge_line(ResultLine(outcome=Outcome.PARSED, content=json.dumps(GOOD)), SESSION, read_analysis)
    assert judged is not None and judged.parsed_answer is not None
    assert (judged.outcome, judged.error_code, judged.raw_answer) == (Outcome.PARSED, None, None)
    assert json.loads(judged.parsed_answer) == GOOD


def test_another_sessions_answer_is_invalid_output_and_its_text_is_kept() -> None:
    judged = judge_line(ResultLine(outcome=Outcome.PARSED, content=json.dumps(GOOD)), "another", read_analysis)
    assert judged is not None
    assert (judged.outcome, judged.error_code) == (Outcome.INVALID_OUTPUT, "invalid_output")
    assert judged.raw_answer == json.dumps(GOOD)


def test_kept_text_can_be_stored() -> None:
    judged = judge_line(
        ResultLine(outcome=Outcome.REFUSED, content="a\x00b\ud800", error_message="c\x00"), SESSION, read_analysis
    )
    assert judged is not None
    assert (judged.raw_answer, judged.error_message) == ("a\ufffdb\ufffd", "c\ufffd")


def judged(outcome: Outcome, error_code: str | None = None) -> JudgedLine:
    return JudgedLine(outcome, error_code, None, (), None, None)


def test_of_several_lines_the_answer_counts_then_what_was_paid_and_can_be_read() -> None:
    unreadable = judged(Outcome.INVALID_OUTPUT, UNREADABLE_LINE)
    others = [judged(outcome) for outcome in Outcome if outcome not in PAID_OUTCOMES]
    paid = [judged(outcome) for outcome in PAID_OUTCOMES - {Outcome.PARSED}]
    assert {line.precedence for line in others} == {0} and unreadable.precedence == 1
    assert {line.precedence for line in paid} == {2} and judged(Outcome.PARSED).precedence == 3


@pytest.mark.parametrize("outcome", Outcome)
def test_a_success_has_a_status_of_success_or_no_status_and_a_paid_answer(outcome: Outcome) -> None:
    for status in (0, 199, 200, 299, 300, 400, 500):
        assert is_success(ResultLine(http_status=status), judged(outcome)) is (status in (200, 299))
    assert is_success(ResultLine(), judged(outcome)) is (outcome in PAID_OUTCOMES)
    assert not is_success(ResultLine(unreadable=True), judged(outcome))


def test_an_unreadable_line_has_no_outcome() -> None:
    assert judge_line(ResultLine(unreadable=True), SESSION, read_analysis) is None


@pytest.mark.parametrize(
    ("ended", "outcome", "counted"),
    [
        (end("completed", has_files=True), Outcome.MISSING, False),
        (end("completed"), Outcome.MISSING, False),
        (end("completed", has_files=True, gone=("output",)), Outcome.ARTIFACT_UNAVAILABLE, False),
        (end("expired", has_files=True, gone=("error",)), Outcome.ARTIFACT_UNAVAILABLE, False),
        (end("expired"), Outcome.NOT_RUN, True),
        (end("cancelled", reported_completed=None), Outcome.NOT_RUN, True),
        # It says that it answered, and shows no answer: what was paid for must not count as "never ran".
        (end("cancelled", reported_completed=3), Outcome.MISSING, False),
        (end("expired", has_files=True), Outcome.MISSING, False),
        # Gone from the service, and with it whatever was paid for; its output may still be had by its own id.
        (end("", error_code="batch_vanished"), Outcome.ARTIFACT_UNAVAILABLE, False),
        (end("completed", error_code="batch_vanished", has_output=True, has_files=True), Outcome.MISSING, False),
        # The service never had it.
        (end("", error_code="refused"), Outcome.NOT_RUN, False),
        (end("failed"), Outcome.TRANSIENT, False),
        (end("failed", reported_completed=3), Outcome.MISSING, False),
        (end("failed", errors=[error("server_error")]), Outcome.TRANSIENT, False),
        (end("failed", errors=[error("invalid_url")]), Outcome.TRANSIENT, False),
        (end("failed", errors=[error("invalid_url", line=2)]), Outcome.NOT_RUN, False),
        (end("failed", errors=[error("model_not_found", line=1)]), Outcome.NOT_RUN, False),
        (end("failed", errors=[error("token_limit_exceeded")]), Outcome.NOT_RUN, False),
        (end("failed", errors=[error("billing_hard_limit_reached")]), Outcome.NOT_RUN, False),
        (end("failed", errors=[error("invalid_request", param="file_id")]), Outcome.NOT_RUN, True),
    ],
)
def test_requests_without_a_line_end_as_their_batch_did(ended: BatchEnd, outcome: Outcome, counted: bool) -> None:
    judged = judge_unanswered(ended)
    assert (judged.outcome, judged.counted_release) == (outcome, counted)


def test_the_reason_of_a_failed_batch_is_kept_with_its_requests() -> None:
    ended = end("failed", errors=[error("token_limit_exceeded")], error_code="token_limit_exceeded")
    assert judge_unanswered(ended) == Unanswered(Outcome.NOT_RUN, "token_limit_exceeded", "Its message.")


@pytest.mark.parametrize(
    ("codes", "verdict"),
    [
        ([], ValidationClass.UNKNOWN),
        (["strange"], ValidationClass.UNKNOWN),
        (["invalid_url", "model_not_found"], ValidationClass.MODEL),
        (["model_not_found", "token_limit_exceeded"], ValidationClass.TOKEN_LIMIT),
        (["token_limit_exceeded", "billing_hard_limit_reached"], ValidationClass.BILLING),
        (["strange", "invalid_url"], ValidationClass.LINE_FAULT),
    ],
)
def test_the_gravest_entry_decides(codes: list[str], verdict: ValidationClass) -> None:
    assert validation_verdict([error(code, line=1) for code in codes]) is verdict
