"""Reads bodies and headers of answers: the JSON document of a good answer, the failure of a bad one.

Add a shape of error document here when a server is seen to send it. `ledger.rules.service.failures` classifies failures; nothing
here knows the client library.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from livedash_pipeline.ledger.rules.service.failures import ApiFailure, classify_api_error
from livedash_pipeline.ledger.rules.service.remote_values import read_mapping, read_text

_SNIPPET = 200
_LOOKED_AT = 4000


def read_document(content: bytes) -> Mapping[str, Any]:
    """The JSON object of an answer.

    Raises:
        ValueError: The answer is not a JSON object; the message is the reason.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError(f"the answer is no JSON but {_describe(content)}") from None
    if not isinstance(document, dict):
        raise ValueError(f"the answer is no JSON object but a {type(document).__name__}")
    return document


def read_failure(
    status: int,
    headers: Mapping[str, str],
    content: bytes,
    *,
    secret: str | None = None,
    route_known: bool = True,
) -> ApiFailure:
    """Classifies an answer with an error status.

    Args:
        status: HTTP status.
        headers: Headers, looked up without regard to case.
        content: The body, decoded from any content encoding.
        secret: The API key, to be masked in messages.
        route_known: False for calls whose route a server may lack; then a 404 or 405 without the API's own error document
            says that it does.
    """
    error = _error_document(content)
    return classify_api_error(
        status,
        read_text(error.get("code")) if error else None,
        read_text(error.get("type")) if error else None,
        (read_text(error.get("message")) if error else None) or f"HTTP {status} with {_describe(content)}",
        retry_after(headers),
        read_text(headers.get("x-request-id")),
        route_known=route_known or error is not None,
        secret=secret,
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Returns the seconds to wait by `retry-after-ms` or `Retry-After`; a date counts from the answer's own `Date`."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    try:
        until, now = (parsedate_to_datetime(headers.get(name, "")) for name in ("retry-after", "date"))
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _error_document(content: bytes) -> Mapping[str, Any] | None:
    """The API's own error: the `error` object, its text, or a document with `message` and `code`; else None.

    `{"detail": "Not Found"}` is none: that is what a web framework says about a route that it does not have.
    """
    try:
        document = read_document(content)
    except ValueError:
        return None
    error = document.get("error")
    if isinstance(error, str):
        return {**document, "message": read_text(document.get("message")) or error}
    if isinstance(error, Mapping):
        return error
    return document if read_text(document.get("message")) and "code" in document else None


def _describe(content: bytes) -> str:
    text = content[:_LOOKED_AT].decode("utf-8", errors="replace").strip()
    if not text:
        return "an empty body"
    if text.startswith("<"):
        title = re.search(r"(?is)<title>\s*(.*?)\s*</title>", text)
        return f"an HTML page titled {title[1][:_SNIPPET]!r}" if title else "an HTML page"
    try:
        detail = read_text(read_mapping(json.loads(text)).get("detail"))
    except (ValueError, RecursionError):
        detail = None
    return repr((detail or text)[:_SNIPPET])
