"""Whether one cause refused nearly every line of a batch: then the model or its parameters are at fault, and no request is.

Add nothing that blames a single request. What a hold is and how long it lasts is in `core.admission`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

LEAST_LINES = 20
"""Of fewer lines, a refusal of all may be chance."""

LEAST_SHARE = 0.95

# What differs between messages about one cause: figures, and ids of calls or answers.
_VARIABLE = re.compile(r"\b(?:req|chatcmpl|resp|batch_req|org|proj)[-_][0-9A-Za-z_-]+|[0-9]+")
_MESSAGE_LENGTH = 200


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
    """The cause that refused nearly all of so many requests; None where there are too few of them, or several causes.

    A cause is the service's code and its message, which names the parameter, without what differs from line to line.
    """
    groups: defaultdict[tuple[str | None, str], list[Refused]] = defaultdict(list)
    for each in refused:
        groups[each.code, _VARIABLE.sub("#", each.message or "")].append(each)
    if requests < LEAST_LINES or not groups:
        return None
    said = max(groups.values(), key=lambda group: sum(each.lines for each in group))
    lines = sum(each.lines for each in said)
    if lines < LEAST_SHARE * requests:
        return None
    return Refusals(said[0].code, said[0].message, lines, tuple(said))


def describe_shared(refusals: Refusals, requests: int, model: str) -> str:
    """The cause and its remedy, for the hold."""
    service = f" ({refusals.message[:_MESSAGE_LENGTH]})" if refusals.message else ""
    return (
        f"{refusals.lines} of {requests} lines of a batch were refused for one cause{service}. Their requests wait. Set what "
        f"the model takes: `livedash model set {model} --parameters JSON`, then `livedash submit --unhold`."
    )
