"""Reads the lines that are as the Batch API documents them, which nearly all are, in a sixth of the time of the careful reading.

Nothing is added here: a habit of some service belongs to `ledger.rules.results.result_lines`, which reads every line that is left
to it. A test compares both readings of all shapes of lines.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from livedash_pipeline.base.rules.token_usage import NO_USAGE, TokenUsage, read_usage

# As `base.rules.json_lines` reads lines.
_DECODE = json.JSONDecoder(strict=False).decode


class UsualLine(NamedTuple):
    """A line with an answer: one request, status 200, one message that ended by itself, and usage that adds up."""

    custom_id: str
    content: str
    remote_request_id: str | None
    model: str | None
    service_tier: str | None
    system_fingerprint: str | None
    usage: TokenUsage


def read_usual_line(line: bytes) -> UsualLine | None:
    """Reads one line; None for any that `read_result_lines` must look at. Never raises."""
    try:
        return _read(_DECODE(line.decode()))
    # Bytes that are no UTF-8 or no JSON, keys that are missing, and values of other types than are asked for their parts.
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _read(document: dict[str, Any]) -> UsualLine | None:
    custom_id, response = document["custom_id"], document["response"]
    body = response["body"]
    choice = body["choices"][0]
    content = _content(choice["message"])
    if content is None or type(custom_id) is not str or type(body["choices"]) is not list:
        return None
    if choice["finish_reason"] != "stop" or type(response["status_code"]) is not int or response["status_code"] != 200:
        return None
    # An answer may stand in the output as well, and an error anywhere.
    if "output" in body or document.get("error") or response.get("error") or body.get("error"):
        return None
    usage = read_usage(body["usage"])
    if usage == NO_USAGE or usage.disagrees:
        return None
    return UsualLine(
        custom_id,
        content,
        _text(response.get("request_id")),
        _text(body.get("model")),
        _text(body.get("service_tier")),
        _text(body.get("system_fingerprint")),
        usage,
    )


def _content(message: dict[str, Any]) -> str | None:
    """The text of a message that does not refuse; None where there is none, or blank text."""
    content = message["content"]
    if type(content) is not str or message.get("refusal") or not content.strip():
        return None
    return content


def _text(value: object) -> str | None:
    return value if type(value) is str and value else None
