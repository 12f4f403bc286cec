"""How a single call ended: answered, refused for certain, free, or nobody knows and it counts as charged."""

from __future__ import annotations

from typing import Any

import pytest

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.ledger.rules.calls.call_ends import (
    LOST_CALL,
    NO_REPLY,
    NOT_CONNECTED,
    NOT_SENT,
    end_of_answer,
    end_of_failure,
)
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind

_K = FailureKind


def _body(**message: Any) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", **message}, "finish_reason": message.pop("finish", "stop")}
    return {"model": "gpt-5-mini-2025", "choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}


def test_an_answer_is_kept_with_its_tokens() -> None:
    end = end_of_answer(_body(content="Yes.\x00"), "req-1")
    assert (end.outcome, end.content, end.error_code, end.http_status) == (Outcome.PARSED, "Yes.\ufffd", None, 200)
    assert (end.model, end.remote_request_id, end.usage.prompt_tokens) == ("gpt-5-mini-2025", "req-1", 7)
    assert not (end.holds or end.paused or end.is_free)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (_body(content=None, refusal="No."), Outcome.REFUSED),
        (_body(content="Ye", finish="length"), Outcome.TRUNCATED),
        (_body(content=""), Outcome.INVALID_OUTPUT),
        ({}, Outcome.INVALID_OUTPUT),
    ],
)
def test_what_is_no_answer_was_paid_for_all_the_same(body: dict[str, Any], outcome: Outcome) -> None:
    end = end_of_answer(body, None)
    assert (end.outcome, end.error_code) == (outcome, str(outcome))


@pytest.mark.parametrize(
    ("failure", "outcome", "code", "free"),
    [
        (ApiFailure(_K.RATE_LIMITED, 429, "rate_limit_exceeded", "m"), Outcome.TRANSIENT, "rate_limit_exceeded", True),
        (ApiFailure(_K.BROKEN, 503, None, "m"), Outcome.TRANSIENT, "broken", False),
        (ApiFailure(_K.UNREACHABLE, None, NOT_CONNECTED, "m"), Outcome.TRANSIENT, NOT_CONNECTED, True),
        (ApiFailure(_K.UNREACHABLE, None, None, "m"), Outcome.ARTIFACT_UNAVAILABLE, NO_REPLY, False),
        (ApiFailure(_K.TIMEOUT, None, None, "m"), Outcome.ARTIFACT_UNAVAILABLE, NO_REPLY, False),
        (ApiFailure(_K.BROKEN, 500, None, "m"), Outcome.ARTIFACT_UNAVAILABLE, NO_REPLY, False),
        (ApiFailure(_K.REFUSED, 400, "invalid", "m"), Outcome.REJECTED, "invalid", False),
        (ApiFailure(_K.NOT_FOUND, 404, None, "m"), Outcome.REJECTED, "not_found", False),
        *(
            (ApiFailure(kind, status, None, "m"), Outcome.NOT_RUN, str(kind), False)
            for kind, status in (
                (_K.BAD_KEY, 401),
                (_K.FORBIDDEN, 403),
                (_K.QUOTA, 429),
                (_K.BILLING, 402),
                (_K.MODEL_NOT_FOUND, 404),
                (_K.NO_SUCH_ROUTE, 404),
            )
        ),
    ],
)
def test_a_failure_is_free_only_where_that_is_certain(
    failure: ApiFailure, outcome: Outcome, code: str, free: bool
) -> None:
    end = end_of_failure(failure)
    assert (end.outcome, end.error_code, end.is_free) == (outcome, code, free)
    assert end.holds is (outcome is Outcome.NOT_RUN)


def test_a_lost_call_may_have_been_charged_and_one_that_was_not_sent_is_free() -> None:
    assert LOST_CALL.outcome is Outcome.ARTIFACT_UNAVAILABLE
    assert (NOT_SENT.outcome, NOT_SENT.is_free, NOT_SENT.holds) == (Outcome.TRANSIENT, True, False)


def test_one_request_larger_than_a_minute_of_tokens_is_refused_for_good() -> None:
    message = "Request too large for gpt-5-mini on tokens per min (TPM): Limit 30000, Requested 50000."
    end = end_of_failure(ApiFailure(_K.RATE_LIMITED, 429, "rate_limit_exceeded", message))
    assert (end.outcome, end.paused, end.is_free) == (Outcome.REJECTED, False, False)


def test_a_403_may_be_about_one_question_and_a_bad_key_is_not() -> None:
    forbidden, bad_key = (end_of_failure(ApiFailure(kind, 403, None, "m")) for kind in (_K.FORBIDDEN, _K.BAD_KEY))
    assert (forbidden.may_be_its_own, bad_key.may_be_its_own) == (True, False)
