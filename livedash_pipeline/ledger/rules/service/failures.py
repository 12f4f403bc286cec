"""Classifies every failure of a Batch API call: what it is, whether to try again, and whether nothing was bought.

Add a code to the tables here when a server is seen to send it. The gateway turns the client's exceptions into these values; steps
decide what a failure does to rows and holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from livedash_pipeline.ledger.rules.service.remote import RemoteError
from livedash_pipeline.ledger.rules.service.remote_values import read_text, tidy_message


class FailureKind(StrEnum):
    """The kind of a failed call, in the words of rows, holds and reports."""

    BAD_KEY = "bad_key"
    FORBIDDEN = "forbidden"
    MODEL_NOT_FOUND = "model_not_found"
    NOT_FOUND = "not_found"
    NO_SUCH_ROUTE = "no_such_route"
    QUOTA = "quota"
    BILLING = "billing"
    RATE_LIMITED = "rate_limited"
    REFUSED = "refused"
    CONFLICT = "conflict"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    BROKEN = "broken"


class ValidationClass(StrEnum):
    """The cause of a failed validation, which decides what becomes of the batch's requests."""

    LINE_FAULT = "line_fault"
    MODEL = "model"
    TOKEN_LIMIT = "token_limit"  # noqa: S105 - tokens of text
    BILLING = "billing"
    INPUT_FILE_MISSING = "input_file_missing"
    UNKNOWN = "unknown"


_K = FailureKind

# Answers after which a create has certainly done nothing; 429 joins them where quota or billing is the reason.
_DEFINITE_STATUS = frozenset({400, 401, 403, 404, 413, 422})

# 429 with `insufficient_quota` means no credit, so a minute's wait does not help; it comes as `code` or as `type`.
QUOTA_CODES = frozenset({"insufficient_quota", "quota_exceeded"})
BILLING_CODES = frozenset({"billing_hard_limit_reached", "billing_not_active", "account_deactivated"})
# Also sent with 403, when a project may not use a model that exists.
_MODEL_CODES = frozenset({"model_not_found"})

_KIND_OF_STATUS = {
    400: _K.REFUSED,
    401: _K.BAD_KEY,
    402: _K.BILLING,
    403: _K.FORBIDDEN,
    404: _K.NOT_FOUND,
    408: _K.TIMEOUT,
    409: _K.CONFLICT,
    413: _K.REFUSED,
    422: _K.REFUSED,
    429: _K.RATE_LIMITED,
}

_ALWAYS_RETRYABLE = frozenset({_K.CONFLICT, _K.RATE_LIMITED, _K.TIMEOUT, _K.UNREACHABLE})


@dataclass(frozen=True, slots=True)
class ApiFailure:
    """A call that failed. `message` is the service's own, at most 500 characters and without key material.

    `status` is None where no answer came; `retry_after` is in seconds.
    """

    kind: FailureKind
    status: int | None
    code: str | None
    message: str
    retry_after: float | None = None
    request_id: str | None = None

    @property
    def definite_refusal(self) -> bool:
        """Whether a create that failed this way has certainly made no batch."""
        return self.status in _DEFINITE_STATUS or (self.status == 429 and self.kind in (_K.QUOTA, _K.BILLING))

    @property
    def retryable(self) -> bool:
        """Whether a call that may safely be repeated is worth repeating a little later."""
        if self.kind is _K.BROKEN:
            # 4xx answers that have no kind of their own will be the same next time; 425 means "too early".
            return self.status is None or self.status == 425 or not 400 <= self.status < 500
        return self.kind in _ALWAYS_RETRYABLE


def classify_api_error(
    status: int,
    code: str | None,
    error_type: str | None,
    message: str,
    retry_after: float | None = None,
    request_id: str | None = None,
    *,
    route_known: bool = True,
    secret: str | None = None,
) -> ApiFailure:
    """Classifies an answer that is an error.

    Args:
        status: HTTP status.
        code: `error.code` of the answer.
        error_type: `error.type` of the answer, where some servers put what others put in `code`.
        message: The service's own words.
        retry_after: Seconds the service asks to wait.
        request_id: The service's id for the call.
        route_known: False for a check whose route a server may lack, when its 404 or 405 is no error document of the API.
        secret: The API key, masked in the message should the service quote it.
    """
    code, error_type = read_text(code), read_text(error_type)
    return ApiFailure(
        kind=_kind_of(status, {code, error_type} - {None}, route_known),
        status=status,
        code=code or error_type,
        message=tidy_message(message, secret=secret) or f"HTTP {status} without a message.",
        retry_after=retry_after,
        request_id=request_id,
    )


