"""Reads the body of an answer: text, refusal, and why the model stopped, for both of the service's APIs.

Add a shape of body here. `ledger.rules.results.line_bodies` finds the body in a line; `ledger.rules.results.result_lines` reads
statuses, errors and everything else around it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from livedash_pipeline.base.rules.outcomes import Outcome

IN_CALL = "answer_in_call"
IN_REASONING = "answer_in_reasoning"
UNUSUAL_BODY = "unusual_body"

# Maps the words of /v1/responses and of models behind gateways for the end of an answer to those of chat completions.
_STOP_WORDS = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "model_length": "length",
    "safety": "content_filter",
    "refusal": "content_filter",
    "end_turn": "stop",
}
_THOUGHTS = frozenset({"reasoning", "thinking", "reasoning_text", "summary_text"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a body holds.

    Attributes:
        outcome: `parsed` if there is text to judge, else why there is none that counts.
        content: The assistant's text, or its refusal where it refused.
        finish_reason: In the words of chat completions, or as sent where these have none.
        flags: Where the text was found, if not in the message's content: `answer_in_call`, `answer_in_reasoning`,
            `unusual_body`.
    """

    outcome: Outcome
    content: str | None = None
    finish_reason: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    content: str = ""
    refusal: str = ""
    flag: str | None = None


def is_completion(body: Mapping[str, Any]) -> bool:
    """Whether an object has the parts in which both APIs put their answers."""
    return isinstance(body.get("choices"), list | dict) or isinstance(body.get("output"), list | dict)


def is_message(body: Mapping[str, Any]) -> bool:
    """Whether an object is a message by itself, as some services answer: it has text, and no choices around it."""
    return any(text.strip() for text in (*_texts(body.get("content")), _json_text(body.get("output_text"))))


def read_answer(body: Mapping[str, Any]) -> Answer:
    """Reads the answer in the body of a chat completion or of a response, or in a bare message; never raises.

    A body with none of these is `invalid_output`: it was charged, and there is nothing in it.
    """
    if isinstance(body.get("output"), list | dict):
        return _judge(_read_response_object(body), _stop_reason(body))
    if not is_completion(body) and is_message(body):
        return _judge(_read_message(body), _stop_word(body.get("stop_reason", body.get("finish_reason"))))
    choice, unusual = _choice(body.get("choices"))
    found = _read_choice(choice)
    if unusual and found.content and found.flag is None:
        found = _Found(found.content, found.refusal, UNUSUAL_BODY)
    return _judge(found, _stop_word(choice.get("finish_reason")))


def _judge(found: _Found, finish_reason: str | None) -> Answer:
    kept = found.content or found.refusal or None
    flags = () if found.flag is None else (found.flag,)
    if found.refusal.strip():
        return Answer(Outcome.REFUSED, found.refusal, finish_reason)
    if finish_reason == "content_filter":
        return Answer(Outcome.REFUSED, kept, finish_reason)
    if finish_reason == "length":
        return Answer(Outcome.TRUNCATED, kept, finish_reason)
    if not found.content.strip():
        return Answer(Outcome.INVALID_OUTPUT, kept, finish_reason)
    return Answer(Outcome.PARSED, kept, finish_reason, flags)


def _choice(choices: object) -> tuple[Mapping[str, Any], bool]:
    """The first choice, and whether it stands outside a list: some servers write one object, by itself or under a number."""
    if isinstance(choices, list):
        return (choices[0] if choices and isinstance(choices[0], dict) else {}), False
    if not isinstance(choices, dict):
        return {}, False
    numbered = [choice for number, choice in choices.items() if number.isdigit()]
    return (numbered[0] if len(numbered) == 1 and isinstance(numbered[0], dict) else choices), True


