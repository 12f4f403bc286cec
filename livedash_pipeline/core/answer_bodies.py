"""What the body of an answered request holds: text, refusal, and why the model stopped, for both of the service's APIs.

Add a shape of body here. Statuses, errors and everything around the body stand in `core.result_lines`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livedash_pipeline.core.outcomes import Outcome

# Why a response of /v1/responses is incomplete, in the words of chat completions.
_STOP_WORDS = {"max_output_tokens": "length", "max_tokens": "length", "content_filter": "content_filter"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A body read.

    Attributes:
        outcome: `parsed` if there is text to judge, else why there is none that counts.
        content: The assistant's text, or its refusal where it refused.
        finish_reason: In the words of chat completions where they have one.
    """

    outcome: Outcome
    content: str | None = None
    finish_reason: str | None = None


def read_answer(body: Mapping[str, Any]) -> Answer:
    """The answer in the body of a chat completion or of a response; never raises.

    A body with neither is `invalid_output`: it was charged, and there is nothing in it.
    """
    if isinstance(body.get("output"), list):
        return _judge(*_read_response_object(body))
    return _judge(*_read_chat_completion(body))


def _judge(content: str, refusal: str, finish_reason: str | None) -> Answer:
    kept = content or refusal or None
    if refusal.strip():
        return Answer(Outcome.REFUSED, refusal, finish_reason)
    if finish_reason == "content_filter":
        return Answer(Outcome.REFUSED, kept, finish_reason)
    if finish_reason == "length":
        return Answer(Outcome.TRUNCATED, kept, finish_reason)
    return Answer(Outcome.PARSED if content.strip() else Outcome.INVALID_OUTPUT, kept, finish_reason)


def _read_chat_completion(body: Mapping[str, Any]) -> tuple[str, str, str | None]:
    choice = _first_object(body.get("choices"))
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    content, refusal = _texts(message.get("content"))
    spoken = message.get("refusal")
    return content, spoken if isinstance(spoken, str) and spoken else refusal, _word(choice.get("finish_reason"))


def _read_response_object(body: Mapping[str, Any]) -> tuple[str, str, str | None]:
    """Messages of the output list; reasoning and tool calls stand between them and are passed over."""
    contents: list[str] = []
    refusals: list[str] = []
    for item in body["output"]:
        if isinstance(item, dict) and item.get("type", "message") == "message":
            content, refusal = _texts(item.get("content"))
            contents.append(content)
            refusals.append(refusal)
    return "".join(contents), "".join(refusals), _stop_reason(body)


def _stop_reason(body: Mapping[str, Any]) -> str | None:
    status = _word(body.get("status"))
    if status != "incomplete":
        return "stop" if status == "completed" else status
    details = body.get("incomplete_details")
    reason = _word(details.get("reason")) if isinstance(details, dict) else None
    # Incomplete without a reason: cut off, as far as anybody can tell.
    return "length" if reason is None else _STOP_WORDS.get(reason, reason)


def _texts(content: object) -> tuple[str, str]:
    """Text and refusal of a message's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content, ""
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return _joined(parts, "text"), _joined(parts, "refusal")


def _joined(parts: list[dict[str, Any]], key: str) -> str:
    return "".join(text for part in parts if isinstance(text := part.get(key), str))


def _first_object(values: object) -> Mapping[str, Any]:
    if isinstance(values, list) and values and isinstance(values[0], dict):
        return values[0]
    return {}


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
