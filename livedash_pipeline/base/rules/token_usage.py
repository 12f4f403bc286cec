"""Token counts as services report them, for one line or for a whole batch, in one reading whatever their names and habits.

Add a name here when a service uses one more, and a count to `ai_request_attempts` when there is a new kind of token. What tokens
cost stands in `money.rules.pricing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeGuard

# No count of tokens comes near it, and sums over a batch still fit a Postgres bigint.
_LARGEST_COUNT = 10**12
_LONGEST_DIGITS = len(str(_LARGEST_COUNT))

# The names of chat completions, of responses, of gateways that write camelCase, and of models behind a gateway.
_PROMPT = ("prompt_tokens", "input_tokens", "promptTokens", "inputTokens", "promptTokenCount")
_COMPLETION = ("completion_tokens", "output_tokens", "completionTokens", "outputTokens", "candidatesTokenCount")
_TOTAL = ("total_tokens", "totalTokens", "totalTokenCount")
_CACHED = (
    "cached_tokens",
    "cachedTokens",
    "cached_input_tokens",
    "cachedInputTokens",
    "prompt_cache_hit_tokens",
    "cache_read_input_tokens",
    "cachedContentTokenCount",
)
_CACHE_WRITE = ("cache_write_tokens", "cacheWriteTokens", "cache_creation_input_tokens")
_REASONING = ("reasoning_tokens", "reasoningTokens", "thoughtsTokenCount")
_PROMPT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "promptTokensDetails", "inputTokensDetails")
_COMPLETION_DETAILS = (
    "completion_tokens_details",
    "output_tokens_details",
    "completionTokensDetails",
    "outputTokensDetails",
)

# What the Batch API itself sends.
_USUAL = frozenset(
    ("prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details")
)
_USUAL_PROMPT = frozenset(("cached_tokens", "cache_write_tokens", "audio_tokens"))
_USUAL_COMPLETION = frozenset(
    ("reasoning_tokens", "audio_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens")
)


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one answer or of a batch; None where the service said nothing that can be a count.

    Cached and cache-write tokens are part of `prompt_tokens`, reasoning tokens are part of `completion_tokens`. Where a service
    counts them apart they have been added. `total_tokens` is the service's own figure. `disagrees`: its figures do not add up,
    or were not meant as the API defines them.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens_prompt: int | None = None
    reasoning_tokens: int | None = None
    audio_tokens_completion: int | None = None
    accepted_prediction_tokens: int | None = None
    rejected_prediction_tokens: int | None = None
    disagrees: bool = False

    @property
    def all_tokens(self) -> int:
        """Prompt and completion, or the total where that is greater, as it is where the parts are not stated."""
        return max((self.prompt_tokens or 0) + (self.completion_tokens or 0), self.total_tokens or 0)

    @property
    def shows_work(self) -> bool:
        """Whether a model has run: any count of prompt, completion or all tokens is above zero."""
        return self.all_tokens > 0


NO_USAGE = TokenUsage()
_NOTHING: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True)
class _Parts:
    """Every figure that is stated for prompt and for completion, and what may stand outside of them."""

    prompts: tuple[int, ...]
    completions: tuple[int, ...]
    total: int | None
    cached: int
    written: int
    reasoning: int


def read_usage(usage: object) -> TokenUsage:
    """The `usage` object of a chat completion, of a response or of a batch; never raises."""
    if not isinstance(usage, Mapping):
        return NO_USAGE
    return _read_usual(usage) or read_unusual_usage(usage)


def _read_usual(usage: Mapping[str, object]) -> TokenUsage | None:
    """Reads usage whose counts have the names of chat completions and add up; None for any other.

    Nearly all usage is of this kind, and this reading takes a tenth of the time of the careful one.
    """
    prompt = usage.get("prompt_tokens_details") or _NOTHING
    completion = usage.get("completion_tokens_details") or _NOTHING
    if not (isinstance(prompt, Mapping) and isinstance(completion, Mapping) and usage.keys() <= _USUAL):
        return None
    if not (prompt.keys() <= _USUAL_PROMPT and completion.keys() <= _USUAL_COMPLETION):
        return None
    given, made, total = usage.get("prompt_tokens"), usage.get("completion_tokens"), usage.get("total_tokens")
    if not (_is_count(given) and _is_count(made) and _is_count(total) and given + made == total > 0):
        return None
    counts = (
        prompt.get("cached_tokens"),
        prompt.get("cache_write_tokens"),
        prompt.get("audio_tokens"),
        completion.get("reasoning_tokens"),
        completion.get("audio_tokens"),
        completion.get("accepted_prediction_tokens"),
        completion.get("rejected_prediction_tokens"),
    )
    if not _are_counts(counts):
        return None
    cached, written, heard, reasoning, spoken, accepted, rejected = counts
    if (cached or 0) + (written or 0) > given or (reasoning or 0) > made:
        return None
    return TokenUsage(given, made, total, cached, written, heard, reasoning, spoken, accepted, rejected)


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= _LARGEST_COUNT


def _are_counts(values: tuple[object, ...]) -> TypeGuard[tuple[int | None, ...]]:
    """Whether each value is a count or missing."""
    return all(value is None or _is_count(value) for value in values)


def read_unusual_usage(usage: Mapping[str, object]) -> TokenUsage:
    """Reads usage with any names and habits; never raises.

    The total decides: of several figures, and of counts that may stand inside or outside of others, those are taken that add
    up to it. What is left of a greater total is completion, since thinking is what services leave out. A total that is smaller
    than every reading of the parts lowers nothing, and one of 0 beside parts says nothing.
    """
    prompt = _details(usage, _PROMPT_DETAILS)
    completion = _details(usage, _COMPLETION_DETAILS)
    cached = _first_count((prompt, usage), _CACHED)
    written = _first_count((prompt, usage), _CACHE_WRITE)
    reasoning = _first_count((completion, usage), _REASONING)
    total = _first_count((usage,), _TOTAL)
    parts = _Parts(
        tuple(_counts(usage, _PROMPT)),
        tuple(_counts(usage, _COMPLETION)),
        total,
        cached or 0,
        written or 0,
        reasoning or 0,
    )
    unsaid = parts.total == 0 and any((*parts.prompts, *parts.completions))
    given, made, disagrees = _reconcile(replace(parts, total=None) if unsaid else parts)
    return TokenUsage(
        prompt_tokens=given,
        completion_tokens=made,
        total_tokens=total,
        cached_tokens=cached,
        cache_write_tokens=written,
        audio_tokens_prompt=_first_count((prompt,), ("audio_tokens", "audio")),
        reasoning_tokens=reasoning,
        audio_tokens_completion=_first_count((completion,), ("audio_tokens", "audio")),
        accepted_prediction_tokens=_first_count((completion,), ("accepted_prediction_tokens",)),
        rejected_prediction_tokens=_first_count((completion,), ("rejected_prediction_tokens",)),
        disagrees=disagrees or unsaid,
    )


def _reconcile(parts: _Parts) -> tuple[int | None, int | None, bool]:
    """Prompt and completion tokens that are billed, and whether the figures disagree."""
    contradictory = len(set(parts.prompts)) > 1 or len(set(parts.completions)) > 1
    given, made, total = max(parts.prompts, default=None), max(parts.completions, default=None), parts.total
    if given is None or made is None:
        return *_completed(given, made, total), contradictory or (given or made or 0) > (total or made or given or 0)
    if total is not None:
        found = next((pair for pair in _readings(parts) if sum(pair) == total), None)
        if found is not None:
            return *found, contradictory or found != (given, made) or _overfull(parts, *found)
    outside = _evidently_outside(parts, given, made)
    if total is None:
        return *outside, contradictory or outside != (given, made)
    given, made = outside if sum(outside) <= total else (given, made)
    return given, max(made, total - given), True


def _completed(given: int | None, made: int | None, total: int | None) -> tuple[int | None, int | None]:
    """One part from the other and the total; a total alone says nothing of its parts."""
    if total is None or (given is None and made is None):
        return given, made
    if given is None:
        return max(total - (made or 0), 0), made
    return given, max(total - given, 0)


def _readings(parts: _Parts) -> Iterator[tuple[int, int]]:
    """Every pair of prompt and completion that the figures can mean, the API's own meaning and greater figures first."""
    besides_prompt = (0, parts.cached + parts.written, parts.cached, parts.written)
    for more_given, more_made in product(besides_prompt, (0, parts.reasoning)):
        for given, made in product(sorted(parts.prompts, reverse=True), sorted(parts.completions, reverse=True)):
            yield given + more_given, made + more_made


