"""Finds the one cause that refused nearly every line of a batch: the model or its parameters are at fault then, not the requests.

Add a code or words by which services blame a request for what it holds. What a hold is and how long it lasts is in
`ledger.rules.admission.admission`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from livedash_pipeline.ledger.rules.admission.model_parameters import MAXIMUM_NAMES

LEAST_LINES = 20
"""With fewer lines, a refusal of all of them may be chance."""

LEAST_SHARE = 0.95

# Messages about one cause differ in figures, and in ids of calls or answers.
_VARIABLE = re.compile(r"\b(?:req|chatcmpl|resp|batch_req|org|proj)[-_][0-9A-Za-z_-]+|[0-9]+")
_MESSAGE_LENGTH = 200
# Services refuse a conversation for its length and its content, even where many conversations of a batch are alike.
_BLAMES_REQUEST = frozenset(
    {
        "context_length_exceeded",
        "string_above_max_length",
        "array_above_max_length",
        "invalid_prompt",
        "content_policy_violation",
        "content_filter",
        "responsibleaipolicyviolation",
        "duplicate_custom_id",
        "invalid_json_line",
    }
)
# Services that give no code of their own say so in words such as these (vLLM, Azure OpenAI).
_BLAMING_WORDS = re.compile(
    r"context (?:length|window)|prompt is too long|content (?:management )?policy", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Refused:
    """How many lines the service refused in exactly these words."""

    code: str | None
    message: str | None
    lines: int


@dataclass(frozen=True)
class Refusals:
    """Refusals for one cause: the service's code, its message about the first of them, and all the words they came in."""

    code: str | None
    message: str | None
    lines: int
    said: tuple[Refused, ...]


def shared_refusal(requests: int, refused: Iterable[Refused]) -> Refusals | None:
    """Returns the cause that refused nearly all of so many requests; None where they are too few, or the causes several.

    A cause is the service's code and its message, which names the parameter, without what differs from line to line. A refusal
    that blames the request itself is not a cause.
    """
    groups: defaultdict[tuple[str | None, str], list[Refused]] = defaultdict(list)
    for each in (each for each in refused if not _blames_request(each)):
        groups[each.code, _VARIABLE.sub("#", each.message or "")].append(each)
    if requests < LEAST_LINES or not groups:
        return None
    said = max(groups.values(), key=lambda group: sum(each.lines for each in group))
    lines = sum(each.lines for each in said)
    if lines < LEAST_SHARE * requests:
        return None
    return Refusals(said[0].code, said[0].message, lines, tuple(said))


def _blames_request(refused: Refused) -> bool:
    code = (refused.code or "").lower()
    if code in _BLAMES_REQUEST:
        return True
    message = refused.message or ""
    # A maximum of output that leaves no room in the context is a parameter.
    return _BLAMING_WORDS.search(message) is not None and not any(name in message for name in MAXIMUM_NAMES)


def describe_shared(refusals: Refusals, requests: int, model: str) -> str:
    """Describes the cause and its remedy, for the hold."""
    service = f" ({refusals.message[:_MESSAGE_LENGTH]})" if refusals.message else ""
    return (
        f"{refusals.lines} of {requests} lines of a batch were refused for one cause{service}. Their requests wait. Set what "
        f"the model takes: `livedash model set {model} --parameters JSON`, then `livedash submit --unhold`."
    )