def _read_choice(choice: Mapping[str, Any]) -> _Found:
    message = choice.get("message", choice.get("delta"))
    if isinstance(message, dict):
        content, refusal = _texts(message.get("content"))
        spoken = message.get("refusal")
        refusal = spoken if isinstance(spoken, str) and spoken else refusal
        if content.strip() or refusal.strip():
            return _Found(content, refusal, None if "message" in choice else UNUSUAL_BODY)
        return _aside(message, content)
    # Plain completions have `text`.
    text = next((word for word in (message, choice.get("text")) if isinstance(word, str)), "")
    return _Found(text, flag=UNUSUAL_BODY)


def _read_message(message: Mapping[str, Any]) -> _Found:
    content, refusal = _texts(message.get("content"))
    if not (content.strip() or refusal.strip()):
        content = _json_text(message.get("output_text"))
    return _Found(content, refusal, UNUSUAL_BODY)


def _aside(message: Mapping[str, Any], content: str) -> _Found:
    """The answer of a message without content: the arguments of its one call, else its reasoning."""
    calls = message.get("tool_calls")
    called = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    called.append(message.get("function_call"))
    arguments = _one_text(call.get("arguments") for call in called if isinstance(call, dict))
    if arguments:
        return _Found(arguments, flag=IN_CALL)
    thought = _one_text(message.get(name) for name in ("reasoning_content", "reasoning"))
    return _Found(thought, flag=IN_REASONING) if thought else _Found(content)


def _one_text(values: Iterable[object]) -> str:
    """The one text that all values give; "" where they give none, or different ones."""
    texts = {text for value in values if (text := _json_text(value)).strip()}
    return texts.pop() if len(texts) == 1 else ""


def _json_text(value: object) -> str:
    if isinstance(value, dict) and value:
        return as_json(value) or ""
    return value if isinstance(value, str) else ""


def filled_text(value: object) -> str | None:
    """A value of parsed JSON if it is a string that is not empty."""
    return value if isinstance(value, str) and value else None


def as_json(value: object) -> str | None:
    """A value of parsed JSON as text; None for one that is nested too deep to be written."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


def _read_response_object(body: Mapping[str, Any]) -> _Found:
    """Reads the messages of the output list; reasoning and tool calls count only where there is no message."""
    output = body["output"]
    unusual = isinstance(output, dict)
    items = [item for item in ([output] if unusual else output) if isinstance(item, dict)]
    texts = [_texts(item.get("content")) for item in items if item.get("type", "message") == "message"]
    content = "".join(content for content, _ in texts)
    refusal = "".join(refusal for _, refusal in texts)
    if content.strip() or refusal.strip():
        return _Found(content, refusal, UNUSUAL_BODY if unusual else None)
    return _first_found(
        (lambda: _one_text([body.get("output_text")]), UNUSUAL_BODY),
        (lambda: _one_text(item.get("arguments") for item in items if item.get("type") == "function_call"), IN_CALL),
    ) or _Found(content)


def _first_found(*places: tuple[Callable[[], str], str]) -> _Found | None:
    return next((_Found(text, flag=flag) for read, flag in places if (text := read())), None)


def _stop_reason(body: Mapping[str, Any]) -> str | None:
    status = filled_text(body.get("status"))
    if status != "incomplete":
        return "stop" if status == "completed" else status
    details = body.get("incomplete_details")
    # Incomplete without a reason: most likely cut off.
    return (_stop_word(details.get("reason")) if isinstance(details, dict) else None) or "length"


def _stop_word(value: object) -> str | None:
    """The service's word; some write it in upper case."""
    word = filled_text(value)
    if word is None:
        return None
    lower = word.lower()
    return _STOP_WORDS.get(lower, lower if lower in ("length", "content_filter") else word)


def _texts(content: object) -> tuple[str, str]:
    """Text and refusal of a message's content, which is a string, a list of parts, or the answer's object itself."""
    if isinstance(content, str):
        return content, ""
    if isinstance(content, dict):
        content = [content] if {"text", "refusal"} & content.keys() else [{"text": as_json(content)}]
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    said = [part for part in parts if part.get("type") not in _THOUGHTS]
    return _joined(said, "text"), _joined(said, "refusal")


def _joined(parts: list[dict[str, Any]], key: str) -> str:
    return "".join(text for part in parts if isinstance(text := part.get(key), str))
