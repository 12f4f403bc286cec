"""Shapes in which services and models were seen to write what is asked of them: of result lines, of usage, and of answers.

Add a shape to a table and its name to the fault of that table in `fault_kinds.py`. When a shape is used is decided in
`line_faults.py`. Every shape but those in `UNREADABLE` holds the answer and the figures that
were there before, or what its name tells.
"""

import json
from collections.abc import Callable
from typing import Any

Object = dict[str, Any]


def _body(document: Object) -> Object:
    found: Object = document["response"]["body"]
    return found


def _message(document: Object) -> Object:
    found: Object = _body(document)["choices"][0]["message"]
    return found


def _with_body(document: Object, body: object) -> Object:
    return {**document, "response": {**document["response"], "body": body}}


def _with_message(document: Object, message: object) -> Object:
    body = _body(document)
    return _with_body(document, {**body, "choices": [{**body["choices"][0], "message": message}]})


def _called(document: Object) -> Object:
    return {"name": "session_analysis", "arguments": _message(document)["content"]}


LINE_SHAPES: dict[str, Callable[[Object], Object]] = {
    "in_response": lambda line: {**line, "response": _body(line)},
    "in_line": lambda line: {"custom_id": line["custom_id"], "error": None, **_body(line)},
    "in_result": lambda line: {"custom_id": line["custom_id"], "result": {"response": {"body": _body(line)}}},
    "response_as_text": lambda line: {**line, "response": json.dumps(_body(line))},
    "without_status": lambda line: {**line, "response": {"body": _body(line)}},
    "in_tool_call": lambda line: _with_message(
        line, {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": _called(line)}]}
    ),
    "in_function_call": lambda line: _with_message(line, {"content": None, "function_call": _called(line)}),
    "in_reasoning": lambda line: _with_message(line, {"content": None, "reasoning_content": _message(line)["content"]}),
    "content_as_object": lambda line: _with_message(line, {"content": json.loads(_message(line)["content"])}),
    "choices_as_object": lambda line: _with_body(line, {**_body(line), "choices": _body(line)["choices"][0]}),
    "plain_completion": lambda line: _with_body(
        line, {**_body(line), "choices": [{"text": _message(line)["content"], "finish_reason": "stop"}]}
    ),
    "answer_in_body": lambda line: _with_body(
        line, {"answer": json.loads(_message(line)["content"]), "usage": _body(line)["usage"]}
    ),
    # Nothing in these can be read, and they were paid for.
    "two_different_calls": lambda line: _with_message(
        line,
        {"tool_calls": [{"function": {"arguments": f'{{"answer": {number}}}'}} for number in (41, 42)]},
    ),
    "unknown_shape": lambda line: {
        "custom_id": line["custom_id"],
        "output_text_v2": "?",
        "usage": _body(line)["usage"],
    },
}


def _prompt_and_completion(usage: Object) -> tuple[int, int]:
    return usage["prompt_tokens"], usage["completion_tokens"]


USAGE_SHAPES: dict[str, Callable[[Object], Object]] = {
    "zero_beside": lambda usage: {
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "total_tokens": sum(_prompt_and_completion(usage)),
        "input_tokens": usage["prompt_tokens"],
        "output_tokens": usage["completion_tokens"],
    },
    "camel_case": lambda usage: {
        "promptTokens": usage["prompt_tokens"],
        "completionTokens": usage["completion_tokens"],
    },
    "digits_as_text": lambda usage: {
        name: str(usage[name]) for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    },
    "reasoning_outside": lambda usage: {
        "prompt_tokens": usage["prompt_tokens"],
        "completion_tokens": 1,
        "completion_tokens_details": {"reasoning_tokens": usage["completion_tokens"] - 1},
        "total_tokens": sum(_prompt_and_completion(usage)),
    },
    "cached_on_top": lambda usage: {
        "prompt_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": usage["prompt_tokens"] - 1},
        "completion_tokens": usage["completion_tokens"],
        "total_tokens": sum(_prompt_and_completion(usage)),
    },
    "prompt_and_total": lambda usage: {name: usage[name] for name in ("prompt_tokens", "total_tokens")},
}


def _edited(text: str, **changes: Any) -> str:
    return json.dumps({**json.loads(text), **changes}, ensure_ascii=False)


def _field(text: str, key: str) -> Any:
    return json.loads(text)[key]


ANSWER_SHAPES: dict[str, Callable[[str], str]] = {
    "fence": lambda text: f"```json\n{text}\n```",
    "plain_fence": lambda text: f"```\n{text}\n```",
    "thoughts": lambda text: f"<think>\nThe user {{asks}} something.\n</think>\n\n{text}",
    "orphan_thoughts": lambda text: f"The user asks something.\n</think>\n{text}",
    "text_before": lambda text: f"Sure, here is the analysis:\n{text}",
    "text_behind": lambda text: f"{text}\n\nLet me know if anything is unclear.",
    "byte_order_mark": lambda text: f"\ufeff{text}",
    "list": lambda text: f"[{text}]",
    "wrapper": lambda text: f'{{"session_analysis": {text}}}',
    "string": json.dumps,
    "raw_line_end": lambda text: text.replace('"summary": "', '"summary": "\n'),
    "trailing_comma": lambda text: f"{text.rstrip()[:-1]},}}",
    "twice": lambda text: f"{text}\n{text}",
    "repeated_key": lambda text: f'{text.rstrip()[:-1]}, "escalated": {json.dumps(_field(text, "escalated"))}}}',
    "boolean_text": lambda text: _edited(text, escalated=str(_field(text, "escalated")).lower()),
    "category_words": lambda text: _edited(text, category=_field(text, "category").replace("_", " ").title()),
    "locale": lambda text: _edited(text, language=f"{_field(text, 'language')}-XX"),
    "one_question": lambda text: _edited(text, questions="Where is it?"),
    "null_questions": lambda text: _edited(text, questions=None),
    "short_summary": lambda text: _edited(text, summary="Leave."),
    "three_letters": lambda text: _edited(text, language="pap"),
    "truncated": lambda text: text[: len(text) // 2],
    "single_quotes": lambda text: str(json.loads(text)),
    "two_objects": lambda text: f"{text}\n{_edited(text, summary='Something else was said.')}",
    "two_session_ids": lambda text: f'{{"session_id": "00000000-0000-4000-8000-000000000000", {text.lstrip()[1:]}',
    "empty_summary": lambda text: _edited(text, summary=" "),
    "unknown_category": lambda text: _edited(text, category="HOLIDAYS"),
}

UNREADABLE = frozenset(
    {
        "two_different_calls",
        "unknown_shape",
        "truncated",
        "single_quotes",
        "two_objects",
        "two_session_ids",
        "empty_summary",
        "unknown_category",
    }
)
"""Shapes that nobody can read without choosing."""
