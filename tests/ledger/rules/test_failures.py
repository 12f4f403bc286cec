"""Every failure of a call has one kind, and only certain refusals count as "nothing was bought"."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.ledger.rules.service.failures import (
    ApiFailure,
    FailureKind,
    ValidationClass,
    classify_api_error,
    classify_validation,
    no_answer,
    remedy,
    validation_class,
)
from livedash_pipeline.ledger.rules.service.remote import RemoteError

K = FailureKind


def failure(status: int, code: str | None = None, error_type: str | None = None, *, known: bool = True) -> ApiFailure:
    return classify_api_error(status, code, error_type, "a message", route_known=known)


# status, code, kind, nothing was made, worth repeating
KINDS = [
    (400, "invalid_value", K.REFUSED, True, False),
    (400, "billing_hard_limit_reached", K.BILLING, True, False),
    (401, "invalid_api_key", K.BAD_KEY, True, False),
    (402, None, K.BILLING, False, False),
    (403, None, K.FORBIDDEN, True, False),
    (403, "model_not_found", K.MODEL_NOT_FOUND, True, False),
    (404, "model_not_found", K.MODEL_NOT_FOUND, True, False),
    (404, None, K.NOT_FOUND, True, False),
    (405, None, K.BROKEN, False, False),
    (408, None, K.TIMEOUT, False, True),
    (409, None, K.CONFLICT, False, True),
    (413, None, K.REFUSED, True, False),
    (418, None, K.BROKEN, False, False),
    (422, None, K.REFUSED, True, False),
    (425, None, K.BROKEN, False, True),
    (429, "insufficient_quota", K.QUOTA, True, False),
    (429, "billing_hard_limit_reached", K.BILLING, True, False),
    (429, "rate_limit_exceeded", K.RATE_LIMITED, False, True),
    (429, None, K.RATE_LIMITED, False, True),
    (500, None, K.BROKEN, False, True),
    (500, "insufficient_quota", K.BROKEN, False, True),
    (503, None, K.BROKEN, False, True),
    (304, None, K.BROKEN, False, True),
]


@pytest.mark.parametrize(("status", "code", "kind", "definite", "retryable"), KINDS)
def test_answers_and_what_they_mean(
    status: int, code: str | None, kind: FailureKind, definite: bool, retryable: bool
) -> None:
    found = failure(status, code)
    assert (found.kind, found.definite_refusal, found.retryable) == (kind, definite, retryable)


def test_quota_is_recognised_by_its_type_where_no_code_is_sent() -> None:
    found = failure(429, None, "insufficient_quota")
    assert (found.kind, found.code) == (K.QUOTA, "insufficient_quota")


@pytest.mark.parametrize("status", [404, 405])
def test_404_and_405_without_an_error_document_say_that_there_is_no_such_route(status: int) -> None:
    assert failure(status, known=False).kind is K.NO_SUCH_ROUTE


@pytest.mark.parametrize(
    ("kind", "retryable"), [(K.TIMEOUT, True), (K.UNREACHABLE, True), (K.BROKEN, True), (K.BAD_KEY, False)]
)
def test_calls_without_an_answer_are_no_refusals(kind: FailureKind, retryable: bool) -> None:
    found = no_answer(kind, "")
    assert (found.definite_refusal, found.retryable, found.status) == (False, retryable, None)
    assert found.message == kind.value


@given(st.integers(100, 599), st.none() | st.text(max_size=30), st.none() | st.text(max_size=30), st.booleans())
def test_no_failure_is_both_a_certain_refusal_and_worth_repeating(
    status: int, code: str | None, error_type: str | None, known: bool
) -> None:
    found = failure(status, code, error_type, known=known)
    assert not (found.definite_refusal and found.retryable)
    assert not (found.definite_refusal and status >= 500)


def test_messages_are_kept_shortened_and_without_keys() -> None:
    found = classify_api_error(401, None, None, "Incorrect API key provided: abcdef. " + "x" * 600, secret="abcdef")
    assert "abcdef" not in found.message
    assert len(found.message) == 500
    assert "HTTP 500" in classify_api_error(500, None, None, "").message


@pytest.mark.parametrize("kind", list(FailureKind))
def test_every_kind_has_a_remedy_of_one_sentence(kind: FailureKind) -> None:
    assert remedy(kind).endswith(".")
    assert "gpt-x" in remedy(K.MODEL_NOT_FOUND, "gpt-x")


VALIDATION = [
    ("invalid_json_line", None, ValidationClass.LINE_FAULT),
    ("missing_required_parameter", "custom_id", ValidationClass.LINE_FAULT),
    ("invalid_url", "url", ValidationClass.LINE_FAULT),
    ("streaming_unsupported", "body.stream", ValidationClass.LINE_FAULT),
    ("invalid_request", "body.messages", ValidationClass.LINE_FAULT),
    ("duplicate_custom_id", None, ValidationClass.LINE_FAULT),
    ("mismatched_model", None, ValidationClass.LINE_FAULT),
    ("invalid_request", "file_id", ValidationClass.INPUT_FILE_MISSING),
    ("invalid_request", "input_file_id", ValidationClass.INPUT_FILE_MISSING),
    ("model_not_found", "body.model", ValidationClass.MODEL),
    ("token_limit_exceeded", None, ValidationClass.TOKEN_LIMIT),
    ("billing_hard_limit_reached", None, ValidationClass.BILLING),
    ("insufficient_quota", None, ValidationClass.BILLING),
    ("empty_file", None, ValidationClass.UNKNOWN),
    (None, None, ValidationClass.UNKNOWN),
]


@pytest.mark.parametrize(("code", "param", "expected"), VALIDATION)
def test_codes_at_validation_and_whose_fault_they_are(
    code: str | None, param: str | None, expected: ValidationClass
) -> None:
    assert validation_class(code, param) is expected
    assert classify_validation(RemoteError(code, "", param, line=3)) is expected


def test_line_fault_without_a_line_is_unknown_since_no_line_can_be_rejected() -> None:
    assert classify_validation(RemoteError("invalid_json_line", "", None, None)) is ValidationClass.UNKNOWN
    assert classify_validation(RemoteError("model_not_found", "", None, None)) is ValidationClass.MODEL
