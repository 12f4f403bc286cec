"""Cuts the service's output and error files at `\\n` bytes, reads their lines into values, and gives each an outcome.

Add what a line says around its body. `ledger.rules.results.line_bodies` finds the body, `ledger.rules.results.answer_bodies`
reads it, `analysis.rules.answer_reading` judges whether an answer fits the schema, and `base.rules.outcomes` says what follows
from an outcome. Text stays as it came, lone surrogates and NUL included.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from livedash_pipeline.base.rules.json_lines import find_ids, objects_on, read_objects
from livedash_pipeline.base.rules.outcomes import PAID_OUTCOMES, Outcome
from livedash_pipeline.base.rules.token_usage import NO_USAGE, TokenUsage
from livedash_pipeline.ledger.rules.results.answer_bodies import Answer, as_json, filled_text, read_answer
from livedash_pipeline.ledger.rules.results.line_bodies import UNUSUAL_LINE, LineBody, find_body
from livedash_pipeline.ledger.rules.service.failures import BILLING_CODES, QUOTA_CODES, FailureKind
from livedash_pipeline.ledger.rules.service.remote_values import MESSAGE_LENGTH

UNREADABLE_LINE = "unreadable_line"
"""The error code of a request whose line in the output file is not JSON."""

_LONGEST_EMPTY = 20
_NOT_RUN_CODES = frozenset({"batch_expired", "batch_cancelled"})
_PAYMENT_REQUIRED = 402
_RETRIED_STATUSES = frozenset({0, 408, 409, 429})
# Codes that blame the request itself, for lines that carry a code and no HTTP status (openai-batch-api.md A4).
_REJECTING_CODES = frozenset(
    {
        "invalid_request",
        "invalid_request_error",
        "invalid_json_line",
        "invalid_prompt",
        "invalid_type",
        "invalid_url",
        "invalid_value",
        "missing_required_parameter",
        "unsupported_parameter",
        "unsupported_value",
        "unknown_parameter",
        "streaming_unsupported",
        "string_above_max_length",
        "context_length_exceeded",
        "model_not_found",
        "mismatched_model",
        "duplicate_custom_id",
        "content_policy_violation",
    }
)


@dataclass(frozen=True, slots=True)
class ResultLine:
    """The result of one request, as one line states it.

    Attributes:
        custom_id: The id we submitted; None where the line has none, so that it belongs to no request.
        outcome: `parsed` is provisional: there is an answer, and its content is judged elsewhere. None only for
            an unreadable line.
        content: The assistant's text, or its refusal where it refused.
        raw: The body as JSON where a model ran but gave no such text. The whole line where it does not say how its request
            ended, since an answer may stand anywhere in it.
        flags: Names the unusual place where the answer stands, and `usage_disagrees`.
        error_code: The service's code, or its type where it gave no code.
        error_message: The service's message, cut to 500 characters.
        hold_code: QUOTA or BILLING when the account and not the request was at fault.
        unreadable: The line is not a JSON object; it may be a paid answer.
    """

    custom_id: str | None = None
    outcome: Outcome | None = None
    content: str | None = None
    raw: str | None = None
    flags: tuple[str, ...] = ()
    error_code: str | None = None
    error_message: str | None = None
    http_status: int | None = None
    finish_reason: str | None = None
    remote_request_id: str | None = None
    model: str | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    usage: TokenUsage = NO_USAGE
    hold_code: FailureKind | None = None
    unreadable: bool = False

    @property
    def counted_release(self) -> bool:
        """Whether `not_run` uses up the allowance of releases: not when the account was at fault."""
        return self.outcome is Outcome.NOT_RUN and self.hold_code is None


_UNREADABLE = ResultLine(unreadable=True)


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Yields the lines of a byte stream without their line ends and without blank ones; holds one line at a time.

    Cuts at the byte `\n` only: `splitlines` also cuts at U+2028, U+2029 and U+0085, which may stand unescaped inside
    JSON strings.
    """
    pieces: list[bytes] = []
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        pieces.append(first)
        for piece in others:
            yield from _line_of(pieces)
            pieces = [piece]
    yield from _line_of(pieces)


def last_line_parses(tail: bytes) -> bool:
    r"""Whether the last line of a file is a JSON object; a file without lines is whole as well.

    Args:
        tail: The end of the file, from the last line's start or earlier.
    """
    last = tail.rstrip().rpartition(b"\n")[2]
    return not last or _is_empty(last) or bool(objects_on(last))


def read_result_lines(line: bytes, known: Container[UUID] = ()) -> list[ResultLine]:
    """Reads the results on one line, as a rule one; never raises.

    Args:
        line: One line, whatever it holds. Some writers lose line ends, so that several objects follow each other, or write
            them as one list.
        known: Ids of requests; an unreadable line is about those that stand in it.
    """
    found, rest = read_objects(line)
    read = [_read_document(document) for document in found]
    if read and not rest:
        return read
    return read + ([cut_line(str(each), part) for each, part in find_ids(rest, known).items()] or [_UNREADABLE])


def cut_line(custom_id: str, part: bytes) -> ResultLine:
    """Returns the result of a request with an unreadable line: it may have been paid for, so it is not bought again by itself."""
    return ResultLine(
        custom_id=custom_id,
        outcome=Outcome.INVALID_OUTPUT,
        raw=part.decode("utf-8", errors="surrogateescape"),
        error_code=UNREADABLE_LINE,
        error_message="The request's line in the output file is not JSON.",
        unreadable=True,
    )


