"""Repeats calls that may safely be repeated: look-ups, listings, uploads, deletions, downloads.

Add nothing that buys: a create is never repeated, whatever the answer. `ledger.rules.service.failures` decides which failures are
worth repeating; the caller of a sensor decides how long it may take.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from livedash_pipeline.services.errors import ServiceError

ATTEMPTS = 3
# The client library's own limit: a longer pause is left to the next run, since no run sleeps so long.
LONGEST_RETRY_AFTER = 120.0
_BACK_OFF = wait_exponential(multiplier=0.5, max=8.0) + wait_random(0.0, 0.5)

_T = TypeVar("_T")


def worth_repeating(error: BaseException) -> bool:
    """Whether a failed call may succeed within a pause that is short enough to wait for."""
    if not isinstance(error, ServiceError):
        return False
    return error.failure.retryable and (error.failure.retry_after or 0.0) <= LONGEST_RETRY_AFTER


def pause_before_repeating(state: RetryCallState) -> float:
    """Returns seconds to wait: exponential back-off with jitter, and at least what the service asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.failure.retry_after if isinstance(error, ServiceError) else None
    return max(_BACK_OFF(state), asked or 0.0)


def repeated(call: Callable[[], _T], sleep: Callable[[float], None], attempts: int = ATTEMPTS) -> _T:
    """Calls `call()` up to `attempts` times, as long as its failure is worth repeating; raises the last failure."""
    retrying = Retrying(
        stop=stop_after_attempt(attempts),
        wait=pause_before_repeating,
        retry=retry_if_exception(worth_repeating),
        sleep=sleep,
        reraise=True,
    )
    return retrying(call)
