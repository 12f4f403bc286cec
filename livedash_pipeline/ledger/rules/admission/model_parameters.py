"""The parameters that a request carries beside the question: defaults by the model's name, and what an operator may set.

Add a family to `_FAMILIES` when a model refuses the parameters that its name gets here. `ledger.store.admission.model_parameters`
reads stored parameters, and `analysis.rules.prompt` writes them into the body. They are not part of an input's hash, since they
do not change the question.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Parameters = Mapping[str, Any]

# Reasoning is billed as output and counts against the maximum; the more effort, the more of it.
_PLAIN = {"max_tokens": 1000, "temperature": 0}
_REASONING = {"max_completion_tokens": 4000, "reasoning_effort": "low"}
_HIGH_EFFORT = {"max_completion_tokens": 16000, "reasoning_effort": "high"}
# The chat variant of the first gpt-5 does not reason; `max_completion_tokens` is the name that every model of the vendor takes.
_CHAT = {"max_completion_tokens": 1000, "temperature": 0}
# Refuses both a reasoning effort and a temperature.
_BARE = {"max_completion_tokens": 4000}

# gpt5, gpt-5, gpt_5.1: with the variant that follows.
_GPT = re.compile(r"(?<![a-z0-9])gpt[-_ ]?(?P<version>\d+)(?P<rest>.*)")
# How deployments write 3.5 and 4.1, since their names may hold no point.
_POINTLESS = re.compile(r"[345]\d")
# Only at the start of a name or before a variant of the series, since names of other vendors also end in `-o1`.
_O_SERIES = re.compile(r"(?:^o[1-9](?![a-z0-9])|(?<![a-z0-9])o[1-9]-(?:mini|pro|preview)(?![a-z0-9]))(?P<rest>.*)")


@dataclass(frozen=True)
class _Family:
    """Matches names of models without the vendor's prefixes, and holds the parameters that they take."""

    pattern: re.Pattern[str]
    parameters: dict[str, Any]


# The first that matches decides. Evidence: the service's refusals, as users quote them in public issues ("Unsupported value:
# 'reasoning_effort' does not support 'low' with this model").
_FAMILIES = tuple(
    _Family(re.compile(pattern), parameters)
    for pattern, parameters in (
        (r"^gpt-5-chat(?![a-z])", _CHAT),
        # gpt-5.1-chat-latest and later take the effort `medium` only, which is their default.
        (r"^gpt-\d[^a-z]*-chat(?![a-z])", _BARE),
        (r"^gpt-.*-search(?![a-z])", _BARE),
        # gpt-5-pro takes `high` only; later ones `high` as well.
        (r"^gpt-(?:[5-9]|\d\d)[^a-z]*-pro(?![a-z])", _HIGH_EFFORT),
        (r"^gpt-(?:[5-9]|\d\d)", _REASONING),
        (r"^o1-(?:mini|preview)\b", _BARE),
        (r"^o[1-9]", _REASONING),
    )
)

MAXIMUM_NAMES = ("max_completion_tokens", "max_tokens", "max_output_tokens", "max_new_tokens")
"""The names under which services take the most output tokens of an answer."""

PLACE = "@transcript@"
"""Takes the place of the transcript in the frame of a line."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_RESERVED = frozenset({"model", "messages", "stream", "stream_options", "n", "input"})
_LONGEST = 10_000
_LARGEST_MAXIMUM = 1_000_000


def base_name(model: str) -> str:
    """Returns the base model's name in lower case, without what vendors, gateways, fine-tuning and deployments put around it."""
    name = model.strip().lower()
    if name.startswith("ft:"):
        name = name.split(":")[1]
    name = name.rpartition("/")[2]
    name = re.sub(r"^(?:[a-z]{2,}\.)+(?=gpt|o[1-9])", "", name)
    found = _GPT.search(name)
    if found is not None:
        version = found["version"]
        if _POINTLESS.fullmatch(version):
            version = f"{version[0]}.{version[1]}"
        return f"gpt-{version}{found['rest']}"
    series = _O_SERIES.search(name)
    return name if series is None else name[series.start() :]


def default_parameters(model: str) -> dict[str, Any]:
    """Returns the parameters for a model without stored ones; models of unknown vendors get what most models take."""
    name = base_name(model)
    family = next((each for each in _FAMILIES if each.pattern.search(name)), None)
    return dict(_PLAIN if family is None else family.parameters)


def maximum_of(parameters: Parameters) -> int:
    """Returns the largest maximum of output tokens that the parameters name, reasoning included; cost limits rest on it.

    Raises:
        ValueError: None is named.
    """
    named = [parameters[name] for name in MAXIMUM_NAMES if parameters.get(name) is not None]
    if not named:
        raise ValueError("no maximum of output tokens is named")
    return int(max(named))


def read_parameters(text: str) -> dict[str, Any]:
    """Reads parameters as a person writes them.

    Raises:
        ValueError: They cannot be used; the message is a sentence without a full stop that says why.
    """
    try:
        found = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{text[:100]!r} is no JSON ({error})") from None
    if not isinstance(found, dict):
        raise ValueError(f"{text[:100]!r} is no JSON object")
    if len(text) > _LONGEST:
        raise ValueError(f"{len(text)} characters are too many; {_LONGEST} are the most")
    reserved = sorted(_RESERVED & found.keys())
    if reserved:
        raise ValueError(f"{', '.join(map(repr, reserved))} is set by the pipeline")
    for each in _texts_in(found):
        check_text(each)
    _check_maximum(found)
    shape = found.get("response_format", {"type": "json_object"})
    if shape is not None and not (isinstance(shape, dict) and isinstance(shape.get("type"), str)):
        raise ValueError("'response_format' has to be an object with a type, or null to leave it out")
    return found


def check_text(text: str) -> None:
    """Refuses text that cannot be stored or sent.

    Raises:
        ValueError: As `read_parameters` raises it.
    """
    if PLACE in text:
        raise ValueError(f"{PLACE!r} stands for the transcript and may be no part of any text")
    if "\0" in text or _SURROGATE.search(text):
        raise ValueError(f"{text[:100]!r} holds a character that is no text (NUL or half of a surrogate pair)")


def _texts_in(value: object) -> Iterator[str]:
    """Keys and values that are text, however deep; refuses numbers beyond every bound."""
    left = [value]
    while left:
        found = left.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, dict):
            left += [*found.keys(), *found.values()]
        elif isinstance(found, list):
            left += found
        elif isinstance(found, float) and math.isinf(found):
            raise ValueError("a number is too large to be written")


def _check_maximum(found: Parameters) -> None:
    named = [name for name in MAXIMUM_NAMES if found.get(name) is not None]
    if not named:
        raise ValueError(
            f"none of {', '.join(MAXIMUM_NAMES)} is among them, and without a maximum no cost could be reserved"
        )
    for name in named:
        value = found[name]
        if type(value) is not int or not 1 <= value <= _LARGEST_MAXIMUM:
            raise ValueError(f"{name!r} is {value!r} and has to be a whole number from 1 to {_LARGEST_MAXIMUM}")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
