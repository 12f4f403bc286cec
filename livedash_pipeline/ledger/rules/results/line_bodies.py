"""Finds the body of the answer in a line of a result file, and whether the line shows that a model has run.

Add a place where a service puts the body. `ledger.rules.results.answer_bodies` reads the body.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from livedash_pipeline.base.rules.token_usage import NO_USAGE, TokenUsage, read_usage
from livedash_pipeline.ledger.rules.results.answer_bodies import as_json, is_completion, is_message

UNUSUAL_LINE = "unusual_line"

_NOTHING: Mapping[str, Any] = {}
# Keys under which services and gateways nest the answer once more.
_NESTED = ("body", "response", "result", "data", "message")
_DEPTH = 3
_USAGE = ("usage", "usageMetadata")


@dataclass(frozen=True, slots=True)
class LineBody:
    """The parts of one line.

    Attributes:
        response: The line's `response`; empty where it has none.
        body: The answer's object, wherever it stands; the contract's `response.body` where there is no answer.
        text: The body where it is text instead of an object.
        usage: The usage, wherever the line states it.
        unusual: The answer stands elsewhere than the contract says.
        ambiguous: Several answers stand in different places; none of them is taken.
    """

    response: Mapping[str, Any]
    body: Mapping[str, Any]
    text: str | None
    usage: TokenUsage
    unusual: bool = False
    ambiguous: bool = False

    @property
    def ran(self) -> bool:
        """Whether a model has run, by what it used or by an answer's parts, even if nothing in them can be read."""
        return self.usage.shows_work or self.ambiguous or bool(self.body.get("choices") or self.body.get("output"))

    def as_text(self, document: Mapping[str, Any]) -> str | None:
        """Returns what is kept of a paid line whose answer has no text: its body, else its response, else the whole line."""
        if self.text is not None:
            return self.text
        parts = () if self.ambiguous else (self.body, self.response)
        return as_json(next((part for part in parts if part), document))


def find_body(document: Mapping[str, Any]) -> LineBody:
    """Finds the parts of a line, whatever its shape; never raises."""
    response, said = _read_object(document.get("response"))
    body, text = _read_object(response.get("body"))
    text = text or said
    if not is_completion(body):
        elsewhere = _answers_in(document)
        if len(elsewhere) > 1:
            return LineBody(response, _NOTHING, None, _usage(document, body), ambiguous=True)
        if elsewhere:
            # A status or an error that stands in the body's place is still read from the response.
            return LineBody(response, elsewhere[0], None, _usage(document, elsewhere[0]), unusual=True)
    return LineBody(response, body, text, _usage(document, body))


def _answers_in(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The different answers anywhere in a line; a bare message counts only without an error beside it."""
    completions = _distinct(found for found in _nested(document) if is_completion(found))
    if completions or any(place.get("error") for place in _nested(document)):
        return completions
    return _distinct(found for found in _nested(document) if is_message(found))


def _usage(document: Mapping[str, Any], body: Mapping[str, Any]) -> TokenUsage:
    """The body's own usage, else the first one that stands anywhere else in the line."""
    for place in chain((body,), _nested(document)):
        for name in _USAGE:
            usage = read_usage(place.get(name))
            if usage != NO_USAGE:
                return usage
    return NO_USAGE


def _nested(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The line and the objects that are nested in it as services nest bodies, the outer ones first."""
    level: list[Mapping[str, Any]] = [document]
    for _ in range(_DEPTH + 1):
        yield from level
        inner = (value for outer in level for name in _NESTED if (value := _read_object(outer.get(name))[0]))
        level = list(inner)


def _distinct(found: Iterator[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    distinct: list[Mapping[str, Any]] = []
    for each in found:
        if each not in distinct:
            distinct.append(each)
    return distinct


def _read_object(value: object) -> tuple[Mapping[str, Any], str | None]:
    """The value as an object, or else as text; some services send the object as JSON text."""
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            return _NOTHING, value or None
        return (parsed, None) if isinstance(parsed, dict) else (_NOTHING, value)
    return (value if isinstance(value, dict) else _NOTHING), None
