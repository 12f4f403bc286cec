"""Failures as problem details (RFC 9457): what went wrong, with the offending value, and what to do about it.

This module makes every error that leaves the server, whichever layer raised it. Add a function where a new kind of failure needs
words of its own. It never passes on the message of a library, which may quote a password or a transcript.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from livedash_pipeline.base.rules.causes import causes_of
from livedash_pipeline.base.rules.database_faults import DATABASE
from livedash_pipeline.base.store.faults import database_fault_of
from livedash_pipeline.errors import DatabaseNotReadyError, LivedashError, SettingsError, StorageError, UsageError
from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.services.errors import ServiceError
from livedash_pipeline.storage import failed_write

MEDIA_TYPE = "application/problem+json"
# Relative, and resolvable: docs/http-api.md has a heading for each.
_TYPE = "/docs#problem-{code}"
_UNAVAILABLE_SECONDS = 5
# It takes longer to repair a full disk than to free a busy database.
_STORAGE_SECONDS = 30
_DATABASE = "The database"

TITLES = {
    "bad_request": (400, "The request cannot be understood"),
    "bad_argument": (400, "An argument is not valid"),
    "unauthorized": (401, "A valid token is needed"),
    "forbidden": (403, "This is not allowed"),
    "not_found": (404, "There is no such thing"),
    "method_not_allowed": (405, "The method is not supported here"),
    "too_slow": (408, "The request took too long to arrive"),
    "conflict": (409, "Something else stands in the way"),
    "gone": (410, "It was deleted, and stays so"),
    "too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "The body is of the wrong type"),
    "invalid_body": (422, "The body is not valid"),
    "idempotency_key_reused": (422, "The Idempotency-Key belongs to another request"),
    "too_many_requests": (429, "Too many requests"),
    "header_too_large": (431, "The header is too large"),
    "internal": (500, "Something went wrong that nobody foresaw"),
    "upstream_refused": (502, "The Batch API refused"),
    "not_configured": (503, "The server is not set up for this"),
    "unavailable": (503, "The server cannot answer now"),
    "upstream_unavailable": (503, "The Batch API cannot be reached"),
}
"""Status and title of every kind of problem."""


class Problem(HTTPException):
    """A failure that only HTTP knows.

    Args:
        code: One of `TITLES`.
        detail: One sentence, with the offending value.
        remedy: What to do.
        errors: Faults of single fields: a JSON pointer or the name of a parameter, and what is wrong.
        headers: Headers of the answer, such as `Retry-After`.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        remedy: str = "",
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        status, self.title = TITLES[code]
        super().__init__(status, detail, dict(headers or {}))
        self.code = code
        self.remedy = remedy
        self.errors = [dict(error) for error in errors]

    def response(self, instance: str) -> Response:
        """The answer to a request for `instance`, a path."""
        document = {
            "type": _TYPE.format(code=self.code.replace("_", "-")),
            "title": self.title,
            "status": self.status_code,
            "detail": self.detail,
            "instance": instance,
            "code": self.code,
            "remedy": self.remedy,
            "errors": self.errors,
        }
        body = json.dumps(document).encode()
        return Response(body, self.status_code, headers=self.headers, media_type=MEDIA_TYPE)


def unauthorized(detail: str, *, known: bool) -> Problem:
    """The problem of a call without a valid token; `known` where it carried one."""
    challenge = 'Bearer realm="livedash"' + (', error="invalid_token"' if known else "")
    return Problem(
        "unauthorized",
        detail,
        remedy="Send `Authorization: Bearer TOKEN`; `livedash token create` makes tokens.",
        headers={"WWW-Authenticate": challenge},
    )


def not_found(what: str) -> Problem:
    """The problem for things that do not exist and, in the same words, for things of others."""
    return Problem("not_found", f"There is no {what}.", remedy="Check the id; lists name those that there are.")