def _evidently_outside(parts: _Parts, given: int, made: int) -> tuple[int, int]:
    """What exceeds the count that it should be part of stands outside of it."""
    cached = parts.cached + parts.written
    return given + (cached if cached > given else 0), made + (parts.reasoning if parts.reasoning > made else 0)


def _overfull(parts: _Parts, given: int, made: int) -> bool:
    return parts.cached + parts.written > given or parts.reasoning > made


def _details(usage: Mapping[str, object], names: tuple[str, ...]) -> Mapping[str, object]:
    for name in names:
        details = usage.get(name)
        if isinstance(details, Mapping):
            return details
    return _NOTHING


def _counts(counts: Mapping[str, object], names: tuple[str, ...]) -> Iterator[int]:
    for name in names:
        count = _count(counts.get(name))
        if count is not None:
            yield count


def _first_count(places: tuple[Mapping[str, object], ...], names: tuple[str, ...]) -> int | None:
    """The greatest count under any of the names, in the first place that states one: a second name is often 0."""
    return next((max(found) for place in places if (found := list(_counts(place, names)))), None)


def _count(value: object) -> int | None:
    # Some services write 12.0, others "12"; true is an int in Python and no count.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _LONGEST_DIGITS:
        value = int(value)
    return value if _is_count(value) else None