def _read_document(document: Mapping[str, Any]) -> ResultLine:
    custom_id = document.get("custom_id")
    if type(custom_id) is int:
        custom_id = str(custom_id)
    return _read_body(custom_id if isinstance(custom_id, str) else None, document, find_body(document))


@dataclass(frozen=True, slots=True)
class _Error:
    code: str | None
    kind: str | None
    message: str | None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name in (self.code, self.kind) if name)


_NO_ERROR = _Error(None, None, None)


def _read_body(custom_id: str | None, document: Mapping[str, Any], found: LineBody) -> ResultLine:
    status = _line_status(found.response, document)
    body, answer, error = found.body, read_answer(found.body), _error_of(document, found)
    succeeded = _succeeded(status, answer, error, found)
    outcome, hold = _judge(status, answer if succeeded else None, error)
    message = found.text if error == _NO_ERROR and not succeeded else error.message
    return ResultLine(
        custom_id=custom_id,
        outcome=outcome,
        content=answer.content,
        raw=_kept(document, found, answer, outcome, says_nothing=status is None and error == _NO_ERROR),
        flags=_flags(answer, found),
        error_code=error.code or error.kind,
        error_message=None if message is None else message[:MESSAGE_LENGTH],
        http_status=status,
        finish_reason=answer.finish_reason,
        remote_request_id=filled_text(found.response.get("request_id")),
        model=filled_text(body.get("model")),
        service_tier=filled_text(body.get("service_tier")),
        system_fingerprint=filled_text(body.get("system_fingerprint")),
        usage=found.usage,
        hold_code=hold,
    )


def _kept(
    document: Mapping[str, Any], found: LineBody, answer: Answer, outcome: Outcome, *, says_nothing: bool
) -> str | None:
    if outcome is Outcome.TRANSIENT and says_nothing:
        return as_json(document)
    return found.as_text(document) if outcome in PAID_OUTCOMES and answer.content is None else None


def _error_of(document: Mapping[str, Any], found: LineBody) -> _Error:
    """The error in the body, or in the response in the place of a body, else the line's own."""
    inner = _read_error(found.body.get("error") or found.response.get("error"))
    top = _read_error(document.get("error"))
    return inner if inner.names or top == _NO_ERROR else top


def _flags(answer: Answer, found: LineBody) -> tuple[str, ...]:
    unusual = (UNUSUAL_LINE,) if found.unusual else ()
    return answer.flags + unusual + (("usage_disagrees",) if found.usage.disagrees else ())


def _succeeded(status: int | None, answer: Answer, error: _Error, found: LineBody) -> bool:
    """Whether the line shows that a model has run: it was paid then, and is not bought again even if it cannot be read.

    An answer counts without a status, and beside a stray error; a 200 with nothing but an error does not.
    """
    fine = status is not None and 200 <= status < 300
    if found.usage.shows_work or (answer.content is not None and (fine or status is None)):
        return True
    return not error.names and (fine or found.ran)


def _judge(status: int | None, answer: Answer | None, error: _Error) -> tuple[Outcome, FailureKind | None]:
    if answer is not None:
        return answer.outcome, None
    hold = next((found for name in error.names if (found := hold_code(name)) is not None), None)
    if hold is None and status == _PAYMENT_REQUIRED:
        hold = FailureKind.BILLING
    if hold is not None or not _NOT_RUN_CODES.isdisjoint(error.names):
        return Outcome.NOT_RUN, hold
    if status is not None and 400 <= status < 500:
        return (Outcome.TRANSIENT if status in _RETRIED_STATUSES else Outcome.REJECTED), None
    # 5xx, 0 (lost inside the service) and statuses without a meaning here: trouble of the service, whatever the code.
    if status is not None and not 200 <= status < 300:
        return Outcome.TRANSIENT, None
    blamed = not _REJECTING_CODES.isdisjoint(error.names)
    return (Outcome.REJECTED if blamed else Outcome.TRANSIENT), None


def hold_code(code: str) -> FailureKind | None:
    """Returns the hold that an error code asks for: the account's quota or its billing; None for any other fault."""
    if code in QUOTA_CODES:
        return FailureKind.QUOTA
    # Any other code about billing blames the account, not the request.
    return FailureKind.BILLING if code in BILLING_CODES or code.startswith("billing") else None


def _line_of(pieces: list[bytes]) -> Iterator[bytes]:
    line = b"".join(pieces)
    if line and not line.isspace() and not _is_empty(line):
        yield line


def _is_empty(line: bytes) -> bool:
    """Whether a line is an empty JSON value, as some services write into a file without results."""
    return len(line) <= _LONGEST_EMPTY and b"".join(line.split()) in (b"[]", b"{}", b"null")


def _line_status(response: Mapping[str, Any], document: Mapping[str, Any]) -> int | None:
    places = (response, document)
    statuses = (_status(place.get(name)) for place in places for name in ("status_code", "statusCode", "status"))
    return next((status for status in statuses if status is not None), None)


def _status(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 3:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= 999 else None


def _read_error(error: object) -> _Error:
    if isinstance(error, str) and error:
        # A bare word is a code in some services; a sentence is a message.
        return _Error(None if " " in error else error, None, error)
    if not isinstance(error, dict):
        return _NO_ERROR
    code = error.get("code")
    return _Error(
        str(code) if type(code) is int else filled_text(code),
        filled_text(error.get("type")),
        filled_text(error.get("message")),
    )