def too_many(seconds: float, *, whose: str) -> Problem:
    """A rate limit, with the seconds after which another request is welcome."""
    wait = max(1, -int(-seconds // 1))
    return Problem(
        "too_many_requests",
        f"There were too many requests from {whose}.",
        remedy=f"Wait {wait} s, and send fewer at a time.",
        headers={"Retry-After": str(wait)},
    )


def unavailable(detail: str, *, seconds: int = _UNAVAILABLE_SECONDS) -> Problem:
    """The problem of a server that cannot answer now but will be able to later."""
    return Problem("unavailable", detail, remedy="Try again a little later.", headers={"Retry-After": str(seconds)})


def internal() -> Problem:
    """The problem of an unforeseen failure; the log has the details, under the request's id."""
    return Problem(
        "internal",
        "Something went wrong that nobody foresaw.",
        remedy="Report it with the X-Request-Id of this answer.",
    )


def problem_of(error: Exception) -> Problem | None:
    """Returns the problem of an exception; None for an unforeseen one."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ClientDisconnect):
        # No client reads this; it only becomes a line of the access log.
        return Problem("bad_request", "The client went away before the body had come whole.")
    if isinstance(error, ServiceError):
        return _of_service(error)
    if isinstance(error, LivedashError):
        return _of_ours(error)
    if isinstance(error, PoolTimeoutError):
        return unavailable("All connections to the database are in use.")
    if isinstance(error, HTTPException):
        return _of_framework(error)
    if isinstance(error, DBAPIError | OSError):
        return _of_machine(error)
    return None


def _of_ours(error: LivedashError) -> Problem:
    if isinstance(error, StorageError):
        return _of_storage()
    if isinstance(error, DatabaseNotReadyError):
        # Its own sentence names the database's address.
        return unavailable("The database cannot be used now.")
    if isinstance(error, SettingsError):
        return Problem("not_configured", error.message, remedy=error.remedy, headers={"Retry-After": "60"})
    if isinstance(error, UsageError):
        return Problem("bad_argument", error.message, remedy=error.remedy)
    return Problem("conflict", error.message, remedy=error.remedy)


def _of_service(error: ServiceError) -> Problem:
    passing = {FailureKind.TIMEOUT, FailureKind.UNREACHABLE, FailureKind.RATE_LIMITED, FailureKind.CONFLICT}
    if error.failure.kind not in passing:
        return Problem("upstream_refused", error.message, remedy=error.remedy)
    wait = max(1, round(error.failure.retry_after or _UNAVAILABLE_SECONDS))
    return Problem("upstream_unavailable", error.message, remedy=error.remedy, headers={"Retry-After": str(wait)})


def _of_machine(error: Exception) -> Problem | None:
    """A refusal of the database, or of the disk; None for a fault of a statement."""
    fault = next(filter(None, map(database_fault_of, causes_of(error))), None)
    if fault is not None:
        return unavailable(fault.message.replace(DATABASE, _DATABASE))
    if isinstance(error, DBAPIError):
        return unavailable("The database cannot be reached.") if error.connection_invalidated else None
    return None if failed_write(error) is None else _of_storage()


def _of_storage() -> Problem:
    # Only the operator may know the path; the log has the errno.
    return unavailable(
        "The server cannot read or write a file of its own now; nothing was stored.", seconds=_STORAGE_SECONDS
    )


def _of_framework(error: HTTPException) -> Problem:
    code = next((code for code, (status, _) in TITLES.items() if status == error.status_code), "bad_request")
    return Problem(code, str(error.detail), headers=error.headers)


def invalid(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """What pydantic says about a body (422, with JSON pointers) or about parameters (400, with their names)."""
    in_body = any(error["loc"][:1] == ("body",) for error in errors)
    faults = [_fault(error) for error in errors]
    first = faults[0]
    where = first.get("pointer", first.get("parameter", ""))
    return Problem(
        "invalid_body" if in_body else "bad_argument",
        f"{where or 'The body'}: {first['detail']}.",
        remedy="Compare it with the description of this operation at /docs.",
        errors=faults,
    )


def _fault(error: Mapping[str, Any]) -> dict[str, str]:
    location = [str(part) for part in error["loc"]]
    detail = re.sub(r"^(Value|Assertion) error, ", "", str(error["msg"])).rstrip(".")
    if location[:1] == ["body"]:
        escaped = (part.replace("~", "~0").replace("/", "~1") for part in location[1:])
        return {"pointer": "".join(f"/{part}" for part in escaped), "detail": detail}
    return {"parameter": ".".join(location[1:]), "detail": detail}
