"""Repeating calls that may safely be repeated: look-ups, listings, uploads, deletions, downloads.

Add nothing that buys: creating a batch is never repeated, whatever the answer. What is worth repeating is decided by
`ledger.rules.service.failures`, and how long a sensor may take by its caller.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from livedash_pipeline.services.errors import ServiceError

ATTEMPTS = 3
# The client library's own limit: whoever asks for a longer pause gets it from the next run, not from a sleeping one.
LONGEST_RETRY_AFTER = 120.0
_BACK_OFF = wait_exponential(multiplier=0.5, max=8.0) + wait_random(0.0, 0.5)

_T = TypeVar("_T")


def worth_repeating(error: BaseException) -> bool:
    """Whether a failed call may succeed within a pause that is short enough to wait for."""
    if not isinstance(error, ServiceError):
        return False
    return error.failure.retryable and (error.failure.retry_after or 0.0) <= LONGEST_RETRY_AFTER


def pause_before_repeating(state: RetryCallState) -> float:
    """Exponential back-off with jitter, and at least what the service asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.failure.retry_after if isinstance(error, ServiceError) else None
    return max(_BACK_OFF(state), asked or 0.0)


def repeated(call: Callable[[], _T], sleep: Callable[[float], None], attempts: int = ATTEMPTS) -> _T:
    """`call()`, repeated while its failure is worth it, `attempts` times at most; the last failure is raised."""
    retrying = Retrying(
        stop=stop_after_attempt(attempts),
        wait=pause_before_repeating,
        retry=retry_if_exception(worth_repeating),
        sleep=sleep,
        reraise=True,
    )
    return retrying(call)