def no_answer(kind: FailureKind, message: str, *, secret: str | None = None) -> ApiFailure:
    """Returns the failure of a call without a usable answer: `timeout`, `unreachable`, or `broken` for a senseless answer."""
    return ApiFailure(kind, None, None, tidy_message(message, secret=secret) or kind.value)


def _kind_of(status: int, codes: set[str | None], route_known: bool) -> FailureKind:
    if status in (404, 405) and not route_known:
        return _K.NO_SUCH_ROUTE
    if status in (400, 402, 403, 429):
        if codes & BILLING_CODES:
            return _K.BILLING
        if codes & QUOTA_CODES:
            return _K.QUOTA
    if status in (400, 403, 404) and codes & _MODEL_CODES:
        return _K.MODEL_NOT_FOUND
    return _KIND_OF_STATUS.get(status, _K.BROKEN)


def remedy(kind: FailureKind, model: str | None = None) -> str:
    """Returns one sentence that says what a person can do about a failure."""
    named = f"model {model!r}" if model else "the model"
    return {
        _K.BAD_KEY: "Set OPENAI_API_KEY to a valid key of this service, or OPENAI_BASE_URL to the key's service.",
        _K.FORBIDDEN: f"Give the key's project the right to use files, batches and {named}, or use another key.",
        _K.MODEL_NOT_FOUND: f"Set OPENAI_MODEL (or the company's model) to one the key may use in place of {named}.",
        _K.NOT_FOUND: "Check that OPENAI_API_KEY belongs to the project that made it; files and batches expire.",
        _K.NO_SUCH_ROUTE: "Check OPENAI_BASE_URL: the path usually ends in /v1.",
        _K.QUOTA: "Add credit or raise the limit in the service's account; work goes on by itself afterwards.",
        _K.BILLING: "Raise the budget in the service's account, then run `livedash submit --unhold`.",
        _K.RATE_LIMITED: "Nothing to do: it is tried again later.",
        _K.REFUSED: "Read the service's message; the request itself has to change.",
        _K.CONFLICT: "Nothing to do: the state is looked up again.",
        _K.TIMEOUT: "Nothing to do unless it lasts: it is looked up or tried again; then check the network.",
        _K.UNREACHABLE: "Check OPENAI_BASE_URL and the network; it is tried again by itself.",
        _K.BROKEN: "Nothing to do unless it lasts: then check the service's status page and OPENAI_BASE_URL.",
    }[kind]


_LINE_CODES = frozenset(
    {
        "invalid_json_line",
        "missing_required_parameter",
        "invalid_url",
        "streaming_unsupported",
        "invalid_request",
        "duplicate_custom_id",
        "mismatched_model",
        # Azure's names for two of the above.
        "url_mismatch",
        "model_mismatch",
    }
)
_VALIDATION_CLASS = {
    **dict.fromkeys(_LINE_CODES, ValidationClass.LINE_FAULT),
    # The account lacks the model or a right: a matter of configuration, not of a request.
    **dict.fromkeys(_MODEL_CODES | {"permission_denied", "input_no_permissions"}, ValidationClass.MODEL),
    "token_limit_exceeded": ValidationClass.TOKEN_LIMIT,
    **dict.fromkeys(BILLING_CODES | QUOTA_CODES, ValidationClass.BILLING),
}


def validation_class(code: str | None, param: str | None = None) -> ValidationClass:
    """Returns the class of an `errors.data` entry by its code; `invalid_request` about the file means that it is missing."""
    if code == "invalid_request" and param in ("file_id", "input_file_id"):
        return ValidationClass.INPUT_FILE_MISSING
    return _VALIDATION_CLASS.get(code or "", ValidationClass.UNKNOWN)


def classify_validation(error: RemoteError) -> ValidationClass:
    """Returns the `validation_class` of an entry, but UNKNOWN for a line fault that names no line.

    Without a line there is no request to reject, and releasing all requests uncounted would send the same file for ever.
    """
    found = validation_class(error.code, error.param)
    return ValidationClass.UNKNOWN if found is ValidationClass.LINE_FAULT and error.line is None else found
