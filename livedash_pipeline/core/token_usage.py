"""Token counts as the service reports them, for one line or for a whole batch, under the names of either API.

Add a count here when the service reports a new kind of token, and to `ai_request_attempts`. What tokens cost stands in
`core.pricing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# No count of tokens comes near it, and sums over a batch still fit a Postgres bigint.
_LARGEST_COUNT = 10**12


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one answer or of a batch; None where the service said nothing that can be a count.

    Cached and cache-write tokens are part of `prompt_tokens`, reasoning tokens are part of `completion_tokens`.
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


NO_USAGE = TokenUsage()
_NOTHING: Mapping[str, object] = {}


def read_usage(usage: object) -> TokenUsage:
    """The `usage` object of a chat completion, of a response or of a batch; never raises."""
    if not isinstance(usage, Mapping):
        return NO_USAGE
    prompt = _details(usage, "prompt_tokens_details", "input_tokens_details")
    completion = _details(usage, "completion_tokens_details", "output_tokens_details")
    return TokenUsage(
        prompt_tokens=_first_count(usage, "prompt_tokens", "input_tokens"),
        completion_tokens=_first_count(usage, "completion_tokens", "output_tokens"),
        total_tokens=_first_count(usage, "total_tokens"),
        cached_tokens=_first_count(prompt, "cached_tokens"),
        cache_write_tokens=_first_count(prompt, "cache_write_tokens"),
        audio_tokens_prompt=_first_count(prompt, "audio_tokens", "audio"),
        reasoning_tokens=_first_count(completion, "reasoning_tokens"),
        audio_tokens_completion=_first_count(completion, "audio_tokens", "audio"),
        accepted_prediction_tokens=_first_count(completion, "accepted_prediction_tokens"),
        rejected_prediction_tokens=_first_count(completion, "rejected_prediction_tokens"),
    )


def _details(usage: Mapping[str, object], *names: str) -> Mapping[str, object]:
    for name in names:
        details = usage.get(name)
        if isinstance(details, Mapping):
            return details
    return _NOTHING


def _first_count(counts: Mapping[str, object], *names: str) -> int | None:
    for name in names:
        value = counts.get(name)
        # Some services write 12.0; true is an int in Python and no count.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is int and 0 <= value <= _LARGEST_COUNT:
            return value
    return None
