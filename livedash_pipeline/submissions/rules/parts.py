"""Cuts a submitted item down to the parts that decide about it: all of a good item, and little of one that is only large.

Otherwise half a million unknown names would each become a fault that nobody is told. `submissions.rules.fields` has the fields;
add here only what can be left out without changing the answer.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from livedash_pipeline.submissions.rules.fields import MAX_MESSAGES, SubmittedMessage, SubmittedSession

_OF_SESSION = frozenset(field.alias for field in SubmittedSession.model_fields.values())
_OF_MESSAGE = frozenset(field.alias for field in SubmittedMessage.model_fields.values())


def judged_parts(value: Any, *, unknown: int) -> Any:
    """Returns a parsed item without the parts that cannot change its first faults: an object keeps only so many unknown names.

    A list or object in a place that allows neither is empty afterwards, and too many messages leave only their number.
    """
    item = _known(value, _OF_SESSION, unknown)
    messages = value.get("messages") if isinstance(value, dict) else None
    if not isinstance(messages, list):
        return item
    if len(messages) > MAX_MESSAGES:
        return item | {"messages": [None] * len(messages)}
    return item | {"messages": [_known(message, _OF_MESSAGE, unknown) for message in messages]}


def _known(value: Any, names: frozenset[str | None], unknown: int) -> Any:
    if not isinstance(value, dict):
        return _emptied(value)
    others = islice((name for name in value if name not in names), unknown)
    known = (name for name in value if name in names)
    return {name: _emptied(value[name]) for name in (*known, *others)}


def _emptied(value: Any) -> Any:
    return type(value)() if isinstance(value, list | dict) else value
