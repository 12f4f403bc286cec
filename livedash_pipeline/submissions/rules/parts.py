"""The parts of a submitted item on which its judgement hangs: all of a good one, and little of one that is only large.

Half a million names of no meaning would each become a fault of which nobody is told. Which fields there are is
`submissions.rules.fields`; add here only what may be left out without any difference to the answer.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from livedash_pipeline.submissions.rules.fields import MAX_MESSAGES, SubmittedMessage, SubmittedSession

_OF_SESSION = frozenset(field.alias for field in SubmittedSession.model_fields.values())
_OF_MESSAGE = frozenset(field.alias for field in SubmittedMessage.model_fields.values())


def judged_parts(value: Any, *, unknown: int) -> Any:
    """A parsed item without what cannot change its first faults: of unknown names, only so many of an object are left.

    A list or object where neither is allowed is empty afterwards, and of too many messages only their number is kept.
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
